//! Where who was mentioned.

use super::*;
use crate::model::{Deletion, Mention, Mentioned, Mentions, MentionsFrom};

fn mention(user: Option<UserId>, room: RoomId, i: u8) -> Mention {
    Mention {
        user,
        message: EntryId::from_bytes([i; 16]),
        room,
        seq: i.into(),
        by: None,
    }
}

pub(in crate::store) async fn lists_where_somebody_was_mentioned(place: &impl Place) {
    let store = place.open().await;
    let (ana, bob) = (UserId::new(NOW), UserId::new(NOW));
    let (hall, den) = (RoomId::new(NOW), RoomId::new(NOW));
    let all = [
        mention(Some(ana), hall, 1),
        mention(None, den, 2),
        mention(Some(bob), hall, 3),
        mention(None, hall, 4),
        mention(Some(ana), den, 5),
        mention(Some(ana), hall, 6),
    ];
    put(&*store, all.map(Write::Mention)).await;
    store.close().await;

    let store = place.open().await;
    let of = async |user, rooms: &[RoomId], before: Option<u8>, limit| {
        let before = before.map(|i| EntryId::from_bytes([i; 16]));
        let found = store.mentions(user, rooms, before, limit).await.unwrap();
        found.iter().map(|m| m.seq).collect::<Vec<_>>()
    };
    assert_eq!(of(ana, &[], None, 9).await, [6, 5, 1]);
    assert_eq!(of(ana, &[hall, den], None, 9).await, [6, 5, 4, 2, 1]);
    assert_eq!(of(ana, &[hall, den], None, 3).await, [6, 5, 4]);
    assert_eq!(of(ana, &[hall, den], Some(4), 9).await, [2, 1]);
    assert_eq!(of(bob, &[den], None, 9).await, [3, 2]);
    let found = store.mentions(bob, &[den], None, 9).await.unwrap();
    assert_eq!(found, [all[2], all[1]]);
}

pub(in crate::store) async fn finds_mentions_that_are_unread(place: &impl Place) {
    let store = place.open().await;
    let (ana, bob) = (UserId::new(NOW), UserId::new(NOW));
    let (hall, den) = (RoomId::new(NOW), RoomId::new(NOW));
    let by = |by, mention| Mention {
        by: Some(by),
        ..mention
    };
    let all = [
        mention(Some(ana), hall, 1),
        by(bob, mention(Some(ana), hall, 2)),
        by(bob, mention(None, hall, 3)),
        // What one says to everyone oneself.
        by(ana, mention(None, hall, 4)),
        by(bob, mention(Some(bob), hall, 5)),
        by(bob, mention(None, den, 6)),
        by(bob, mention(Some(ana), den, 7)),
    ];
    put(&*store, all.map(Write::Mention)).await;
    store.close().await;

    let store = place.open().await;
    let from = |room, named, everyone| MentionsFrom {
        room,
        named,
        everyone,
    };
    let of = async |from: &[MentionsFrom], most| {
        let found = store.mentions_from(ana, from, most).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|m| (m.room == den, m.seq)).collect();
        found.sort_unstable();
        found
    };
    let (in_hall, in_den) = (|seq| (false, seq), |seq| (true, seq));
    assert_eq!(of(&[], 9).await, []);
    assert_eq!(of(&[from(hall, 0, 0)], 9).await, [1, 2, 3].map(in_hall));
    assert_eq!(of(&[from(hall, 2, 0)], 9).await, [2, 3].map(in_hall));
    assert_eq!(of(&[from(hall, 0, 4)], 9).await, [1, 2].map(in_hall));
    assert_eq!(of(&[from(den, 0, 0)], 9).await, [6, 7].map(in_den));
    let both = [from(hall, 2, 4), from(den, 7, 7)];
    assert_eq!(of(&both, 9).await, [in_hall(2), in_den(7)]);

    // Whoever is deleted says so, and may come back.
    let gone = Deletion {
        room: hall,
        target: 2,
        at: NOW,
        by: None,
        seq: 8,
        redaction: None,
        erased_at: None,
    };
    put(&*store, [Write::Delete(gone)]).await;
    let mut found = store
        .mentions_from(ana, &[from(hall, 2, 2)], 9)
        .await
        .unwrap();
    found.sort_unstable();
    let expected = [(2, true), (3, false)].map(|(seq, deleted)| Mentioned {
        room: hall,
        seq,
        deleted,
    });
    assert_eq!(found, expected);
    let again = Write::Restore {
        room: hall,
        target: 2,
        redaction: None,
    };
    put(&*store, [again]).await;
    let found = store.mentions_from(ana, &[from(hall, 2, 2)], 9).await;
    assert!(found.unwrap().iter().all(|m| !m.deleted));

    // Many are cut to the newest, of each room.
    let many = (1..=1_100_u64).map(|seq| {
        let mut id = [9; 16];
        id[..8].copy_from_slice(&seq.to_be_bytes());
        Write::Mention(Mention {
            user: Some(ana),
            message: EntryId::from_bytes(id),
            room: den,
            seq: 100 + seq,
            by: Some(bob),
        })
    });
    put(&*store, many.collect::<Vec<_>>()).await;
    let found = of(&[from(den, 0, 0), from(hall, 0, 0)], 5).await;
    assert!(found.contains(&in_den(1_200)) && found.contains(&in_den(1_196)));
    assert!(found.contains(&in_hall(1)), "{found:?}");
    assert!(found.len() < 20, "{found:?}");
}

pub(in crate::store) async fn keeps_whom_a_message_mentions(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let mut all = Vec::new();
    for (seq, (users, everyone)) in (1..).zip([
        (vec![UserId::new(NOW), UserId::new(NOW)], false),
        (vec![], true),
        (vec![UserId::new(NOW)], true),
    ]) {
        let payload = Payload::Message {
            body: "text".into(),
            reply_to: (seq > 1).then_some(1),
            mentions: Some(Box::new(Mentions { users, everyone })),
            files: Vec::new(),
        };
        all.push(Entry {
            payload,
            ..message(room, seq, "")
        });
    }
    append(&*store, &all[..]).await;
    assert_eq!(read(&*store, room).await.unwrap(), all);
}
