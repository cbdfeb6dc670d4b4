//! What lies over a room's entries: the same for every backend.
//!
//! An entry is written once. What happens to a message later (that it is deleted; one day edits and
//! reactions) is kept in the overlay, by room and `seq`, and laid over the entries in the store layer, where
//! no reader can forget it. It costs one more look at an index for each page, over no more than the page's
//! own range; nothing when there is no message in it.
//!
//! Who reads in two steps reads the entries first, then what lies over them: a deletion that comes between
//! the two is seen too early, which does no harm, and never too late.

use std::collections::HashSet;

use crate::{
    id::{LogId, RoomId},
    model::{Entry, Payload},
};

/// The room and the first and last `seq` of the messages among these entries of one log, which are in order,
/// one way or the other; none when nothing can lie over them.
pub(super) fn span(entries: &[Entry]) -> Option<(RoomId, u64, u64)> {
    let mut messages = entries
        .iter()
        .filter(|e| matches!(e.payload, Payload::Message { .. }));
    let first = messages.next()?;
    let last = messages.next_back().unwrap_or(first);
    let LogId::Room(room) = first.log else {
        return None;
    };
    Some((room, first.seq.min(last.seq), first.seq.max(last.seq)))
}

/// Takes the text from those messages that are deleted.
pub(super) fn hide(entries: &mut [Entry], deleted: &HashSet<u64>) {
    if deleted.is_empty() {
        return;
    }
    for entry in entries.iter_mut().filter(|e| deleted.contains(&e.seq)) {
        if entry.payload.is_message() {
            entry.payload = Payload::Tombstone;
        }
    }
}
