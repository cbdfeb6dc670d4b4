//! Segments beside live entries: that every entry is read once, wherever it lies; runs and holds.

use super::*;
use crate::{
    id::{HoldId, RunId},
    model::{Actor, Hold, HoldOn, Purge, Run, RunDetail, RunKind, RunState, Segment},
    segment::{self, Line},
    store::{Gap, Lack, Messages, erased, open_segment, sealed_segment},
};

/// A room's log: messages, with something else at every fifth place.
pub(in crate::store) fn log(room: RoomId, upto: u64) -> Vec<Entry> {
    let mut n = 0;
    (1..=upto)
        .map(|seq| {
            let mut entry = message(room, seq, &format!("text {seq}"));
            if seq % 5 == 0 {
                entry.payload = Payload::Membership {
                    user: UserId::new(NOW),
                    role: None,
                };
            } else {
                n += 1;
            }
            entry.n = n;
            entry
        })
        .collect()
}

/// The live entries of a range as a segment.
pub(in crate::store) async fn sealed(
    store: &dyn Store,
    room: RoomId,
    first: u64,
    last: u64,
) -> (Segment, bytes::Bytes) {
    let lines = store.lines(room, first - 1, last, 1_000, usize::MAX).await;
    made(room, &lines.unwrap())
}

pub(in crate::store) fn made(room: RoomId, lines: &[Line]) -> (Segment, bytes::Bytes) {
    let sealed = segment::seal(room, lines).unwrap();
    let segment = sealed_segment(&sealed, lines, RunId::from_bytes([5; 16]));
    (segment, sealed.bytes.into())
}

/// Seals a range, and leaves it live as well.
pub(in crate::store) async fn seal(
    store: &dyn Store,
    room: RoomId,
    first: u64,
    last: u64,
) -> Segment {
    let (segment, bytes) = sealed(store, room, first, last).await;
    put(store, [Write::InsertSegment(segment.clone(), bytes)]).await;
    segment
}

/// Takes live entries out that are sealed.
pub(in crate::store) async fn take_out(store: &dyn Store, room: RoomId, upto: u64) {
    put(store, [Write::DeleteLive { room, upto }]).await;
}

/// Reads a room in every way, and finds what is expected.
async fn assert_reads(store: &dyn Store, room: RoomId, all: &[Entry]) {
    let head = all.last().unwrap().seq;
    assert_eq!(read(store, room).await.unwrap(), all);
    assert_eq!(store.head(room.into()).await.unwrap().seq, head);
    for (after, upto, limit) in [
        (0, 3, 9),
        (2, 11, 100),
        (9, 12, 100),
        (3, 100, 4),
        (head, 99, 9),
    ] {
        let range = all.iter().filter(|e| after < e.seq && e.seq <= upto);
        let expected: Vec<_> = range.take(limit).cloned().collect();
        let found = store.entries(room.into(), after, upto, limit, usize::MAX);
        assert_eq!(found.await.unwrap(), expected, "{after} to {upto}, {limit}");
    }
    // As many bytes as cross the limit.
    let few = store.entries(room.into(), 0, u64::MAX, 1_000, 40).await;
    let few = few.unwrap();
    assert!(!few.is_empty() && few.len() < 5, "{} entries", few.len());
    assert_eq!(few, all[..few.len()]);
    for entry in all {
        let found = store.entry(room.into(), entry.seq).await.unwrap();
        assert_eq!(found.as_ref(), Some(entry));
    }
    assert_eq!(store.entry(room.into(), head + 1).await.unwrap(), None);
    let said: Vec<_> = all.iter().filter(|e| e.payload.is_message()).collect();
    for floor in [0, 4, 13] {
        let said: Vec<_> = said.iter().filter(|e| e.seq >= floor).copied().collect();
        for limit in [1, 3, 7, 100] {
            for at in (0..=head + 1).chain([u64::MAX]) {
                let before: Vec<_> = said.iter().filter(|e| e.seq < at).copied().collect();
                let before = before[before.len().saturating_sub(limit)..].to_vec();
                let found = messages(store, room, Page::Before(at), floor, limit).await;
                assert!(
                    found.iter().eq(before),
                    "before {at}, {limit}, from {floor}"
                );
                let after = said.iter().filter(|e| e.seq > at).take(limit).copied();
                let found = messages(store, room, Page::After(at), floor, limit).await;
                assert!(found.iter().eq(after), "after {at}, {limit}, from {floor}");
            }
        }
    }
    let around = messages(store, room, Page::Around(11), 0, 6).await;
    let expected = said.iter().filter(|e| e.seq >= 7 && e.seq <= 13).copied();
    assert!(around.iter().eq(expected), "around 11");
}

pub(in crate::store) async fn reads_across_live_and_archived(place: &impl Place) {
    let store = place.open().await;
    let (room, other) = (RoomId::new(NOW), RoomId::new(NOW));
    let all = log(room, 21);
    append(&*store, &all[..]).await;
    append(&*store, [message(other, 1, "elsewhere")]).await;
    let first = seal(&*store, room, 1, 4).await;
    assert_reads(&*store, room, &all).await;
    take_out(&*store, room, 2).await;
    assert_reads(&*store, room, &all).await;
    take_out(&*store, room, 4).await;
    assert_reads(&*store, room, &all).await;
    let second = seal(&*store, room, 5, 5).await;
    let third = seal(&*store, room, 6, 15).await;
    take_out(&*store, room, 11).await;
    assert_reads(&*store, room, &all).await;
    take_out(&*store, room, 15).await;
    seal(&*store, room, 16, 20).await;
    take_out(&*store, room, 20).await;
    assert_reads(&*store, room, &all).await;
    // What comes later follows.
    let next = Entry {
        n: 18,
        ..message(room, 22, "next")
    };
    append(&*store, [next.clone()]).await;
    let all: Vec<_> = all.into_iter().chain([next]).collect();
    assert_reads(&*store, room, &all).await;
    assert_eq!(read(&*store, other).await.unwrap().len(), 1);

    assert_eq!(
        store.segment_from(room, 5).await.unwrap(),
        Some(second.clone())
    );
    assert_eq!(
        store.segment_from(room, 6).await.unwrap(),
        Some(third.clone())
    );
    assert_eq!(
        store.segment_from(room, 15).await.unwrap(),
        Some(third.clone())
    );
    assert_eq!(store.segment_from(room, 21).await.unwrap(), None);
    assert_eq!(
        store.segment_before(room, 6).await.unwrap(),
        Some(second.clone())
    );
    assert_eq!(store.segment_before(room, 4).await.unwrap(), None);
    assert_eq!(store.segment_before(other, 99).await.unwrap(), None);
    let (found, bytes) = store.segment(room, 4).await.unwrap().unwrap();
    assert_eq!(found, first);
    assert_eq!(open_segment(&found, &bytes).unwrap().len(), 4);
    let some = store.segments(Some((room, 4)), 2).await.unwrap();
    assert_eq!(some, [second, third]);
    assert_eq!(store.segments(None, 10).await.unwrap().len(), 4);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let new = super::room(&format!("room-{name}"), RoomKind::Public);
        ids.push(new.id);
        put(&*store, [Write::InsertRoom(new)]).await;
    }
    ids.sort_unstable();
    assert_eq!(store.room_ids(None, 2).await.unwrap(), ids[..2]);
    assert_eq!(store.room_ids(Some(ids[1]), 2).await.unwrap(), ids[2..]);
}

pub(in crate::store) async fn refuses_what_would_lose_entries(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, log(room, 12)).await;
    let stale = async |write: Write| {
        assert_eq!(
            commit(&*store, writes([write.clone()])).await,
            Outcome::Stale,
            "{write:?}"
        );
    };
    // A segment follows the one before, and the first begins the log.
    let (late, bytes) = sealed(&*store, room, 2, 4).await;
    stale(Write::InsertSegment(late, bytes)).await;
    stale(Write::DeleteLive { room, upto: 1 }).await;
    let first = seal(&*store, room, 1, 4).await;
    let (again, bytes) = sealed(&*store, room, 1, 4).await;
    stale(Write::InsertSegment(again, bytes)).await;
    let (gap, bytes) = sealed(&*store, room, 6, 8).await;
    stale(Write::InsertSegment(gap, bytes)).await;
    // What is in no segment stays, and so does the last entry of a log.
    stale(Write::DeleteLive { room, upto: 5 }).await;
    seal(&*store, room, 5, 12).await;
    stale(Write::DeleteLive { room, upto: 12 }).await;
    take_out(&*store, room, 11).await;
    assert_eq!(
        store
            .live_entries(room.into(), 0, 99, 99, 9_999)
            .await
            .unwrap()
            .len(),
        1
    );
    // A segment is changed by whoever knows it as it is, and goes when it was restored only.
    let (_, bytes) = store.segment(room, 4).await.unwrap().unwrap();
    stale(Write::RewriteSegment(first.clone(), bytes.clone())).await;
    let newer = Segment {
        generation: 2,
        ..first.clone()
    };
    put(&*store, [Write::RewriteSegment(newer.clone(), bytes)]).await;
    stale(Write::UpdateSegment(newer.clone())).await;
    stale(Write::UpdateSegment(first)).await;
    stale(Write::DeleteSegment { room, last: 4 }).await;
    assert_eq!(store.segment_from(room, 1).await.unwrap(), Some(newer));
    assert_eq!(
        read(&*store, room).await.unwrap(),
        log_as_read(&*store, room, 12).await
    );
}

/// The log as it was made: ids of users are new each time, so only its seqs are told apart.
async fn log_as_read(store: &dyn Store, room: RoomId, upto: u64) -> Vec<Entry> {
    let found = read(store, room).await.unwrap();
    assert_eq!(
        found.iter().map(|e| e.seq).collect::<Vec<_>>(),
        (1..=upto).collect::<Vec<_>>()
    );
    found
}

pub(in crate::store) async fn hides_and_erases_what_is_archived(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let mut all = log(room, 9);
    append(&*store, &all[..]).await;
    let deleted = |target| Write::Delete(deletions::deletion(room, target, 9));
    put(&*store, [deleted(2)]).await;
    // The text of a deleted message is sealed: it can still be restored.
    let (segment, bytes) = sealed(&*store, room, 1, 6).await;
    let lines = open_segment(&segment, &bytes).unwrap();
    assert!(lines[1].data.contains("text 2"));
    put(&*store, [Write::InsertSegment(segment.clone(), bytes)]).await;
    take_out(&*store, room, 6).await;
    put(&*store, [deleted(3), deleted(8)]).await;
    for seq in [2, 3, 8] {
        all[seq - 1].payload = Payload::Tombstone;
    }
    assert_eq!(read(&*store, room).await.unwrap(), all);
    let said: Vec<_> = all
        .iter()
        .filter(|e| e.payload.is_message())
        .cloned()
        .collect();
    let page = messages(&*store, room, Page::Before(99), 0, 99).await;
    assert_eq!(page, said);
    assert_eq!(
        store.entry(room.into(), 3).await.unwrap(),
        Some(all[2].clone())
    );
    let hidden = store.deleted(room, 2, 7, &[8, 9]).await.unwrap();
    assert_eq!(hidden, [2, 3, 8].into());

    // Its text does not leave the store while a segment has it …
    let erase = |target, generation| Write::Erase {
        room,
        target,
        at: NOW,
        generation,
        edits: 0,
    };
    for wrong in [None, Some(2)] {
        let outcome = commit(&*store, writes([erase(3, wrong)])).await;
        assert_eq!(outcome, Outcome::Stale);
    }
    assert_eq!(
        commit(&*store, writes([erase(8, Some(1))])).await,
        Outcome::Stale
    );
    put(&*store, [erase(8, None)]).await;
    // … but with the segment that has it no more.
    let lines: Vec<_> = lines
        .into_iter()
        .map(|l| if l.seq == 3 { erased(l) } else { l })
        .collect();
    let (mut without, bytes) = made(room, &lines);
    without.generation = 2;
    let rewrite = Write::RewriteSegment(without, bytes);
    put(&*store, [rewrite, erase(3, Some(2))]).await;
    let (now, bytes) = store.segment(room, 6).await.unwrap().unwrap();
    assert_eq!((now.generation, now.erased), (2, 1));
    let text = format!("{:?}", open_segment(&now, &bytes).unwrap());
    assert!(
        text.contains("text 2") && !text.contains("text 3"),
        "{text}"
    );
    assert_eq!(read(&*store, room).await.unwrap(), all);
    let left = store.unerased(Millis(0), NOW, 9).await.unwrap();
    assert_eq!(left.iter().map(|d| d.target).collect::<Vec<_>>(), [2]);

    // A segment that was made before a text was erased is not taken.
    let other = RoomId::new(NOW);
    append(&*store, log(other, 4)).await;
    let (segment, bytes) = sealed(&*store, other, 1, 3).await;
    let gone = Write::Delete(deletions::deletion(other, 1, 4));
    let erase = Write::Erase {
        room: other,
        target: 1,
        at: NOW,
        generation: None,
        edits: 0,
    };
    put(&*store, [gone, erase]).await;
    let outcome = commit(&*store, writes([Write::InsertSegment(segment, bytes)])).await;
    assert_eq!(outcome, Outcome::Stale);
    seal(&*store, other, 1, 3).await;
}

pub(in crate::store) async fn names_what_cannot_be_read(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let all = log(room, 17);
    append(&*store, &all[..]).await;
    let mut purged = seal(&*store, room, 1, 4).await;
    let damaged = seal(&*store, room, 5, 8).await;
    let whole = seal(&*store, room, 9, 12).await;
    take_out(&*store, room, 12).await;
    purged.purge = Some(Purge {
        run: RunId::from_bytes([6; 16]),
        at: NOW,
    });
    let outcome = commit(&*store, writes([Write::UpdateSegment(purged.clone())])).await;
    assert_eq!(outcome, Outcome::Stale, "whoever changes it says so");
    purged.generation = 2;
    put(&*store, [Write::UpdateSegment(purged.clone())]).await;
    assert_reads(&*store, room, &all).await;
    let outcome = commit(&*store, writes([Write::UpdateSegment(purged.clone())])).await;
    assert_eq!(outcome, Outcome::Stale, "it was changed since");
    purged.generation = 3;
    purged.purged_at = Some(NOW);
    purged.size = 0;
    put(&*store, [Write::UpdateSegment(purged.clone())]).await;
    let other_way = Segment {
        generation: 4,
        purged_at: None,
        ..purged.clone()
    };
    let outcome = commit(&*store, writes([Write::UpdateSegment(other_way)])).await;
    assert_eq!(outcome, Outcome::Stale, "what is purged stays so");
    let found = store.segment(room, 4).await.unwrap();
    assert_eq!(found, Some((purged, bytes::Bytes::new())));
    let newer = Segment {
        generation: 2,
        ..damaged
    };
    let garbage = bytes::Bytes::from_static(b"something else\n");
    put(&*store, [Write::RewriteSegment(newer, garbage)]).await;

    let gap = |first, last, why| Gap { first, last, why };
    let said: Vec<_> = all[8..]
        .iter()
        .filter(|e| e.payload.is_message())
        .cloned()
        .collect();
    let all_of_it = Messages {
        entries: said.clone(),
        gaps: vec![gap(1, 4, Lack::Purged), gap(5, 8, Lack::Damaged)],
    };
    for page in [Page::After(0), Page::Before(u64::MAX)] {
        let found = store.messages(room, page, 0, 99).await.unwrap();
        assert_eq!(found, all_of_it, "{page:?}");
    }
    let found = store.messages(room, Page::Around(7), 0, 4).await.unwrap();
    assert_eq!(found.entries, said[..4]);
    assert_eq!(found.gaps.len(), 3, "each half says what it lacks");
    let found = store.messages(room, Page::Before(8), 6, 4).await.unwrap();
    assert_eq!(found.gaps, [gap(6, 7, Lack::Damaged)]);
    let found = store.messages(room, Page::After(12), 0, 4).await.unwrap();
    assert_eq!(found.gaps, []);
    // Those that ask for entries pass over it.
    assert_eq!(read(&*store, room).await.unwrap(), all[8..]);
    let few = store.entries(room.into(), 2, 10, 99, 9_999).await.unwrap();
    assert_eq!(few, all[8..10]);
    assert_eq!(store.entry(room.into(), 2).await.unwrap(), None);
    assert!(matches!(
        store.entry(room.into(), 6).await,
        Err(Error::Damaged(_))
    ));
    assert_eq!(
        store.entry(room.into(), 9).await.unwrap(),
        Some(all[8].clone())
    );
    assert_eq!(store.segment_from(room, 9).await.unwrap(), Some(whole));
}

pub(in crate::store) async fn makes_entries_live_again(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let all = log(room, 13);
    append(&*store, &all[..]).await;
    seal(&*store, room, 1, 6).await;
    let mut last = seal(&*store, room, 7, 12).await;
    take_out(&*store, room, 12).await;
    let (_, bytes) = store.segment(room, 12).await.unwrap().unwrap();
    let lines = open_segment(&last, &bytes).unwrap();
    // The last ones first, and some twice.
    for slice in [&lines[4..], &lines[2..5], &lines[..]] {
        let back = |generation| Write::InsertLive {
            room,
            lines: slice.to_vec(),
            generation,
        };
        let outcome = commit(&*store, writes([back(2)])).await;
        assert_eq!(outcome, Outcome::Stale, "its texts may be erased by now");
        put(&*store, [back(1)]).await;
        assert_reads(&*store, room, &all).await;
    }
    let live = store.lines(room, 0, 12, 99, usize::MAX).await.unwrap();
    assert_eq!(live, lines);
    last.generation = 2;
    last.restored_at = Some(NOW);
    put(&*store, [Write::UpdateSegment(last)]).await;
    assert_reads(&*store, room, &all).await;
    let outcome = commit(&*store, writes([Write::DeleteLive { room, upto: 9 }])).await;
    assert_eq!(outcome, Outcome::Stale, "it is to be live");
    let (again, bytes) = sealed(&*store, room, 13, 13).await;
    let outcome = commit(&*store, writes([Write::InsertSegment(again, bytes)])).await;
    assert_eq!(
        outcome,
        Outcome::Stale,
        "what follows it waits until it is gone"
    );
    put(&*store, [Write::DeleteSegment { room, last: 12 }]).await;
    assert_reads(&*store, room, &all).await;
    // And it can be sealed again.
    seal(&*store, room, 7, 10).await;
    take_out(&*store, room, 10).await;
    assert_reads(&*store, room, &all).await;
}

pub(in crate::store) async fn keeps_runs_and_holds(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let mut detail = RunDetail::new(Actor::server());
    detail.room(room).entries = 7;
    detail.before = Some(NOW);
    let mut runs: Vec<_> = (1..=3_u8)
        .map(|i| Run {
            id: RunId::from_bytes([i; 16]),
            kind: RunKind::Archive,
            state: RunState::Running,
            at: NOW,
            finished_at: None,
            detail: detail.clone(),
        })
        .collect();
    put(
        &*store,
        runs.iter().cloned().map(Write::PutRun).collect::<Vec<_>>(),
    )
    .await;
    runs[1].state = RunState::Done;
    runs[1].finished_at = Some(NOW);
    put(&*store, [Write::PutRun(runs[1].clone())]).await;
    assert_eq!(
        store.run(runs[1].id).await.unwrap().as_ref(),
        Some(&runs[1])
    );
    assert_eq!(store.run(RunId::from_bytes([9; 16])).await.unwrap(), None);
    runs.reverse();
    assert_eq!(store.runs(None, 2).await.unwrap(), runs[..2]);
    assert_eq!(store.runs(Some(runs[1].id), 2).await.unwrap(), runs[2..]);

    let hold = |i: u8, on| Hold {
        id: HoldId::from_bytes([i; 16]),
        on,
        reason: "case 7".parse().unwrap(),
        by: (i == 1).then(|| UserId::from_bytes([8; 16])),
        at: NOW,
    };
    let holds = [
        hold(1, HoldOn::Room(room)),
        hold(2, HoldOn::User(UserId::from_bytes([4; 16]))),
    ];
    put(&*store, holds.clone().map(Write::PutHold)).await;
    assert_eq!(store.load_control().await.unwrap().policy.holds, holds);
    put(
        &*store,
        [
            Write::DeleteHold(holds[0].id),
            Write::DeleteHold(holds[0].id),
        ],
    )
    .await;
    assert_eq!(store.load_control().await.unwrap().policy.holds, holds[1..]);
}
