//! Rows as they lie there, and records in one go.

use super::*;
use crate::{
    model::{Builtin, Code, CodeKind},
    store::{RawEntry, Span},
};

pub(in crate::store) async fn reads_rows_from_either_end(place: &impl Place) {
    let store = place.open().await;
    let (log, other) = (LogId::Control, RoomId::new(NOW));
    let text = "x".repeat(1000);
    let all = (1..=9).map(|seq| message(log, seq, &text));
    append(&*store, all.collect::<Vec<_>>()).await;
    append(&*store, [message(other, 1, "elsewhere")]).await;
    let max = usize::MAX;
    let middle = |newest_first| Span {
        after: 2,
        upto: 6,
        newest_first,
    };
    let cases: [(Span, usize, usize, &[u64]); 8] = [
        (Span::after(0), 3, max, &[1, 2, 3]),
        (Span::after(7), 3, max, &[8, 9]),
        (Span::before(u64::MAX), 3, max, &[9, 8, 7]),
        (Span::before(3), 3, max, &[2, 1]),
        (middle(false), 9, max, &[3, 4, 5, 6]),
        (middle(true), 9, max, &[6, 5, 4, 3]),
        (Span::before(u64::MAX), 9, 1500, &[9, 8]),
        (Span::after(9), 9, max, &[]),
    ];
    for (span, limit, bytes, expected) in cases {
        let found = store.raw_entries(log, span, limit, bytes).await.unwrap();
        let seqs: Vec<_> = found.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, expected, "{span:?}, {limit}, {bytes}");
    }
}

pub(in crate::store) async fn shows_rows_that_do_not_read(place: &impl Place) {
    let store = place.open().await;
    let (log, ana) = (LogId::Control, UserId::new(NOW));
    let broken = Entry {
        from: Some(ana),
        payload: Payload::Unknown {
            kind: "act".into(),
            data: "{\"act\": no JSON \u{e9}".into(),
        },
        ..message(log, 1, "")
    };
    append(&*store, [broken]).await;
    assert!(matches!(store.entry(log, 1).await, Err(Error::Damaged(_))));
    let found = store.raw_entries(log, Span::after(0), 9, 9).await.unwrap();
    let expected = RawEntry {
        seq: 1,
        n: Some(1),
        at: Some(NOW.0),
        from: Some(ana.to_string()),
        version: Some(1),
        kind: "act".into(),
        data: "{\"act\": no JSON \u{e9}".into(),
    };
    assert_eq!(found, [expected]);
    // A server starts all the same, so that somebody can look.
    let state = store.load_control().await.unwrap();
    assert_eq!((state.head.seq, state.hash.as_str()), (1, ""));
}

pub(in crate::store) async fn finds_records_in_one_go(place: &impl Place) {
    let store = place.open().await;
    let mut ana = user("ana");
    ana.email = Some("ana@example.org".parse().unwrap());
    ana.email_login = true;
    let mut ben = user("ben");
    ben.email = Some("ben@example.org".parse().unwrap());
    let mut gone = room("gone", RoomKind::Public);
    gone.deleted_at = Some(NOW);
    let here = room("here", RoomKind::Private);
    put(
        &*store,
        [
            Write::InsertUser(ana.clone()),
            Write::InsertUser(ben.clone()),
            Write::InsertRoom(here.clone()),
            Write::InsertRoom(gone.clone()),
        ],
    )
    .await;
    let names = ["ben", "nobody", "ana"].map(|name| name.parse().unwrap());
    let mut found = store.users_named(&names).await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found, [ana.clone(), ben]);
    assert_eq!(store.users_named(&[]).await.unwrap(), []);

    let emails = ["ben@example.org", "ana@example.org", "x@example.org"];
    let emails = emails.map(|email| email.parse().unwrap());
    let found = store.users_by_email(&emails).await.unwrap();
    assert_eq!(found, [ana], "the other one may not log in");
    assert_eq!(store.users_by_email(&[]).await.unwrap(), []);

    let ids = [gone.id, RoomId::new(NOW), here.id];
    let mut found = store.rooms(&ids).await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found, [gone, here]);
    assert_eq!(store.rooms(&[]).await.unwrap(), []);
}

pub(in crate::store) async fn makes_many_users_in_one_change(place: &impl Place) {
    let store = place.open().await;
    let with_email = |name: &str| User {
        email: Some(format!("{name}@example.org").parse().unwrap()),
        email_login: true,
        ..user(name)
    };
    let code = |user: &User, n: u8| Code {
        hash: [n; 32],
        kind: CodeKind::Claim,
        user: Some(user.id),
        role: Builtin::Member.into(),
        room: None,
        uses: 1,
        by: None,
        created_at: NOW,
        expires_at: NOW,
    };
    let (ana, ben) = (with_email("ana"), with_email("ben"));
    let all = [
        Write::InsertUser(ana.clone()),
        Write::InsertCode(code(&ana, 1)),
        Write::InsertUser(ben.clone()),
        Write::InsertCode(code(&ben, 2)),
    ];
    put(&*store, all).await;
    let names = [ana.name.clone(), ben.name.clone()];
    assert_eq!(store.users_named(&names).await.unwrap().len(), 2);
    assert_eq!(store.code(&[2; 32]).await.unwrap(), Some(code(&ben, 2)));

    // One of them is taken: none of it happens, and it is told what.
    let carl = with_email("carl");
    let again = User {
        email: None,
        email_login: false,
        ..with_email("ben")
    };
    let thief = User {
        email: ana.email.clone(),
        ..with_email("dora")
    };
    for (taken, what) in [(again, "username"), (thief, "email")] {
        let all = [
            Write::InsertUser(carl.clone()),
            Write::InsertCode(code(&carl, 3)),
            Write::InsertUser(taken.clone()),
        ];
        assert_eq!(commit(&*store, writes(all)).await, Outcome::Exists(what));
        let names = [carl.name.clone(), "dora".parse().unwrap()];
        assert_eq!(store.users_named(&names).await.unwrap(), []);
        assert_eq!(store.code(&[3; 32]).await.unwrap(), None);
    }
}
