//! Deleted messages, their texts, and redactions.

use super::*;
use crate::{
    id::RedactionId,
    model::{Actor, Deletion, Redaction, RedactionDetail},
};

/// That message `target` is deleted, by entry `seq`.
pub(in crate::store) fn deletion(room: RoomId, target: u64, seq: u64) -> Deletion {
    Deletion {
        room,
        target,
        seq,
        at: NOW,
        by: None,
        redaction: None,
        erased_at: None,
    }
}

fn tombstone(entry: &Entry) -> Entry {
    Entry {
        payload: Payload::Tombstone,
        ..entry.clone()
    }
}

/// The entry that deletes `target`, with what it does.
fn delete(room: RoomId, target: u64, seq: u64, n: u64) -> Change {
    let payload = Payload::Delete { target };
    let entry = Entry {
        n,
        payload,
        ..message(room, seq, "")
    };
    Change {
        entries: vec![entry],
        writes: vec![Write::Delete(deletion(room, target, seq))],
    }
}

pub(in crate::store) async fn shows_a_deleted_message_to_nobody(place: &impl Place) {
    let store = place.open().await;
    let (room, other, ana) = (RoomId::new(NOW), RoomId::new(NOW), UserId::new(NOW));
    let all: Vec<_> = (1..=4)
        .map(|seq| said(room, seq, ana, &format!("t{seq}")))
        .collect();
    append(&*store, &all[..]).await;
    append(&*store, [message(other, 2 - 1, "elsewhere")]).await;
    let change = delete(room, 2, 5, 4);
    let gone = change.entries[0].clone();
    assert_eq!(commit(&*store, change).await, Outcome::Committed);

    let mut expected = all.clone();
    expected[1] = tombstone(&all[1]);
    let page = |page| messages(&*store, room, page, 0, 10);
    assert_eq!(page(Page::After(0)).await, expected);
    assert_eq!(page(Page::Before(u64::MAX)).await, expected);
    assert_eq!(page(Page::Around(2)).await, expected);
    assert_eq!(page(Page::Before(2)).await, expected[..1]);
    assert_eq!(page(Page::After(2)).await, expected[2..]);
    expected.push(gone);
    assert_eq!(read(&*store, room).await.unwrap(), expected);
    let one = store.entry(room.into(), 2).await.unwrap();
    assert_eq!(one.as_ref(), Some(&expected[1]));
    let by_txn = store.entry_by_txn(room.into(), ana, &txn("t2")).await;
    assert_eq!(by_txn.unwrap().as_ref(), Some(&expected[1]));
    let again = commit(&*store, entries([said(room, 6, ana, "t2")])).await;
    assert_eq!(again, Outcome::Duplicate(Box::new(expected[1].clone())));

    let found = store.deletion(room, 2).await.unwrap();
    assert_eq!(found, Some(deletion(room, 2, 5)));
    for (room, target) in [(room, 3), (other, 2)] {
        assert_eq!(store.deletion(room, target).await.unwrap(), None);
    }
    let elsewhere = store.entry(other.into(), 1).await.unwrap().unwrap();
    assert!(matches!(elsewhere.payload, Payload::Message { .. }));
}

pub(in crate::store) async fn deletes_a_message_once(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a"), message(room, 2, "b")]).await;
    let twice = vec![delete(room, 1, 3, 2), delete(room, 1, 4, 2)];
    let outcomes = store.commit(twice.into()).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed, Outcome::Stale]);
    assert_eq!(
        commit(&*store, delete(room, 1, 4, 2)).await,
        Outcome::Stale,
        "and nothing of it happened"
    );
    assert_eq!(store.head(room.into()).await.unwrap().seq, 3);
    assert_eq!(
        commit(&*store, delete(room, 2, 4, 2)).await,
        Outcome::Committed
    );
}

pub(in crate::store) async fn restores_what_was_deleted_together(place: &impl Place) {
    let store = place.open().await;
    let (room, id) = (RoomId::new(NOW), RedactionId::new(NOW));
    let all: Vec<_> = (1..=3).map(|seq| message(room, seq, "text")).collect();
    append(&*store, &all[..]).await;
    let redacted = Deletion {
        redaction: Some(id),
        by: Some(UserId::new(NOW)),
        ..deletion(room, 1, 4)
    };
    put(
        &*store,
        [Write::Delete(redacted), Write::Delete(deletion(room, 2, 5))],
    )
    .await;
    assert_eq!(store.deletion(room, 1).await.unwrap(), Some(redacted));
    let restore = |target, redaction| {
        writes([Write::Restore {
            room,
            target,
            redaction,
        }])
    };
    // Another redaction's, none's, and what is not deleted.
    let stranger = Some(RedactionId::new(NOW));
    for (target, redaction) in [(1, stranger), (1, None), (2, Some(id)), (3, Some(id))] {
        let stale = commit(&*store, restore(target, redaction)).await;
        assert_eq!(stale, Outcome::Stale, "{target}");
    }
    for (target, redaction) in [(1, Some(id)), (2, None)] {
        let done = commit(&*store, restore(target, redaction)).await;
        assert_eq!(done, Outcome::Committed, "{target}");
        let again = commit(&*store, restore(target, redaction)).await;
        assert_eq!(again, Outcome::Stale, "{target}");
    }
    assert_eq!(read(&*store, room).await.unwrap(), all);
    // It can be deleted again.
    put(&*store, [Write::Delete(deletion(room, 1, 6))]).await;
    let read = store.entry(room.into(), 1).await.unwrap();
    assert_eq!(read, Some(tombstone(&all[0])));
}

pub(in crate::store) async fn erases_the_text_for_good(place: &impl Place) {
    let store = place.open().await;
    let (room, ana) = (RoomId::new(NOW), UserId::new(NOW));
    let all: Vec<_> = (1..=4)
        .map(|seq| said(room, seq, ana, &format!("t{seq}")))
        .collect();
    append(&*store, &all[..]).await;
    let later = NOW.plus(std::time::Duration::from_secs(1));
    let second = Deletion {
        at: later,
        ..deletion(room, 1, 6)
    };
    put(
        &*store,
        [Write::Delete(second), Write::Delete(deletion(room, 3, 5))],
    )
    .await;
    let before = NOW.minus(std::time::Duration::from_millis(1));
    assert_eq!(store.unerased(Millis(0), before, 10).await.unwrap(), []);
    let due = store.unerased(Millis(0), NOW, 10).await.unwrap();
    assert_eq!(due, [deletion(room, 3, 5)]);
    let due = store.unerased(Millis(0), later, 10).await.unwrap();
    assert_eq!(due, [deletion(room, 3, 5), second], "the oldest first");
    let due = store.unerased(later, later, 10).await.unwrap();
    assert_eq!(due, [second], "from a moment on");
    assert_eq!(store.unerased(Millis(0), later, 1).await.unwrap().len(), 1);

    // With one that is not deleted, which nothing happens to.
    let erase = |target| Write::Erase {
        room,
        target,
        at: later,
        generation: None,
        edits: 0,
    };
    put(&*store, [erase(3), erase(2), erase(3)]).await;
    let erased = Deletion {
        erased_at: Some(later),
        ..deletion(room, 3, 5)
    };
    assert_eq!(store.deletion(room, 3).await.unwrap(), Some(erased));
    assert_eq!(
        store.unerased(Millis(0), later, 10).await.unwrap(),
        [second]
    );
    let restore = Write::Restore {
        room,
        target: 3,
        redaction: None,
    };
    assert_eq!(
        commit(&*store, writes([restore])).await,
        Outcome::Stale,
        "there is nothing to restore"
    );
    let gone = Entry {
        digest: None,
        ..tombstone(&all[2])
    };
    assert_eq!(
        store.entry(room.into(), 3).await.unwrap(),
        Some(gone.clone())
    );
    let expected = [tombstone(&all[0]), all[1].clone(), gone, all[3].clone()];
    assert_eq!(read(&*store, room).await.unwrap(), expected);
    store.close().await;
    let store = place.open().await;
    assert_eq!(read(&*store, room).await.unwrap(), expected);
}

pub(in crate::store) async fn lists_redactions_and_what_they_deleted(place: &impl Place) {
    let store = place.open().await;
    let ana = UserId::new(NOW);
    let ids: Vec<_> = (0..3_u8)
        .map(|i| RedactionId::from_bytes([i + 1; 16]))
        .collect();
    let make = |id| Redaction {
        id,
        user: ana,
        at: NOW,
        finished_at: None,
        undone_at: None,
        detail: RedactionDetail {
            since: Millis(1),
            until: NOW,
            rooms: Vec::new(),
            actor: Actor::server(),
            reason: None,
            deleted: Vec::new(),
        },
    };
    let mut all: Vec<_> = ids.iter().rev().map(|id| make(*id)).collect();
    put(
        &*store,
        all.iter()
            .cloned()
            .map(Write::PutRedaction)
            .collect::<Vec<_>>(),
    )
    .await;
    let rooms = [1, 2].map(|i| RoomId::from_bytes([i; 16]));
    all[1].finished_at = Some(NOW);
    all[1].undone_at = Some(NOW);
    all[1].detail.rooms = rooms.to_vec();
    all[1].detail.reason = Some("spam".parse().unwrap());
    all[1].detail.deleted = vec![(rooms[0], 3)];
    put(&*store, [Write::PutRedaction(all[1].clone())]).await;
    assert_eq!(store.redactions(None, 10).await.unwrap(), all);
    assert_eq!(store.redactions(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.redactions(Some(ids[1]), 10).await.unwrap(), all[2..]);
    let one = store.redaction(ids[1]).await.unwrap();
    assert_eq!(one.as_ref(), Some(&all[1]));
    assert_eq!(store.redaction(RedactionId::new(NOW)).await.unwrap(), None);

    let mine = |room, target| Deletion {
        redaction: Some(ids[0]),
        ..deletion(room, target, 9)
    };
    let deleted = [
        mine(rooms[0], 2),
        mine(rooms[0], 10),
        mine(rooms[1], 1),
        mine(rooms[1], 3),
    ];
    let other = Deletion {
        redaction: Some(ids[1]),
        ..deletion(rooms[0], 3, 9)
    };
    let mut list: Vec<_> = deleted.iter().rev().map(|d| Write::Delete(*d)).collect();
    list.push(Write::Delete(other));
    list.push(Write::Delete(deletion(rooms[0], 4, 9)));
    put(&*store, list).await;
    let found = store.deletions_of(ids[0], None, 10).await.unwrap();
    assert_eq!(found, deleted);
    for (i, last) in deleted.iter().enumerate() {
        let after = Some((last.room, last.target));
        let rest = store.deletions_of(ids[0], after, 10).await.unwrap();
        assert_eq!(rest, deleted[i + 1..]);
    }
    assert_eq!(
        store.deletions_of(ids[0], None, 3).await.unwrap(),
        deleted[..3]
    );
}
