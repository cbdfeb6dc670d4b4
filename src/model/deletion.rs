//! Deleted messages: what the store keeps beside the log about each, and about those that were deleted
//! together.
//!
//! An entry of a log is never changed by somebody's act. That its message is deleted lies beside it, in the
//! overlay, and every reader gets the two as one ([`super::Payload::Tombstone`]). The text itself stays where
//! it is for `messages.erase_within`, so that a mistake can be undone, and then leaves the store for good.

use serde::{Deserialize, Serialize};

use super::{entry::Actor, text::Reason};
use crate::{
    clock::Millis,
    id::{RedactionId, RoomId, UserId},
};

/// That a message is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// The `seq` of the entry that deleted it.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// By whom; none when an operator did.
    pub by: Option<UserId>,
    /// The mass redaction it belongs to, if it does.
    pub redaction: Option<RedactionId>,
    /// When its text left the store, if it has.
    pub erased_at: Option<Millis>,
}

/// That somebody's messages of some time were deleted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Which.
    pub id: RedactionId,
    /// Whose messages.
    pub user: UserId,
    /// When it was begun.
    pub at: Millis,
    /// When all of it was done; none while it is under way, or was broken off.
    pub finished_at: Option<Millis>,
    /// When it was undone, if it was.
    pub undone_at: Option<Millis>,
    /// What else is recorded of it.
    pub detail: RedactionDetail,
}

/// The part of a redaction that nothing is looked up by; lies in the store as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionDetail {
    /// Messages from this moment on …
    pub since: Millis,
    /// … up to and with this one.
    pub until: Millis,
    /// Only in these rooms; empty for every room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<RoomId>,
    /// Who did it.
    pub actor: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many messages it deleted in which rooms, as far as it came.
    #[serde(default)]
    pub deleted: Vec<(RoomId, u64)>,
}

impl Redaction {
    /// How many messages it deleted, as far as it came.
    pub fn messages(&self) -> u64 {
        self.detail.deleted.iter().map(|(_, count)| count).sum()
    }
}
