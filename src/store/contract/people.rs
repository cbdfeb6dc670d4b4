//! Users, sessions, codes, keys and settings.

use std::sync::Arc;

use super::*;
use crate::{
    id::SessionId,
    model::{Code, CodeKind, Key, Session},
};

fn session(user: UserId, created_at: Millis) -> Session {
    Session {
        id: SessionId::new(created_at),
        user,
        device: Some("phone".parse().unwrap()),
        address: Some("192.0.2.1".into()),
        created_at,
        used_at: created_at,
        expires_at: Millis(NOW.0 + 1_000),
        ended_at: None,
        anchor: [1; 32],
        current: [2; 32],
        previous: None,
        seed: [3; 32],
        rotated_at: created_at,
        version: 1,
        scopes: None,
    }
}

fn with_email(name: &str, email: &str, email_login: bool) -> User {
    User {
        email: Some(email.parse().unwrap()),
        email_login,
        ..user(name)
    }
}

pub(in crate::store) async fn keeps_names_and_login_emails_unique(place: &impl Place) {
    let store = place.open().await;
    let ana = with_email("ana", "ana@example.org", true);
    let ben = with_email("ben", "ana@example.org", false);
    put(
        &*store,
        [
            Write::InsertUser(ana.clone()),
            Write::InsertUser(ben.clone()),
        ],
    )
    .await;

    let cases = [
        (Write::InsertUser(user("ana")), Outcome::Exists("username")),
        (
            Write::InsertUser(with_email("eve", "ana@example.org", true)),
            Outcome::Exists("email"),
        ),
        (
            Write::UpdateUser(User {
                name: ana.name.clone(),
                ..ben.clone()
            }),
            Outcome::Exists("username"),
        ),
        (
            Write::UpdateUser(User {
                email_login: true,
                ..ben.clone()
            }),
            Outcome::Exists("email"),
        ),
        (
            Write::InsertUser(User {
                name: "ana2".parse().unwrap(),
                ..ana.clone()
            }),
            Outcome::Stale,
        ),
        (Write::UpdateUser(user("nobody")), Outcome::Stale),
    ];
    for (write, expected) in cases {
        assert_eq!(
            commit(&*store, writes([write.clone()])).await,
            expected,
            "{write:?}"
        );
        // The same with something before it that must be undone.
        let setting = Write::PutSetting("undone".into(), "1".into());
        assert_eq!(commit(&*store, writes([setting, write])).await, expected);
        assert_eq!(store.setting("undone").await.unwrap(), None);
    }
    // A name that was given up can be taken in the same batch.
    let batch = vec![
        writes([Write::UpdateUser(User {
            name: "anna".parse().unwrap(),
            ..ana
        })]),
        writes([Write::UpdateUser(User {
            name: "ana".parse().unwrap(),
            ..ben
        })]),
    ];
    assert_eq!(
        store.commit(Arc::new(batch)).await.unwrap(),
        vec![Outcome::Committed; 2]
    );
}

pub(in crate::store) async fn finds_users(place: &impl Place) {
    let store = place.open().await;
    let ana = User {
        display_name: Some("Ana \u{e9}".parse().unwrap()),
        role: Builtin::Admin.into(),
        status: Status::Invited,
        password: Some("$argon2id$x".into()),
        ..with_email("ana", "ana@example.org", true)
    };
    let all = [
        ana.clone(),
        with_email("ben", "ben@example.org", false),
        user("cat"),
        user("dan"),
    ];
    for user in all.iter().rev() {
        put(&*store, [Write::InsertUser(user.clone())]).await;
    }
    let (ben, nobody) = (&all[1], "nobody".parse().unwrap());
    assert_eq!(
        store.user_by_name(&ana.name).await.unwrap().as_ref(),
        Some(&ana)
    );
    assert_eq!(store.user_by_name(&nobody).await.unwrap(), None);
    let email = |user: &User| user.email.clone().unwrap();
    assert_eq!(
        store.user_by_email(&email(&ana)).await.unwrap().as_ref(),
        Some(&ana)
    );
    assert_eq!(
        store.user_by_email(&email(ben)).await.unwrap(),
        None,
        "it may not log in"
    );

    let mut some = store
        .users(&[ben.id, UserId::new(NOW), ana.id])
        .await
        .unwrap();
    some.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(some, all[..2]);
    assert_eq!(store.list_users(None, 3).await.unwrap(), all[..3]);
    assert_eq!(
        store.list_users(Some(&all[2].name), 3).await.unwrap(),
        all[3..]
    );
    assert_eq!(store.list_users(Some(&nobody), 3).await.unwrap(), []);

    append(&*store, [message(ana.id, 1, "to herself")]).await;
    let state = store.load_user(ana.id).await.unwrap().unwrap();
    assert_eq!((state.user, state.head.seq), (ana, 1));
    assert_eq!(store.load_user(UserId::new(NOW)).await.unwrap(), None);
}

pub(in crate::store) async fn notices_stale_sessions(place: &impl Place) {
    let store = place.open().await;
    let first = session(UserId::new(NOW), NOW);
    put(&*store, [Write::InsertSession(first.clone())]).await;
    let again = writes([Write::InsertSession(first.clone())]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale);

    let second = Session {
        previous: Some([2; 32]),
        current: [4; 32],
        version: 2,
        ..first.clone()
    };
    let update = writes([Write::UpdateSession(second.clone())]);
    // Two refreshes at once: one wins.
    let outcomes = store
        .commit(vec![update.clone(), update.clone()].into())
        .await
        .unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Stale]);
    assert_eq!(commit(&*store, update).await, Outcome::Stale);
    assert_eq!(store.session(first.id).await.unwrap(), Some(second));
    let unknown = writes([Write::UpdateSession(session(first.user, NOW))]);
    assert_eq!(commit(&*store, unknown).await, Outcome::Stale);
}

pub(in crate::store) async fn ends_sessions(place: &impl Place) {
    let store = place.open().await;
    let (ana, ben) = (UserId::new(NOW), UserId::new(NOW));
    let mine: Vec<_> = (0..3)
        .map(|i| session(ana, Millis(NOW.0 - 10 + i)))
        .collect();
    let expired = Session {
        expires_at: NOW,
        ..session(ana, NOW)
    };
    let theirs = session(ben, NOW);
    let all = mine.iter().chain([&expired, &theirs]).cloned();
    put(&*store, all.map(Write::InsertSession).collect::<Vec<_>>()).await;
    let newest_first: Vec<_> = mine.iter().rev().cloned().collect();
    assert_eq!(store.sessions_of(ana, NOW).await.unwrap(), newest_first);

    let end = |at, except| Write::EndSessions {
        user: ana,
        except,
        at,
    };
    put(&*store, [end(NOW, Some(mine[1].id))]).await;
    assert_eq!(store.sessions_of(ana, NOW).await.unwrap(), mine[1..2]);
    let ended = store.session(mine[0].id).await.unwrap().unwrap();
    assert_eq!((ended.ended_at, ended.version), (Some(NOW), 2));
    // A refresh that had been about to happen is too late.
    let late = writes([Write::UpdateSession(Session {
        version: 2,
        ..mine[0].clone()
    })]);
    assert_eq!(commit(&*store, late).await, Outcome::Stale);

    let later = Millis(NOW.0 + 5);
    put(&*store, [end(later, None)]).await;
    assert_eq!(store.sessions_of(ana, NOW).await.unwrap(), []);
    assert_eq!(store.sessions_of(ben, NOW).await.unwrap(), [theirs]);
    // What had ended keeps its time.
    assert_eq!(store.ended_sessions(later).await.unwrap(), [mine[1].id]);
    assert_eq!(store.ended_sessions(NOW).await.unwrap().len(), 4);
    assert_eq!(store.ended_sessions(Millis(later.0 + 1)).await.unwrap(), []);
}

pub(in crate::store) async fn uses_a_code_once(place: &impl Place) {
    let store = place.open().await;
    let code = Code {
        hash: [9; 32],
        kind: CodeKind::Claim,
        user: Some(UserId::new(NOW)),
        role: Builtin::Moderator.into(),
        room: None,
        uses: 1,
        by: None,
        created_at: NOW,
        expires_at: Millis(NOW.0 + 1),
    };
    put(&*store, [Write::InsertCode(code.clone())]).await;
    assert_eq!(store.code(&code.hash).await.unwrap(), Some(code.clone()));
    let take = writes([Write::TakeCode(code.hash)]);
    let outcomes = store.commit(vec![take.clone(), take].into()).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Stale]);
    assert_eq!(store.code(&code.hash).await.unwrap(), None);

    put(&*store, [Write::InsertCode(code.clone())]).await;
    put(&*store, [Write::DeleteCodes(UserId::new(NOW))]).await;
    assert!(store.code(&code.hash).await.unwrap().is_some());
    put(&*store, [Write::DeleteCodes(code.user.unwrap())]).await;
    assert_eq!(store.code(&code.hash).await.unwrap(), None);
}

pub(in crate::store) async fn keeps_keys_and_settings(place: &impl Place) {
    let store = place.open().await;
    let key = Key {
        kid: "k1".into(),
        public: [1; 32],
        created_at: NOW,
        expires_at: NOW,
    };
    let longer = Key {
        expires_at: Millis(NOW.0 + 9),
        ..key.clone()
    };
    put(&*store, [Write::PutKey(key), Write::PutKey(longer.clone())]).await;
    assert_eq!(store.keys().await.unwrap(), [longer]);

    assert_eq!(store.setting("motd").await.unwrap(), None);
    for value in ["\"hi\"", "{}"] {
        put(&*store, [Write::PutSetting("motd".into(), value.into())]).await;
        assert_eq!(store.setting("motd").await.unwrap().as_deref(), Some(value));
    }
}
