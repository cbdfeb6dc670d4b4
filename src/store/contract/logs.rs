//! Appending to logs and reading them.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    id::SessionId,
    model::{Act, Actor, Head, Origin, Personal, entry::Cleared},
    store::Page,
};

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

pub(in crate::store) async fn appends_in_order(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    assert_eq!(store.head(room.into()).await.unwrap(), Head::default());
    let all: Vec<_> = (1..=5)
        .map(|seq| message(room, seq, &format!("m{seq}")))
        .collect();
    append(&*store, &all[..1]).await;
    append(&*store, &all[1..3]).await;
    let batch = all[3..].iter().map(|e| entries([e.clone()])).collect();
    assert_eq!(
        store.commit(Arc::new(batch)).await.unwrap(),
        [Outcome::Committed, Outcome::Committed]
    );

    assert_eq!(read(&*store, room).await.unwrap(), all);
    assert_eq!(
        store.head(room.into()).await.unwrap(),
        Head {
            seq: 5,
            n: 5,
            at: NOW
        }
    );
    assert_eq!(
        store.entry(room.into(), 2).await.unwrap().as_ref(),
        Some(&all[1])
    );
    assert_eq!(store.entry(room.into(), 6).await.unwrap(), None);
    assert_eq!(store.commit(Vec::new().into()).await.unwrap(), []);
}

pub(in crate::store) async fn takes_several_logs_in_one_batch(place: &impl Place) {
    let store = place.open().await;
    let id = UserId::new(NOW);
    // A room and a user with the same bytes are still two logs.
    let room = RoomId::from_bytes(*id.as_bytes());
    let logs = [LogId::Control, LogId::User(id), LogId::Room(room)];
    let batch: Vec<_> = (1..=2)
        .flat_map(|seq| logs.map(|log| entries([message(log, seq, &format!("{log:?}"))])))
        .collect();
    let outcomes = store.commit(Arc::new(batch)).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Committed; 6]);
    append(&*store, logs.map(|log| message(log, 3, "together"))).await;
    for log in logs {
        let found = read(&*store, log).await.unwrap();
        assert_eq!(seqs(&found), [1, 2, 3]);
        assert!(found.iter().all(|entry| entry.log == log));
    }
}

pub(in crate::store) async fn answers_a_repeated_txn_with_the_original(place: &impl Place) {
    let store = place.open().await;
    let (room, ana, ben) = (RoomId::new(NOW), UserId::new(NOW), UserId::new(NOW));
    let original = said(room, 1, ana, "t");
    append(&*store, [original.clone()]).await;
    let duplicate = Outcome::Duplicate(Box::new(original.clone()));
    // With the next number, and as it was first sent.
    for seq in [2, 1] {
        let again = entries([said(room, seq, ana, "t")]);
        assert_eq!(commit(&*store, again).await, duplicate);
    }
    // Another's, or another room's, is another.
    append(
        &*store,
        [said(room, 2, ben, "t"), said(RoomId::new(NOW), 1, ana, "t")],
    )
    .await;

    let found = store
        .entry_by_txn(room.into(), ana, &txn("t"))
        .await
        .unwrap();
    assert_eq!(found, Some(original));
    assert_eq!(
        store
            .entry_by_txn(room.into(), ana, &txn("u"))
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.head(room.into()).await.unwrap().seq, 2);
}

pub(in crate::store) async fn finds_a_txn_repeated_within_a_batch(place: &impl Place) {
    let store = place.open().await;
    let (room, other, ana) = (RoomId::new(NOW), RoomId::new(NOW), UserId::new(NOW));
    let first = said(room, 1, ana, "t");
    let outcomes = store
        .commit(
            vec![
                entries([first.clone()]),
                entries([said(room, 2, ana, "t")]),
                entries([said(room, 3, ana, "u")]),
                entries([said(other, 1, ana, "u")]),
            ]
            .into(),
        )
        .await
        .unwrap();
    let duplicate = Outcome::Duplicate(Box::new(first.clone()));
    assert_eq!(
        outcomes,
        [
            Outcome::Committed,
            duplicate,
            Outcome::Conflict,
            Outcome::Committed
        ]
    );
    assert_eq!(read(&*store, room).await.unwrap(), [first]);
}

pub(in crate::store) async fn stops_only_the_logs_of_a_failed_change(place: &impl Place) {
    let store = place.open().await;
    let [a, b, c] = [(); 3].map(|()| RoomId::new(NOW));
    let outcomes = store
        .commit(
            vec![
                entries([message(a, 2, "wrong")]),
                entries([message(b, 1, "with a"), message(a, 1, "right, but late")]),
                entries([message(b, 1, "b stopped with it")]),
                entries([message(c, 1, "not concerned")]),
            ]
            .into(),
        )
        .await
        .unwrap();
    let conflict = || Outcome::Conflict;
    assert_eq!(
        outcomes,
        [conflict(), conflict(), conflict(), Outcome::Committed]
    );
    for (room, last) in [(a, 0), (b, 0), (c, 1)] {
        assert_eq!(store.head(room.into()).await.unwrap().seq, last);
        append(&*store, [message(room, last + 1, "the next batch goes on")]).await;
    }
}

pub(in crate::store) async fn refuses_a_wrong_seq(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "one")]).await;
    for seq in [0, 1, 3, 1 << 53, u64::MAX] {
        let wrong = entries([message(room, seq, "wrong")]);
        assert_eq!(commit(&*store, wrong).await, Outcome::Conflict, "{seq}");
    }
    append(&*store, [message(room, 2, "two")]).await;
    assert_eq!(seqs(&read(&*store, room).await.unwrap()), [1, 2]);
}

pub(in crate::store) async fn undoes_all_of_a_failed_change(place: &impl Place) {
    let store = place.open().await;
    let (a, b, ana) = (RoomId::new(NOW), RoomId::new(NOW), user("ana"));
    let failing = Change {
        entries: vec![message(a, 1, "one"), message(b, 1, "one")],
        writes: vec![Write::InsertUser(ana.clone()), Write::TakeCode([0; 32])],
    };
    assert_eq!(commit(&*store, failing).await, Outcome::Stale);
    assert_eq!(store.users(&[ana.id]).await.unwrap(), []);
    for room in [a, b] {
        assert_eq!(store.head(room.into()).await.unwrap(), Head::default());
        append(&*store, [message(room, 1, "one")]).await;
    }
    put(&*store, [Write::InsertUser(ana)]).await;
}

pub(in crate::store) async fn pages_messages_between_other_entries(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    // Even numbers are messages: 2, 4 … 20.
    let all: Vec<_> = (1..=21)
        .map(|seq| Entry {
            n: seq / 2,
            payload: if seq % 2 == 0 {
                Payload::Message {
                    body: "hi".into(),
                    reply_to: (seq > 2).then(|| seq - 2),
                    mentions: None,
                    files: Vec::new(),
                }
            } else {
                Payload::Membership {
                    user: UserId::new(NOW),
                    role: Some(RoomRole::Viewer),
                }
            },
            ..message(room, seq, "")
        })
        .collect();
    append(&*store, &all[..]).await;
    append(&*store, [message(RoomId::new(NOW), 1, "elsewhere")]).await;

    let cases: [(Page, u64, usize, &[u64]); 12] = [
        (Page::Before(u64::MAX), 0, 3, &[16, 18, 20]),
        (Page::Before(16), 0, 3, &[10, 12, 14]),
        (Page::Before(16), 13, 3, &[14]),
        (Page::Before(2), 0, 3, &[]),
        (Page::After(0), 0, 3, &[2, 4, 6]),
        (Page::After(4), 0, 2, &[6, 8]),
        (Page::After(4), 11, 2, &[12, 14]),
        (Page::After(u64::MAX), 0, 2, &[]),
        (Page::Around(10), 0, 4, &[6, 8, 10, 12]),
        (Page::Around(11), 10, 4, &[10, 12, 14, 16]),
        (Page::Around(2), 8, 2, &[8, 10]),
        (Page::Before(u64::MAX), 0, 0, &[]),
    ];
    for (page, floor, limit, expected) in cases {
        let found = messages(&*store, room, page, floor, limit).await;
        assert_eq!(
            seqs(&found),
            expected,
            "{page:?} from {floor}, {limit} of them"
        );
        assert!(found.iter().all(|entry| all.contains(entry)));
    }
}

pub(in crate::store) async fn reads_entries_up_to_a_limit(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let text = "x".repeat(1_000);
    append(
        &*store,
        (1..=9)
            .map(|seq| message(room, seq, &text))
            .collect::<Vec<_>>(),
    )
    .await;
    let max = usize::MAX;
    let cases: [(u64, u64, usize, usize, &[u64]); 7] = [
        (0, u64::MAX, 3, max, &[1, 2, 3]),
        (2, 4, 100, max, &[3, 4]),
        (7, 100, 100, max, &[8, 9]),
        (9, u64::MAX, 100, max, &[]),
        (4, 4, 100, max, &[]),
        // The one that crosses is the last, and there always is one.
        (0, 9, 100, 2_500, &[1, 2, 3]),
        (0, 9, 100, 0, &[1]),
    ];
    for (after, upto, limit, bytes, expected) in cases {
        let found = store
            .entries(room.into(), after, upto, limit, bytes)
            .await
            .unwrap();
        assert_eq!(
            seqs(&found),
            expected,
            "({after}, {upto}], {limit}, {bytes} bytes"
        );
    }
}

pub(in crate::store) async fn keeps_every_kind_and_passes_over_unknown_ones(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let (ana, ben) = (UserId::new(NOW), UserId::new(NOW));
    let name: crate::model::RoomName = "general".parse().unwrap();
    let unknown = Payload::Unknown {
        kind: "poll".into(),
        data: r#"{"kind":"x","q":"?"}"#.into(),
    };
    let payloads = [
        Payload::Created {
            name: name.clone(),
            owner: ana,
        },
        Payload::Message {
            body: "\u{1f469}\u{200d}\u{1f680} \"hi\"\n".into(),
            reply_to: None,
            mentions: None,
            files: Vec::new(),
        },
        Payload::Message {
            body: "re".into(),
            reply_to: Some((1 << 53) - 1),
            mentions: None,
            files: Vec::new(),
        },
        unknown,
        Payload::Membership {
            user: ben,
            role: Some(RoomRole::Moderator),
        },
        Payload::Membership {
            user: ben,
            role: None,
        },
        Payload::Owner {
            owner: ben,
            previous: ana,
        },
        Payload::Settings {
            name: Some(name.clone()),
            title: Some(Cleared::Set("A title".parse().unwrap())),
            topic: None,
            history: Some(History::SinceJoin),
            rules: Some(RoomRules {
                slow_mode: 5,
                ..RoomRules::default()
            }),
        },
        Payload::Settings {
            name: None,
            title: Some(Cleared::Gone(String::new())),
            topic: Some(Cleared::Set("".parse().unwrap())),
            history: None,
            rules: None,
        },
        Payload::Added {
            people: vec![UserId::from_bytes([3; 16])],
            target: room,
            name,
            role: RoomRole::Owner,
        },
        Payload::Removed {
            target: room,
            why: "left".into(),
        },
        Payload::Role {
            role: Builtin::Auditor.into(),
        },
        Payload::Sanction {
            sanction: crate::model::SanctionKind::Mute,
            target: Some(room),
            holds: true,
            until: Some(NOW),
            reason: Some("loud".parse().unwrap()),
        },
        Payload::Act(Box::new(act("hash"))),
        Payload::Edit {
            target: 3,
            body: Some("better".into()),
        },
        Payload::Delete { target: 2 },
        Payload::Restore { target: 2 },
        Payload::Deleted,
    ];
    let all: Vec<_> = (1..)
        .zip(payloads)
        .map(|(seq, payload)| Entry {
            payload,
            ..message(room, seq, "")
        })
        .collect();
    append(&*store, &all[..]).await;
    let found = read(&*store, room).await.unwrap();
    assert_eq!(found, all);
    let said = messages(&*store, room, Page::After(0), 0, 10).await;
    assert_eq!(seqs(&said), [2, 3]);
}

fn act(hash: &str) -> Act {
    Act {
        act: "room.create".into(),
        actor: Actor {
            origin: Origin::Admin {
                uid: 1000,
                gid: 100,
                pid: Some(7),
                name: None,
                level: Some(crate::model::Level::Own),
                command: None,
                sudo_user: None,
            },
            user: Some(UserId::new(NOW)),
            session: Some(SessionId::new(NOW)),
            request: Some("r1".into()),
            address: None,
        },
        target: Some("x".into()),
        detail: json!({"before": null, "after": [1, "two"], "kind": "public"}),
        personal: Some(Personal {
            salt: "00".into(),
            fields: [("name".to_owned(), "ana".to_owned())].into(),
        }),
        personal_digest: Some("ff".into()),
        hash: hash.into(),
    }
}

pub(in crate::store) async fn tells_the_hash_of_the_last_act(place: &impl Place) {
    let store = place.open().await;
    let state = store.load_control().await.unwrap();
    assert_eq!((state.head, state.hash.as_str()), (Head::default(), ""));
    for (seq, hash) in [(1, "first"), (2, "second")] {
        let payload = Payload::Act(Box::new(act(hash)));
        append(
            &*store,
            [Entry {
                n: 0,
                payload,
                ..message(LogId::Control, seq, "")
            }],
        )
        .await;
        let state = store.load_control().await.unwrap();
        assert_eq!((state.head.seq, state.hash.as_str()), (seq, hash));
    }
    // An entry of another kind after it has no hash to offer.
    append(&*store, [message(LogId::Control, 3, "")]).await;
    let state = store.load_control().await.unwrap();
    assert_eq!((state.head.seq, state.hash.as_str()), (3, "second"));
}

pub(in crate::store) async fn keeps_everything_when_reopened(place: &impl Place) {
    let store = place.open().await;
    let (room, ana) = (room("general", RoomKind::Public), user("ana"));
    let first = said(room.id, 1, ana.id, "t");
    put(
        &*store,
        [
            Write::InsertRoom(room.clone()),
            Write::InsertUser(ana.clone()),
        ],
    )
    .await;
    append(&*store, [first.clone()]).await;
    let (epoch, secret) = (store.epoch(), store.secret());
    let schema = store.about().schema;
    store.close().await;

    let store = place.open().await;
    assert_eq!((store.epoch(), store.secret()), (epoch, secret));
    assert_ne!(secret, [0; 32]);
    let info = store.info().await.unwrap();
    assert_eq!(
        (info.about.epoch, info.about.schema, info.users, info.rooms),
        (epoch, schema, 1, 1)
    );
    assert!(info.bytes > 0);
    assert_eq!(store.load_room(room.id).await.unwrap().unwrap().room, room);
    assert_eq!(store.load_user(ana.id).await.unwrap().unwrap().user, ana);
    assert_eq!(read(&*store, room.id).await.unwrap(), [first]);
    assert_eq!(
        commit(&*store, entries([message(room.id, 1, "again")])).await,
        Outcome::Conflict
    );
    append(&*store, [message(room.id, 2, "on")]).await;
}

pub(in crate::store) async fn answers_nothing_once_closed(place: &impl Place) {
    let store = place.open().await;
    assert!(store.ping().await.is_ok());
    store.close().await;
    store.close().await;
    let log = LogId::Control;
    assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
    assert!(matches!(store.head(log).await, Err(Error::Unavailable(_))));
    let change = entries([message(log, 1, "late")]);
    assert!(matches!(
        store.commit(vec![change].into()).await,
        Err(Error::Unavailable(_))
    ));
}
