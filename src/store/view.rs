//! What is asked for in pages and lists, and what the store says of itself.

use crate::{
    id::{Epoch, UserId},
    model::{Head, Member, Room},
};

/// Which part of a room's messages to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The last ones with a `seq` under this; `u64::MAX` for the newest.
    Before(u64),
    /// The first ones with a `seq` over this.
    After(u64),
    /// About half before, and the rest from this `seq` on.
    Around(u64),
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomRow {
    /// The record.
    pub room: Room,
    /// The asker's membership, where there is an asker who is in it.
    pub member: Option<Member>,
    /// How many are in it.
    pub members: u64,
    /// Where its log stands.
    pub head: Head,
}

/// Which rooms to list; always by name, then id, and without deleted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those this user is in.
    Of(UserId),
    /// Public ones; the user is the asker, whose memberships are told.
    Public(UserId),
    /// All; for operators.
    All,
}

/// How many codes of a kind are listed at most.
pub const MANY: usize = 1000;

/// What the store is; known without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// `sqlite` or `mongodb`.
    pub backend: &'static str,
    /// Where, without credentials.
    pub location: String,
    /// The backend's own version, as it was when the store was opened.
    pub version: String,
    /// The schema's version.
    pub schema: u32,
    /// This incarnation.
    pub epoch: Epoch,
}

/// What the store is and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What it is.
    pub about: About,
    /// How many bytes it takes on disk; for a remote store, as it says.
    pub bytes: u64,
    /// How many users there are.
    pub users: u64,
    /// How many rooms there are, deleted ones not counted.
    pub rooms: u64,
}
