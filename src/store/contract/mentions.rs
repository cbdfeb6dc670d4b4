//! Where who was mentioned.

use super::*;
use crate::model::{Mention, Mentions};

fn mention(user: Option<UserId>, room: RoomId, i: u8) -> Mention {
    Mention {
        user,
        message: EntryId::from_bytes([i; 16]),
        room,
        seq: i.into(),
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
