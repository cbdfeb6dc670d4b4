//! What lies over a room's entries: the same for every backend.
//!
//! An entry is written once. What happens to a message later (that it is edited or deleted) is kept in the
//! overlay, by room and `seq`, and laid over the entries in the store layer, where no reader can forget it. It
//! costs one more look at an index for each page, over no more than the page's own range; nothing when there is
//! no message in it.
//!
//! Who reads a log as it went ([`hide`]) sees messages and edits as they happened, but nothing of what is
//! deleted since. Who reads a page of messages ([`lay`]) sees each as it is now.
//!
//! Who reads in two steps reads the entries first, then what lies over them: a deletion that comes between
//! the two is seen too early, which does no harm, and never too late.

use std::collections::{BTreeMap, HashSet};

use crate::{
    id::{LogId, RoomId},
    model::{Entry, Laid, Over, Payload},
};

/// The messages that entries have, or are about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whose.
    pub(super) room: RoomId,
    /// The `seq` of the first message among them.
    pub(super) first: u64,
    /// The `seq` of the last one; under `first` when there is none.
    pub(super) last: u64,
    /// The messages that edits among them are of, where they are not between.
    pub(super) beside: Vec<u64>,
}

/// What these entries of one log, which are in order, one way or the other, reach; none when nothing can lie
/// over them.
pub(super) fn reach(entries: &[Entry]) -> Option<Reach> {
    let said = |e: &&Entry| e.payload.is_message();
    let mut messages = entries.iter().filter(said).map(|e| e.seq);
    let (first, last) = match messages.next() {
        Some(one) => {
            let other = messages.next_back().unwrap_or(one);
            (one.min(other), one.max(other))
        }
        None => (1, 0),
    };
    let edited = entries.iter().filter_map(|e| match e.payload {
        Payload::Edit { target, .. } => Some(target),
        _ => None,
    });
    let mut beside: Vec<u64> = edited.filter(|t| !(first..=last).contains(t)).collect();
    beside.sort_unstable();
    beside.dedup();
    if first > last && beside.is_empty() {
        return None;
    }
    let LogId::Room(room) = entries.first()?.log else {
        return None;
    };
    Some(Reach {
        room,
        first,
        last,
        beside,
    })
}

/// Takes the text from those messages that are deleted, and from their edits.
pub(super) fn hide(entries: &mut [Entry], deleted: &HashSet<u64>) {
    if deleted.is_empty() {
        return;
    }
    for entry in entries.iter_mut() {
        match &mut entry.payload {
            Payload::Message { .. } if deleted.contains(&entry.seq) => {
                entry.payload = Payload::Tombstone;
            }
            Payload::Edit { target, body } if deleted.contains(target) => *body = None,
            _ => {}
        }
    }
}

/// Makes messages what they are now.
pub fn lay(messages: &mut [Entry], mut over: BTreeMap<u64, Laid>) {
    if over.is_empty() {
        return;
    }
    for entry in messages {
        let Some(laid) = over
            .remove(&entry.seq)
            .filter(|_| entry.payload.is_message())
        else {
            continue;
        };
        if laid.deleted {
            entry.payload = Payload::Tombstone;
        }
        let Payload::Message { body, .. } = &mut entry.payload else {
            let thread = laid.thread;
            let over = Over {
                thread,
                ..Over::default()
            };
            entry.over = thread.is_some().then(|| Box::new(over));
            continue;
        };
        let edited = laid.edited();
        if let Some(text) = laid.body {
            *body = text;
        }
        let over = Over {
            edited,
            reactions: laid.reactions,
            pinned: laid.pinned,
            thread: laid.thread,
        };
        entry.over = (over != Over::default()).then(|| Box::new(over));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, store::contract::message};

    #[test]
    fn it_reaches_messages_and_what_was_edited() {
        let room = RoomId::new(Millis(1));
        let said = |seq| message(room, seq, "text");
        let edit = |seq, target| {
            let mut entry = said(seq);
            entry.payload = Payload::Edit { target, body: None };
            entry
        };
        let reached = |entries: &[Entry]| reach(entries).map(|r| (r.first, r.last, r.beside));
        assert_eq!(reached(&[]), None);
        assert_eq!(reached(&[said(3)]), Some((3, 3, vec![])));
        let all = [said(3), edit(4, 1), said(5), edit(6, 3), edit(7, 1)];
        assert_eq!(reached(&all), Some((3, 5, vec![1])));
        assert_eq!(reached(&[edit(9, 2)]), Some((1, 0, vec![2])));
        let mut backwards = all;
        backwards.reverse();
        assert_eq!(reached(&backwards), Some((3, 5, vec![1])));
    }
}
