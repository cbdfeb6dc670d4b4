//! Rooms and who is in them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    clock::Millis,
    model::{History, RoomKind, RoomRole, RoomRules},
};

/// A room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Room {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who can find it.
    pub kind: RoomKind,
    /// A title.
    pub title: Option<String>,
    /// What it is about.
    pub topic: Option<String>,
    /// How much of the past members may read.
    pub history: History,
    /// Who may do what in it.
    #[serde(default)]
    pub rules: RoomRules,
    /// The owner's name, or id when there is no such account.
    pub owner: String,
    /// When it was made.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// How many are in it.
    pub members: u64,
    /// The `seq` of its last entry.
    pub head: u64,
    /// How many messages it has.
    pub n: u64,
    /// When the last entry was written.
    #[schema(value_type = i64)]
    pub last_at: Millis,
}

/// A room with its members.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomDetail {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// The first of its members by name, at most 200.
    pub people: Vec<RoomMember>,
}

/// A member of a room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomMember {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The role in the room.
    pub role: RoomRole,
    /// Since when.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// What of a room is to be changed, by an operator; what is not there stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RoomChange {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The title; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The topic; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How much of the past members may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// The lowest role that may say something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<RoomRole>,
    /// The lowest role that may add people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<RoomRole>,
    /// The lowest role that may change title and topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_role: Option<RoomRole>,
    /// The lowest role that may pin messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<RoomRole>,
    /// How many seconds a member has to wait between two messages; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_mode: Option<u32>,
    /// Whether only moderators may say something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Why; kept in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Somebody to be put into a room, or made its owner.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct GiveMember {
    /// The role there; `member` when not said.
    #[serde(default)]
    pub role: Option<RoomRole>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Whom a room passes to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// A member: id or name.
    pub user: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
