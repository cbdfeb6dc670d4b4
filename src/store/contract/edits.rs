//! Edited messages: what is read of them, and that nothing is left of those that are erased.

use super::{
    archive::{made, sealed, take_out},
    deletions::deletion,
    *,
};
use crate::{
    model::{Edit, Edited, Over},
    store::{erased, is_erased, open_segment},
};

/// The entry that edits `target`, in a room of so many messages, with what it does.
fn edit(room: RoomId, target: u64, seq: u64, n: u64, body: &str) -> Change {
    let payload = Payload::Edit {
        target,
        body: Some(body.to_owned()),
    };
    let entry = Entry {
        n,
        payload,
        ..message(room, seq, "")
    };
    let edit = Edit {
        room,
        target,
        seq,
        at: NOW,
        body: body.to_owned(),
    };
    Change {
        entries: vec![entry],
        writes: vec![Write::Edit(edit)],
    }
}

/// A message with its newest text.
fn edited(original: &Entry, body: &str, seq: u64, count: u64) -> Entry {
    let edited = Some(Edited {
        at: NOW,
        seq,
        count,
    });
    Entry {
        payload: Payload::Message {
            body: body.to_owned(),
            reply_to: None,
            mentions: None,
            files: Vec::new(),
        },
        over: Some(Box::new(Over {
            edited,
            ..Over::default()
        })),
        ..original.clone()
    }
}

fn hidden(entry: &Entry) -> Entry {
    let mut hidden = entry.clone();
    if let Payload::Edit { body, .. } = &mut hidden.payload {
        *body = None;
    }
    hidden
}

/// All that lies in a room's log and its segments, texts and all.
async fn everything(store: &dyn Store, room: RoomId) -> String {
    let lines = store.lines(room, 0, u64::MAX, 1_000, usize::MAX).await;
    let over = store.laid_over(room, 0, u64::MAX >> 1).await.unwrap();
    let mut text = format!("{:?} {over:?}", lines.unwrap());
    for segment in store.segments(Some((room, 0)), 100).await.unwrap() {
        let found = store.segment(room, segment.last).await.unwrap();
        let (segment, bytes) = found.unwrap();
        let lines = open_segment(&segment, &bytes).unwrap();
        text = format!("{text} {lines:?}");
    }
    text
}

pub(in crate::store) async fn shows_a_message_as_it_is_now(place: &impl Place) {
    let store = place.open().await;
    let (room, other) = (RoomId::new(NOW), RoomId::new(NOW));
    let all: Vec<_> = (1..=3).map(|seq| message(room, seq, "old")).collect();
    append(&*store, &all[..]).await;
    append(&*store, [message(other, 1, "a"), message(other, 2, "b")]).await;
    let changes = [edit(room, 2, 4, 3, "new"), edit(room, 2, 5, 3, "newest")];
    for change in &changes {
        assert_eq!(commit(&*store, change.clone()).await, Outcome::Committed);
    }
    let found = messages(&*store, room, Page::After(0), 0, 10).await;
    let expected = [
        all[0].clone(),
        edited(&all[1], "newest", 5, 2),
        all[2].clone(),
    ];
    assert_eq!(found, expected);
    store.close().await;

    let store = place.open().await;
    for page in [Page::Before(u64::MAX), Page::Around(2), Page::After(0)] {
        let found = messages(&*store, room, page, 0, 10).await;
        assert_eq!(found, expected, "{page:?}");
    }
    let found = messages(&*store, room, Page::Before(3), 0, 1).await;
    assert_eq!(found, expected[1..2]);
    for (seq, message) in (1..).zip(&expected) {
        let found = store.message(room, seq).await.unwrap();
        assert_eq!(found.as_ref(), Some(message));
    }
    assert_eq!(store.message(room, 4).await.unwrap(), None, "no message");
    let elsewhere = messages(&*store, other, Page::After(0), 0, 10).await;
    assert_eq!(elsewhere.len(), 2);
    assert!(elsewhere.iter().all(|m| m.over.is_none()));
    // The log is read as it went.
    let mut went = all.clone();
    went.extend(changes.iter().map(|c| c.entries[0].clone()));
    assert_eq!(read(&*store, room).await.unwrap(), went);
    let laid = store.laid_over(room, 1, 3).await.unwrap();
    assert_eq!(laid.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(
        (laid[&2].body.as_deref(), &laid[&2].edits[..]),
        (Some("newest"), &[4, 5][..])
    );
}

pub(in crate::store) async fn edits_nothing_that_is_deleted_or_too_often_edited(
    place: &impl Place,
) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(&*store, [message(room, 1, "a"), message(room, 2, "b")]).await;
    put(&*store, [Write::Delete(deletion(room, 1, 9))]).await;
    let refused = commit(&*store, edit(room, 1, 3, 2, "c")).await;
    assert_eq!(refused, Outcome::Stale);
    assert_eq!(store.head(room.into()).await.unwrap().seq, 2);
    // Also when it is deleted in the same batch.
    let most = Edit::MOST as u64;
    let batch: Vec<_> = (0..=most)
        .map(|i| edit(room, 2, 3 + i, 2, &format!("text {i}")))
        .collect();
    let mut outcomes = store.commit(batch.into()).await.unwrap();
    assert_eq!(outcomes.pop(), Some(Outcome::Stale), "once too often");
    assert!(outcomes.iter().all(|o| *o == Outcome::Committed));
    let found = store.message(room, 2).await.unwrap().unwrap();
    let count = found.over.and_then(|over| over.edited).map(|e| e.count);
    assert_eq!(count, Some(most));
}

pub(in crate::store) async fn hides_the_edits_of_a_deleted_message(place: &impl Place) {
    let store = place.open().await;
    let (room, ana) = (RoomId::new(NOW), UserId::new(NOW));
    let all: Vec<_> = (1..=3).map(|seq| message(room, seq, "old")).collect();
    append(&*store, &all[..]).await;
    let mut first = edit(room, 2, 4, 3, "new");
    first.entries[0].from = Some(ana);
    first.entries[0].txn = Some(txn("e"));
    let second = edit(room, 3, 5, 3, "of another");
    let went = [first.entries[0].clone(), second.entries[0].clone()];
    for change in [first, second] {
        assert_eq!(commit(&*store, change).await, Outcome::Committed);
    }
    put(&*store, [Write::Delete(deletion(room, 2, 9))]).await;
    let found = read(&*store, room).await.unwrap();
    assert_eq!(found[1].payload, Payload::Tombstone);
    assert_eq!(found[3..], [hidden(&went[0]), went[1].clone()]);
    // Without the message among what is read, and one by one.
    let log = LogId::Room(room);
    let found = store.entries(log, 3, 9, 9, usize::MAX).await.unwrap();
    assert_eq!(found, [hidden(&went[0]), went[1].clone()]);
    let one = store.entry(log, 4).await.unwrap();
    assert_eq!(one, Some(hidden(&went[0])));
    let by_txn = store.entry_by_txn(log, ana, &txn("e")).await.unwrap();
    assert_eq!(by_txn, Some(hidden(&went[0])));
    let page = messages(&*store, room, Page::After(1), 0, 1).await;
    assert_eq!(
        (&page[0].payload, &page[0].over),
        (&Payload::Tombstone, &None)
    );

    // Restored, it is what it was.
    let restore = Write::Restore {
        room,
        target: 2,
        redaction: None,
    };
    put(&*store, [restore]).await;
    let page = messages(&*store, room, Page::After(1), 0, 1).await;
    assert_eq!(page, [edited(&all[1], "new", 4, 1)]);
    assert_eq!(read(&*store, room).await.unwrap()[3], went[0]);
}

pub(in crate::store) async fn erases_what_a_message_was_edited_to(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    append(
        &*store,
        [message(room, 1, "old"), message(room, 2, "stays")],
    )
    .await;
    for (seq, body) in [(3, "new"), (4, "newest")] {
        let done = commit(&*store, edit(room, 1, seq, 2, body)).await;
        assert_eq!(done, Outcome::Committed);
    }
    let erase = |edits| Write::Erase {
        room,
        target: 1,
        at: NOW,
        generation: None,
        edits,
    };
    let erase_edit = |seq| Write::EraseEdit {
        room,
        target: 1,
        seq,
        at: NOW,
        generation: None,
    };
    // Nothing happens to what is not deleted.
    put(&*store, [erase_edit(3), erase(0)]).await;
    let before = everything(&*store, room).await;
    assert!(
        before.contains("newest") && before.contains("old"),
        "{before}"
    );
    put(&*store, [Write::Delete(deletion(room, 1, 9))]).await;
    let outcome = commit(&*store, writes([erase(1)])).await;
    assert_eq!(outcome, Outcome::Stale, "it was edited twice");
    put(&*store, [erase_edit(3), erase_edit(4), erase(2)]).await;
    put(&*store, [erase_edit(3), erase(2)]).await;
    let after = everything(&*store, room).await;
    assert!(!after.contains("old") && !after.contains("new"), "{after}");
    assert!(after.contains("stays"), "{after}");
    assert_eq!(store.unerased(Millis(0), NOW, 9).await.unwrap(), []);
    let found = read(&*store, room).await.unwrap();
    assert!(matches!(
        found[2].payload,
        Payload::Edit {
            target: 1,
            body: None
        }
    ));
    let page = messages(&*store, room, Page::After(0), 0, 9).await;
    assert_eq!((page.len(), &page[0].payload), (2, &Payload::Tombstone));
    // The notes about erased edits are no deletions.
    assert_eq!(store.deletion(room, 3).await.unwrap(), None);
    let deleted = store.deleted(room, 1, 9, &[]).await.unwrap();
    assert_eq!(deleted, [1].into());
}

pub(in crate::store) async fn lays_edits_over_archived_messages(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let all: Vec<_> = (1..=6).map(|seq| message(room, seq, "old")).collect();
    append(&*store, &all[..]).await;
    let done = commit(&*store, edit(room, 2, 7, 6, "before")).await;
    assert_eq!(done, Outcome::Committed);
    super::archive::seal(&*store, room, 1, 3).await;
    take_out(&*store, room, 3).await;
    for (target, seq, body) in [(3, 8, "after"), (5, 9, "live")] {
        let done = commit(&*store, edit(room, target, seq, 6, body)).await;
        assert_eq!(done, Outcome::Committed);
    }
    let mut expected = all.clone();
    for (target, seq, body) in [(2, 7, "before"), (3, 8, "after"), (5, 9, "live")] {
        expected[target - 1] = edited(&all[target - 1], body, seq, 1);
    }
    for page in [Page::Before(99), Page::After(0), Page::Around(4)] {
        let found = messages(&*store, room, page, 0, 9).await;
        assert_eq!(found, expected, "{page:?}");
    }
    let found = store.message(room, 3).await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected[2]));
    assert_eq!(read(&*store, room).await.unwrap()[..6], all, "as it went");
    // The edits themselves archived, and their message deleted.
    super::archive::seal(&*store, room, 4, 8).await;
    take_out(&*store, room, 8).await;
    put(&*store, [Write::Delete(deletion(room, 2, 99))]).await;
    let found = read(&*store, room).await.unwrap();
    let hidden = Payload::Edit {
        target: 2,
        body: None,
    };
    assert_eq!(
        (&found[1].payload, &found[6].payload),
        (&Payload::Tombstone, &hidden)
    );
    let one = store.entry(room.into(), 7).await.unwrap().unwrap();
    assert_eq!(one.payload, hidden);
}

pub(in crate::store) async fn erases_archived_edits(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let all: Vec<_> = (1..=3).map(|seq| message(room, seq, "stays")).collect();
    append(&*store, &all[..]).await;
    for seq in 4..=5 {
        let done = commit(&*store, edit(room, 1, seq, 3, &format!("secret {seq}"))).await;
        assert_eq!(done, Outcome::Committed);
    }
    append(
        &*store,
        [Entry {
            n: 4,
            ..message(room, 6, "last")
        }],
    )
    .await;
    put(&*store, [Write::Delete(deletion(room, 1, 9))]).await;
    // Sealed with the text of an edit that is erased before the segment is put: that would keep it.
    let (segment, bytes) = sealed(&*store, room, 1, 4).await;
    let erase = |generation, edit| Write::Erase {
        room,
        target: 1,
        at: NOW,
        generation,
        edits: edit,
    };
    let erase_edit = |seq, generation| Write::EraseEdit {
        room,
        target: 1,
        seq,
        at: NOW,
        generation,
    };
    put(&*store, [erase_edit(4, None)]).await;
    let late = commit(&*store, writes([Write::InsertSegment(segment, bytes)])).await;
    assert_eq!(late, Outcome::Stale);
    let (segment, bytes) = sealed(&*store, room, 1, 5).await;
    assert_eq!(segment.erased, 1);
    put(
        &*store,
        [Write::InsertSegment(segment.clone(), bytes.clone())],
    )
    .await;
    take_out(&*store, room, 5).await;
    let refused = commit(&*store, writes([erase_edit(5, None)])).await;
    assert_eq!(refused, Outcome::Stale, "its segment has it");
    let lines = open_segment(&segment, &bytes).unwrap().into_iter();
    let lines: Vec<_> = lines
        .map(|line| {
            if matches!(line.seq, 1 | 5) {
                erased(line)
            } else {
                line
            }
        })
        .collect();
    assert_eq!(lines.iter().filter(|l| is_erased(l)).count(), 3);
    let (mut without, bytes) = made(room, &lines);
    without.generation = 2;
    let rewrite = Write::RewriteSegment(without, bytes);
    let gone = [
        rewrite,
        erase_edit(4, Some(2)),
        erase_edit(5, Some(2)),
        erase(Some(2), 2),
    ];
    put(&*store, gone).await;
    let left = everything(&*store, room).await;
    assert!(!left.contains("secret") && left.contains("last"), "{left}");
}
