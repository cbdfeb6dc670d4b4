//! Deleting messages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// A moment: milliseconds since 1970, or how long ago (`2h`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Milliseconds since 1970.
    At(Millis),
    /// How long ago.
    Ago(String),
}

/// A message that an operator deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeletedMessage {
    /// The room's id.
    pub room: String,
    /// The message's `seq`.
    pub target: u64,
    /// The `seq` of the entry that deleted it; none in a dry run.
    pub seq: Option<u64>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Whether it was deleted before.
    pub already: bool,
    /// From when on its text is erased.
    #[schema(value_type = i64)]
    pub erased_from: Millis,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// Messages to be deleted together.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewRedaction {
    /// Whose: a name or an id.
    pub user: String,
    /// From when: milliseconds since 1970, or how long ago.
    #[schema(value_type = String, example = "2h")]
    pub since: Moment,
    /// Up to when; now when not said.
    #[schema(value_type = Option<String>)]
    pub until: Option<Moment>,
    /// Only in these rooms, by name or id.
    #[serde(default)]
    pub rooms: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
}

/// Messages that were deleted together.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Redaction {
    /// Its id; none in a dry run.
    pub id: Option<String>,
    /// Whose messages: the id.
    pub user: String,
    /// Their name.
    pub user_name: Option<String>,
    /// From when.
    #[schema(value_type = i64)]
    pub since: Millis,
    /// Up to when.
    #[schema(value_type = i64)]
    pub until: Millis,
    /// How many messages it deleted; in a dry run, would delete.
    pub messages: u64,
    /// In which rooms.
    pub rooms: Vec<RedactedRoom>,
    /// Why.
    pub reason: Option<String>,
    /// Who did it: an account's name; for an operator `uid N`, which only operators are told.
    pub by: Option<String>,
    /// When it was begun.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// When it was done; none while it goes on, or when it was broken off.
    #[schema(value_type = Option<i64>)]
    pub finished_at: Option<Millis>,
    /// Whether a redaction or a restore is under way, and it is not undone.
    pub running: bool,
    /// When it was undone.
    #[schema(value_type = Option<i64>)]
    pub undone_at: Option<Millis>,
    /// Until when it can be undone; none when it cannot.
    #[schema(value_type = Option<i64>)]
    pub restorable_until: Option<Millis>,
    /// Whether it was only counted.
    pub dry_run: bool,
}

/// A room in a redaction.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RedactedRoom {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// How many messages.
    pub messages: u64,
}

/// A redaction to be undone.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RestoreRedaction {
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
}

/// What undoing a redaction came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Restored {
    /// What was undone.
    pub redaction: Redaction,
    /// How many messages can be read again.
    pub restored: u64,
    /// How many stay deleted: their text is gone.
    pub erased: u64,
    /// How many stay deleted: one may not restore in their room, or it is gone.
    pub out_of_reach: u64,
    /// Whether it was done to the end; else it goes on.
    pub finished: bool,
    /// Whether it was only counted.
    pub dry_run: bool,
}
