//! The archive, as far as it is particular to MongoDB: what it asks, and transactions that pass each other.

use super::*;
use crate::{
    id::{HoldId, RunId},
    model::{Actor, Hold, HoldOn, Run, RunDetail, RunKind, RunState, Segment},
    segment::Line,
    store::Write,
};

fn writes(writes: impl Into<Vec<Write>>) -> Arc<Vec<Change>> {
    let (entries, writes) = (Vec::new(), writes.into());
    vec![Change { entries, writes }].into()
}

async fn put(store: &dyn Store, list: impl Into<Vec<Write>>) {
    let outcomes = store.commit(writes(list)).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
}

/// Says so many messages in a new room, and answers how they lie there.
async fn talk(store: &dyn Store, count: u64) -> (RoomId, Vec<Line>) {
    let room = RoomId::new(NOW);
    let said = (1..=count).map(|seq| contract::message(room, seq, "hello"));
    let said = contract::entries(said.collect::<Vec<_>>());
    store.commit(vec![said].into()).await.unwrap();
    let lines = store.lines(room, 0, u64::MAX, 1_000, usize::MAX).await;
    (room, lines.unwrap())
}

fn seal(room: RoomId, lines: &[Line]) -> (Segment, Bytes) {
    let sealed = crate::segment::seal(room, lines).unwrap();
    let header = sealed.header;
    let segment = Segment {
        room,
        first: header.first,
        last: header.last,
        n: header.n,
        first_at: header.first_at,
        last_at: header.last_at,
        entries: header.entries,
        messages: header.messages,
        erased: 0,
        bytes: header.bytes,
        size: sealed.bytes.len() as u64,
        generation: 1,
        run: RunId::new(NOW),
        purge: None,
        purged_at: None,
        restored_at: None,
    };
    (segment, sealed.bytes.into())
}

/// Has a store do everything that it does for the archive.
pub(super) async fn does_everything(store: &dyn Store) {
    records(store).await;
    let (room, lines) = talk(store, 6).await;
    let ((one, data), (two, more)) = (seal(room, &lines[..2]), seal(room, &lines[2..4]));
    let first = [
        Write::InsertSegment(one.clone(), data.clone()),
        Write::InsertSegment(two.clone(), more.clone()),
    ];
    put(store, first).await;
    put(store, [Write::DeleteLive { room, upto: 4 }]).await;
    assert_eq!(store.live_entry(room.into(), 4).await.unwrap(), None);

    // The first segment is rewritten without a text.
    let rewritten = Segment {
        generation: 2,
        erased: 1,
        ..one.clone()
    };
    let erase = Write::Erase {
        room,
        target: 1,
        at: NOW,
        generation: Some(2),
    };
    let deletion = Write::Delete(contract::deletions::deletion(room, 1, 7));
    put(store, [deletion]).await;
    let rewrite = Write::RewriteSegment(rewritten.clone(), data.clone());
    put(store, [rewrite, erase]).await;

    // What is in the second one is live again, for more than one insert.
    let restored = Segment {
        restored_at: Some(NOW),
        ..two.clone()
    };
    put(store, [Write::InsertLive(room, lines[2..].to_vec())]).await;
    put(store, [Write::UpdateSegment(restored.clone())]).await;
    let found = store.segment_from(room, 3).await.unwrap();
    assert_eq!(found.as_ref(), Some(&restored));
    let last = two.last;
    put(store, [Write::DeleteSegment { room, last }]).await;

    let found = store.segment(room, 2).await.unwrap();
    assert_eq!(found, Some((rewritten.clone(), data)));
    let found = store.segment_before(room, u64::MAX).await.unwrap();
    assert_eq!(found.as_ref(), Some(&rewritten));
    assert_eq!(store.segments(None, 9).await.unwrap(), [rewritten]);
    for after in [(room, 2), (RoomId::from_bytes([0; 16]), 0)] {
        store.segments(Some(after), 9).await.unwrap();
    }
    let deleted = store.deleted(room, 1, 6).await.unwrap();
    assert_eq!(deleted, HashSet::from([1]));
    let all = store.entries(room.into(), 0, u64::MAX, 9, usize::MAX).await;
    assert_eq!(all.unwrap().len(), 6);
    store.entry(room.into(), 1).await.unwrap();
    for page in [Page::Before(u64::MAX), Page::After(0), Page::Around(3)] {
        store.messages(room, page, 0, 9).await.unwrap();
    }
    for after in [None, Some(room)] {
        store.room_ids(after, 9).await.unwrap();
    }
}

/// Runs and holds.
async fn records(store: &dyn Store) {
    let run = Run {
        id: RunId::new(NOW),
        kind: RunKind::Archive,
        state: RunState::Running,
        at: NOW,
        finished_at: None,
        detail: RunDetail::new(Actor::server()),
    };
    let hold = Hold {
        id: HoldId::new(NOW),
        on: HoldOn::Room(RoomId::new(NOW)),
        reason: "a court asked".parse().unwrap(),
        by: None,
        at: NOW,
    };
    put(
        store,
        [Write::PutRun(run.clone()), Write::PutHold(hold.clone())],
    )
    .await;
    assert_eq!(store.run(run.id).await.unwrap().as_ref(), Some(&run));
    let kept = store.load_control().await.unwrap().policy.holds;
    assert_eq!(kept, std::slice::from_ref(&hold));
    assert_eq!(
        store.runs(None, 9).await.unwrap(),
        std::slice::from_ref(&run)
    );
    assert_eq!(store.runs(Some(run.id), 9).await.unwrap(), []);
    put(store, [Write::DeleteHold(hold.id)]).await;
}

/// A text is not erased while it is sealed: whichever of two chatd comes second has seen the other.
#[tokio::test]
async fn sealing_and_erasing_do_not_pass_each_other() {
    let Some(base) = Base::new() else { return };
    let (one, other) = (base.mongo().await, base.mongo().await);
    for _ in 0..20 {
        let (room, lines) = talk(&one, 2).await;
        put(
            &one,
            [Write::Delete(contract::deletions::deletion(room, 1, 3))],
        )
        .await;
        let (segment, data) = seal(room, &lines[..1]);
        let erase = Write::Erase {
            room,
            target: 1,
            at: NOW,
            generation: None,
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
