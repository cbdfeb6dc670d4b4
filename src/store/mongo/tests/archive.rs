//! The archive, as far as it is particular to MongoDB: the rest of what it asks, and transactions that pass each
//! other.

use super::*;
use crate::{
    model::Segment,
    store::{Write, open_segment},
};

fn writes(writes: impl Into<Vec<Write>>) -> Arc<Vec<Change>> {
    let (entries, writes) = (Vec::new(), writes.into());
    vec![Change { entries, writes }].into()
}

async fn put(store: &dyn Store, list: impl Into<Vec<Write>>) {
    let outcomes = store.commit(writes(list)).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
}

/// A new room in which something was said, and the first two entries of it as a segment.
async fn talk(store: &dyn Store) -> (RoomId, Segment, Bytes) {
    let room = RoomId::new(NOW);
    let said = contract::entries(contract::archive::log(room, 4));
    store.commit(vec![said].into()).await.unwrap();
    let (segment, data) = contract::archive::sealed(store, room, 1, 2).await;
    (room, segment, data)
}

/// What the contract's tests ask thousands of times, once: seals entries and makes them live again, and reads.
pub(super) async fn seals_and_restores(store: &dyn Store) {
    let (room, mut segment, data) = talk(store).await;
    let lines = open_segment(&segment, &data).unwrap();
    put(store, [Write::InsertSegment(segment.clone(), data)]).await;
    put(store, [Write::DeleteLive { room, upto: 2 }]).await;
    for page in [Page::Before(4), Page::After(0), Page::Around(2)] {
        store.messages(room, page, 0, 9).await.unwrap();
    }
    let found = store.segment_before(room, 4).await.unwrap();
    assert_eq!(found.as_ref(), Some(&segment));
    for after in [
        None,
        Some((RoomId::from_bytes([0; 16]), 9)),
        Some((room, 1)),
    ] {
        let found = store.segments(after, 99).await.unwrap();
        assert!(found.contains(&segment), "{after:?}");
    }
    let back = Write::InsertLive {
        room,
        lines,
        generation: 1,
    };
    put(store, [back]).await;
    segment.generation += 1;
    segment.restored_at = Some(NOW);
    put(store, [Write::UpdateSegment(segment)]).await;
    put(store, [Write::DeleteSegment { room, last: 2 }]).await;
    assert_eq!(store.segment(room, 2).await.unwrap(), None);
    for after in [None, Some(room)] {
        store.room_ids(after, 9).await.unwrap();
    }
}

/// A text is not erased while it is sealed: whichever of two chatd comes second has seen what the first did.
#[tokio::test]
async fn sealing_and_erasing_do_not_pass_each_other() {
    let Some(base) = Base::new() else { return };
    let (one, other) = (base.mongo().await, base.mongo().await);
    for _ in 0..20 {
        let (room, segment, data) = talk(&one).await;
        let deletion = contract::deletions::deletion(room, 1, 4);
        put(&one, [Write::Delete(deletion)]).await;
        let erase = Write::Erase {
            room,
            target: 1,
            at: NOW,
            generation: None,
            edits: 0,
        };
        let (sealed, erased) = tokio::join!(
            one.commit(writes([Write::InsertSegment(segment, data)])),
            other.commit(writes([erase])),
        );
        let mut outcomes = [sealed.unwrap().remove(0), erased.unwrap().remove(0)];
        outcomes.sort_by_key(|outcome| *outcome == Outcome::Stale);
        assert_eq!(outcomes, [Outcome::Committed, Outcome::Stale]);
    }
}
