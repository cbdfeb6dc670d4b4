//! Nothing is done that nobody asked about, and an outcome that was not known holds for sockets too.

use super::*;
use crate::{
    hub::CloseCode,
    model::{Authority, Caller, Origin},
};

#[tokio::test]
async fn an_act_that_nobody_authorised_is_refused_and_changes_nothing() {
    let house = house().await;
    let (room, ana) = (house.room, house.ana);
    let touches = [room.into(), ana.into()];
    let gone = Write::DeleteMember(room, ana);
    for with_entry in [true, false] {
        let gone = gone.clone();
        let done = house.log.append(&touches, None, move |draft| {
            if with_entry {
                let said = Payload::Message {
                    body: "unasked".into(),
                    reply_to: None,
                    mentions: None,
                    files: Vec::new(),
                };
                draft.entry(room.into(), Some(ana), said);
            } else {
                draft.write(gone.clone());
            }
            Ok(())
        });
        assert_eq!(done.await.unwrap_err(), Refusal::Internal.into());
    }
    assert_unchanged(&house).await;
    // The next one goes on as if nothing had been.
    assert_eq!(
        house.say("asked", None).await.unwrap().entries[0].seq,
        1,
        "and it took no number"
    );
}

#[tokio::test]
async fn a_refusal_that_is_passed_over_is_no_leave() {
    let house = house().await;
    let (room, ana) = (house.room, house.ana);
    let by = Authority::Caller(Caller {
        user: ana,
        session: SessionId::new(Millis(1)),
        scopes: Permissions::ALL,
        bot: false,
        origin: Origin::Rest,
        address: [127, 0, 0, 1].into(),
        request: None,
    });
    let touches = [room.into(), ana.into()];
    let done = house.log.append(&touches, None, move |draft| {
        let refused = draft.authorise(&by, |_| Ok(()));
        assert_eq!(
            refused,
            Err(Refusal::SessionEnded),
            "there is no such session"
        );
        draft.write(Write::DeleteMember(room, ana));
        Ok(())
    });
    assert_eq!(done.await.unwrap_err(), Refusal::Internal.into());
    assert_unchanged(&house).await;
}

#[tokio::test]
async fn a_rehearsal_says_what_would_be_and_changes_nothing() {
    let house = house().await;
    let (room, ana) = (house.room, house.ana);
    let listener = house.listen(0);
    let touches = [room.into(), ana.into()];
    let rehearse = |authorised: bool| {
        house
            .log
            .append_or_rehearse(true, &touches, None, move |draft| {
                if authorised {
                    draft.by_itself();
                }
                draft.entry(
                    room.into(),
                    None,
                    Payload::Membership {
                        user: ana,
                        role: None,
                    },
                );
                draft.write(Write::DeleteMember(room, ana));
                Ok(())
            })
    };
    let would = rehearse(true).await.unwrap();
    assert_eq!((would.entries.len(), would.entries[0].seq), (1, 1));
    assert_eq!(
        rehearse(false).await.unwrap_err(),
        Refusal::Internal.into(),
        "a rehearsal is asked about as well"
    );
    assert_unchanged(&house).await;
    house.say("for real", None).await.unwrap();
    assert_eq!(told(&listener, 1).await, ["for real"]);
}

async fn assert_unchanged(house: &House) {
    let (room, ana) = (house.room, house.ana);
    let live = house.log.room(room).await.unwrap().unwrap();
    assert!(live.facts().members.contains_key(&ana));
    assert_eq!(live.head().seq, 0);
    let stored = house.store.load_room(room).await.unwrap().unwrap();
    assert_eq!((stored.members.len(), stored.head.seq), (1, 0));
}

/// Loses the answer to a commit of these writes, and waits until the logs were read again.
async fn lose(house: &House, writes: Vec<Write>) {
    let (room, ana) = (house.room, house.ana);
    house.store.lose_answer.store(true, Ordering::SeqCst);
    let touches = [room.into(), ana.into(), LogId::Control];
    let lost = house.log.append(&touches, None, move |draft| {
        draft.by_itself();
        draft.entry(
            ana.into(),
            None,
            Payload::Role {
                role: Builtin::Member.into(),
            },
        );
        for write in &writes {
            draft.write(write.clone());
        }
        Ok(())
    });
    assert_eq!(lost.await.unwrap_err(), Refusal::Unavailable.into());
    house.log.room(room).await.unwrap().unwrap();
    house.log.user(ana).await.unwrap().unwrap();
    house.log.begin().await.unwrap();
}

/// Ana's connection, which the hub can find, and whose session the store knows.
async fn connected(house: &House) -> Arc<Connection> {
    let connection = house.listen(0);
    house.hub.register(&connection);
    let session = Session {
        id: connection.session,
        user: house.ana,
        device: None,
        address: None,
        created_at: Millis(1),
        used_at: Millis(1),
        expires_at: Millis(1_000_000),
        ended_at: None,
        anchor: [1; 32],
        current: [1; 32],
        previous: None,
        seed: [0; 32],
        rotated_at: Millis(1),
        version: 1,
        scopes: None,
    };
    let writes = vec![Write::InsertSession(session)];
    let change = Change {
        entries: Vec::new(),
        writes,
    };
    house
        .store
        .inner
        .commit(Arc::new(vec![change]))
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn who_was_removed_by_a_lost_answer_hears_no_more() {
    let house = house().await;
    let listener = connected(&house).await;
    lose(&house, vec![Write::DeleteMember(house.room, house.ana)]).await;
    assert!(!house.hub.listens(house.room.into(), &listener));
}

#[tokio::test]
async fn who_was_banned_by_a_lost_answer_is_closed() {
    let house = house().await;
    let listener = connected(&house).await;
    let ban = Sanction {
        kind: SanctionKind::Ban,
        user: house.ana,
        room: None,
        until: None,
        reason: None,
        by: None,
        at: Millis(1),
    };
    lose(&house, vec![Write::PutSanction(ban)]).await;
    let close = listener.outbox.closing().map(|c| c.code);
    assert_eq!(close, Some(CloseCode::Banned));
}

#[tokio::test]
async fn who_lost_nothing_by_a_lost_answer_goes_on() {
    let house = house().await;
    let listener = connected(&house).await;
    lose(&house, Vec::new()).await;
    assert!(house.hub.listens(house.room.into(), &listener));
    assert_eq!(listener.outbox.closing(), None);
}

#[tokio::test]
async fn whose_role_lost_the_right_to_read_by_a_lost_answer_hears_no_more() {
    let house = house().await;
    let role = |permissions| {
        Write::PutRole(crate::model::Role {
            name: RoleName::parse("reader").unwrap(),
            description: None,
            permissions,
            created_at: Millis(1),
        })
    };
    let listener = connected(&house).await;
    let reader = {
        let live = house.log.user(house.ana).await.unwrap().unwrap();
        let mut user = live.user();
        user.role = RoleName::parse("reader").unwrap();
        user
    };
    let before = [role(Permissions::ALL), Write::UpdateUser(reader)];
    let touches = [house.ana.into(), LogId::Control];
    let made = house.log.append(&touches, None, move |draft| {
        draft.by_itself();
        for write in &before {
            draft.write(write.clone());
        }
        Ok(())
    });
    made.await.unwrap();
    lose(&house, vec![role(Permissions::NONE)]).await;
    assert!(!house.hub.listens(house.room.into(), &listener));
    let live = house.log.user(house.ana).await.unwrap().unwrap();
    assert_eq!(live.with(|p| p.permissions), Permissions::NONE);
}
