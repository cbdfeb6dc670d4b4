//! Pins: messages that a room keeps in sight.

use crate::{
    clock::Millis,
    id::{RoomId, UserId},
};

/// That a message is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// Since when, and by whom.
    pub pinned: Pinned,
}

impl Pin {
    /// How many messages of a room can be pinned: they are listed together.
    pub const MOST: usize = 50;
}

/// Since when a message is pinned, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The `seq` of the entry that pinned it.
    pub seq: u64,
    /// Who did.
    pub by: UserId,
    /// When.
    pub at: Millis,
}
