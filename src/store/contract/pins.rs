//! Pinned messages, and messages that are read by their numbers.

use super::{
    archive::{log, seal, take_out},
    deletions::deletion,
    *,
};
use crate::model::{Pin, Pinned, Purge, Segment};

fn pin(room: RoomId, target: u64, seq: u64) -> Write {
    let by = UserId::from_bytes([1; 16]);
    Write::Pin(Pin {
        room,
        target,
        pinned: Pinned { seq, by, at: NOW },
    })
}

/// A segment that is purged.
pub(super) async fn purge(store: &dyn Store, segment: Segment) {
    let pruned = Segment {
        generation: 2,
        purge: Some(Purge {
            run: segment.run,
            at: NOW,
        }),
        ..segment
    };
    let purged = Segment {
        generation: 3,
        purged_at: Some(NOW),
        size: 0,
        ..pruned.clone()
    };
    put(
        store,
        [Write::UpdateSegment(pruned), Write::UpdateSegment(purged)],
    )
    .await;
}

pub(in crate::store) async fn pins_so_many_messages_and_no_more(place: &impl Place) {
    let store = place.open().await;
    let (room, other) = (RoomId::new(NOW), RoomId::new(NOW));
    let most = Pin::MOST as u64;
    let pins: Vec<_> = (1..=most).map(|n| pin(room, n, 1_000 - n)).collect();
    put(&*store, pins).await;
    let over = writes([pin(room, most + 1, 2_000)]);
    assert_eq!(commit(&*store, over.clone()).await, Outcome::Stale);
    put(&*store, [pin(other, 1, 5)]).await;
    let all: Vec<_> = (1..=most).collect();
    assert_eq!(store.pins(room).await.unwrap(), all, "the last first");
    let twice = writes([pin(other, 1, 6)]);
    assert_eq!(commit(&*store, twice).await, Outcome::Stale);
    put(&*store, [Write::Unpin { room, target: 3 }]).await;
    let twice = writes([Write::Unpin { room, target: 3 }]);
    assert_eq!(commit(&*store, twice).await, Outcome::Stale);
    assert_eq!(commit(&*store, over).await, Outcome::Committed);
    assert_eq!(store.pins(room).await.unwrap()[..3], [most + 1, 1, 2]);
    assert_eq!(store.laid_over(room, 3, 3).await.unwrap().len(), 0);
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.pins(other).await.unwrap(), [1]);
    let laid = store.laid_over(other, 1, 1).await.unwrap();
    assert_eq!(laid[&1].pinned.map(|p| (p.seq, p.at)), Some((5, NOW)));
}

pub(in crate::store) async fn takes_down_what_is_deleted_or_purged(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, log(room, 9)).await;
    put(&*store, [1, 3, 6, 7].map(|n| pin(room, n, 20 + n))).await;
    put(&*store, [Write::Delete(deletion(room, 6, 30))]).await;
    assert_eq!(store.pins(room).await.unwrap(), [7, 3, 1]);
    let refused = writes([pin(room, 6, 31)]);
    assert_eq!(commit(&*store, refused).await, Outcome::Stale);
    let restore = Write::Restore {
        room,
        target: 6,
        redaction: None,
    };
    put(&*store, [restore]).await;
    assert_eq!(store.pins(room).await.unwrap(), [7, 3, 1], "it stays down");
    let segment = seal(&*store, room, 1, 4).await;
    take_out(&*store, room, 4).await;
    assert_eq!(store.pins(room).await.unwrap(), [7, 3, 1]);
    purge(&*store, segment).await;
    assert_eq!(store.pins(room).await.unwrap(), [7]);
}

pub(in crate::store) async fn reads_messages_by_number_wherever_they_lie(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let all = log(room, 20);
    append(&*store, &all[..]).await;
    let first = seal(&*store, room, 1, 4).await;
    seal(&*store, room, 5, 11).await;
    take_out(&*store, room, 9).await;
    put(
        &*store,
        [Write::Delete(deletion(room, 8, 30)), pin(room, 2, 31)],
    )
    .await;
    // Every fifth is none.
    let asked = [19, 2, 7, 8, 5, 15, 9, 14, 99];
    let found = store.messages_at(room, &asked).await.unwrap();
    let seqs: Vec<_> = found.entries.iter().map(|e| e.seq).collect();
    assert_eq!(
        (&seqs[..], &found.gaps[..]),
        (&[19, 2, 7, 8, 9, 14][..], &[][..])
    );
    assert_eq!(found.entries[3].payload, Payload::Tombstone);
    let pinned = |e: &Entry| e.over.as_ref().is_some_and(|over| over.pinned.is_some());
    assert!(pinned(&found.entries[1]) && !pinned(&found.entries[2]));
    assert_eq!(found.entries[2].payload, all[6].payload);
    purge(&*store, first).await;
    let found = store.messages_at(room, &asked).await.unwrap();
    assert_eq!((found.entries.len(), found.gaps.len()), (5, 1));
    assert_eq!((found.gaps[0].first, found.gaps[0].last), (2, 2));
}

pub(in crate::store) async fn opens_each_segment_once(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, log(room, 300)).await;
    for first in (1..=240).step_by(4) {
        seal(&*store, room, first, first + 3).await;
    }
    take_out(&*store, room, 240).await;
    // Here and there, live ones between.
    let asked: Vec<u64> = (1..=4).flat_map(|i| (i..=240).step_by(4)).collect();
    let asked: Vec<u64> = asked.into_iter().chain([299, 1_000]).collect();
    let all: Vec<u64> = asked
        .iter()
        .copied()
        .filter(|seq| seq % 5 > 0 && *seq < 300)
        .collect();
    let opened = || crate::store::counted::SEGMENTS.replace(0);
    opened();
    let found = store.messages_at(room, &asked).await.unwrap();
    let seqs: Vec<_> = found.entries.iter().map(|e| e.seq).collect();
    assert_eq!((seqs, found.gaps.len()), (all, 0));
    assert_eq!(opened(), 60);
    let few: Vec<u64> = (1..=100).collect();
    let (page, answered) = store.some_messages_at(room, &few).await.unwrap();
    assert_eq!((page.entries.len(), answered), (80, 100));
    assert_eq!(opened(), 25);
    let many: Vec<u64> = (1..=240).collect();
    let (page, answered) = store.some_messages_at(room, &many).await.unwrap();
    assert_eq!((page.entries.len(), answered), (160, 200));
    assert_eq!(opened(), 50);
    let live: Vec<u64> = (241..=300).collect();
    let (page, answered) = store.some_messages_at(room, &live).await.unwrap();
    assert_eq!((page.entries.len(), answered), (48, 60));
    assert_eq!(opened(), 0);
}
