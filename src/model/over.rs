//! What lies over a message beside its being deleted: what its author made of it since.
//!
//! The entry of a message keeps the text that was sent. Each edit is an entry of its own, and the newest text
//! lies in the overlay, from where a page of history takes it.

use super::{pin::Pinned, reaction::Tally};
use crate::{clock::Millis, id::RoomId};

/// That a message says something else from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// The `seq` of the entry that edits it.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// The new text.
    pub body: String,
}

impl Edit {
    /// How often a message can be edited: each edit stays in the log, and is looked up when the message is
    /// erased.
    pub const MOST: usize = 100;
}

/// All that lies over a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    /// Whether it is deleted.
    pub deleted: bool,
    /// Its text now, when it was edited and that was not erased.
    pub body: Option<String>,
    /// When it was edited last.
    pub edited_at: Option<Millis>,
    /// The `seq` of each entry that edited it, in order.
    pub edits: Vec<u64>,
    /// How people react to it, kept while it is deleted: that can be undone.
    pub reactions: Vec<Tally>,
    /// That it is pinned, if it is.
    pub pinned: Option<Pinned>,
    /// What was said in answer to it, if something was; also to one that is deleted.
    pub thread: Option<Thread>,
}

impl Laid {
    /// What a reader is told about the edits; none when there was none.
    pub fn edited(&self) -> Option<Edited> {
        Some(Edited {
            at: self.edited_at?,
            seq: *self.edits.last()?,
            count: self.edits.len() as u64,
        })
    }
}

/// The answers to a message. Those that were deleted or purged since count, too, as they do in `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// How many there are.
    pub count: u64,
    /// The `seq` of the last one.
    pub last: u64,
    /// When that was said.
    pub at: Millis,
}

/// That a message was edited, for its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edited {
    /// When, the last time.
    pub at: Millis,
    /// The `seq` of the entry that edited it last.
    pub seq: u64,
    /// How often.
    pub count: u64,
}

/// What a reader of a page is told of a message beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// That it was edited, if it was.
    pub edited: Option<Edited>,
    /// How people react to it, the first reaction first.
    pub reactions: Vec<Tally>,
    /// That it is pinned, if it is.
    pub pinned: Option<Pinned>,
    /// What was said in answer to it, if something was; also to one that is deleted.
    pub thread: Option<Thread>,
}
