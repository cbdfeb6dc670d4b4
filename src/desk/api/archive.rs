//! The archive: runs, segments, the schedule, and holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;
use crate::{
    clock::Millis,
    model::{RunKind, RunState},
};

/// What is to be archived.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewRun {
    /// What is older than this: milliseconds since 1970, or an age.
    #[schema(value_type = String, example = "30d")]
    pub before: Moment,
    /// Only in these rooms, by name or id. Without any: in all, those with an age of their own by theirs.
    #[serde(default)]
    pub rooms: Vec<String>,
    /// The most entries a second; 0 for as fast as it goes; as the settings say when not said.
    pub rate: Option<u32>,
    /// Only say what would be archived.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is to be pruned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewPrune {
    /// Segments that are older than this: milliseconds since 1970, or an age.
    #[schema(value_type = String, example = "365d")]
    pub before: Moment,
    /// Only in these rooms, by name or id.
    #[serde(default)]
    pub rooms: Vec<String>,
    /// For how many seconds it can be taken back; as the settings say when not said.
    pub grace: Option<u64>,
    /// Only say what would be pruned.
    #[serde(default)]
    pub dry_run: bool,
}

/// Whether something is only to be tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct OnlyTry {
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A run of the archive.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id; none in a dry run.
    pub id: Option<String>,
    /// What it does.
    #[schema(value_type = String)]
    pub kind: RunKind,
    /// Where it stands; none in a dry run.
    #[schema(value_type = Option<String>)]
    pub state: Option<RunState>,
    /// When it began.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// When it ended.
    #[schema(value_type = Option<i64>)]
    pub finished_at: Option<Millis>,
    /// Whether the schedule began it.
    pub scheduled: bool,
    /// What is older than this.
    #[schema(value_type = Option<i64>)]
    pub before: Option<Millis>,
    /// The most entries a second; none for as fast as it goes.
    pub rate: Option<u32>,
    /// The run that it is about.
    pub of: Option<String>,
    /// From when on what it pruned is purged.
    #[schema(value_type = Option<i64>)]
    pub purge_at: Option<Millis>,
    /// Who asked for it: an account's name; for an operator `uid N`.
    pub by: Option<String>,
    /// How many entries it is about to go through.
    pub planned: u64,
    /// How many segments it made or changed.
    pub segments: u64,
    /// How many entries those have.
    pub entries: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// How many bytes the entries take uncompressed.
    pub bytes: u64,
    /// How many bytes the segments take.
    pub size: u64,
    /// How many segments it leaves alone, since they are held; only in a dry run.
    #[serde(default)]
    pub held: u64,
    /// How many of the segments are of later runs; only in a dry run of a restore.
    #[serde(default)]
    pub later: u64,
    /// Room by room.
    pub rooms: Vec<RunRoom>,
    /// What went wrong with it as a whole.
    pub error: Option<String>,
    /// Whether it was only tried.
    pub dry_run: bool,
}

/// What a run did in a room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunRoom {
    /// The room's id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
    /// How many segments.
    pub segments: u64,
    /// How many entries.
    pub entries: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// How many bytes the entries take uncompressed.
    pub bytes: u64,
    /// How many bytes the segments take.
    pub size: u64,
    /// What was left out, or went wrong.
    pub error: Option<String>,
}

/// A segment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// The room's id.
    pub room: String,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
    /// When the first entry was made.
    #[schema(value_type = i64)]
    pub first_at: Millis,
    /// When the last entry was made.
    #[schema(value_type = i64)]
    pub last_at: Millis,
    /// How many entries.
    pub entries: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// How many bytes it takes.
    pub size: u64,
    /// How often it was sealed.
    pub generation: u32,
    /// The run that sealed it.
    pub run: String,
    /// From when on it is purged.
    #[schema(value_type = Option<i64>)]
    pub purge_at: Option<Millis>,
    /// When it was purged.
    #[schema(value_type = Option<i64>)]
    pub purged_at: Option<Millis>,
    /// When its entries were made live again.
    #[schema(value_type = Option<i64>)]
    pub restored_at: Option<Millis>,
}

/// Consecutive entries that are archived.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// The room's id.
    pub room: String,
    /// Its name.
    pub name: Option<String>,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
}

/// An entry of a room, for operators.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The room's id.
    pub room: String,
    /// Its number.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Its id.
    pub id: String,
    /// Who.
    pub from: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// What kind of entry.
    pub kind: String,
    /// Whether it is a message that was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// That it is a message that was edited: `data` has its newest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Edited>,
    /// How many people react to it, if it is a message, emoji by emoji.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reactions>,
    /// What it says.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// How many people react to a message with one emoji.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reactions {
    /// What with.
    pub emoji: String,
    /// How many.
    pub count: u64,
}

/// That a message was edited.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Edited {
    /// When, the last time.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// The number of the entry that edited it last.
    pub seq: u64,
    /// How often.
    pub count: u64,
}

/// A part of the archive that was checked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// How many segments.
    pub segments: u64,
    /// How many entries they have.
    pub entries: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Give it as `cursor` to go on; none at the end.
    pub next: Option<String>,
}

/// A segment that is not as it should be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The room's id.
    pub room: String,
    /// Its name.
    pub name: Option<String>,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
    /// What is wrong.
    pub what: String,
}

/// When and by which ages the archive runs by itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// The cron expression, in UTC; none when nothing runs by itself.
    pub schedule: Option<String>,
    /// Whether it is held.
    pub paused: bool,
    /// When it runs next.
    #[schema(value_type = Option<i64>)]
    pub next_at: Option<Millis>,
    /// The last run by the schedule.
    pub last: Option<Run>,
    /// From which age on messages are archived: `30d`, or `never`.
    pub older_than: String,
    /// From which age on what is archived is pruned.
    pub prune_older_than: String,
    /// Rooms with an age of their own.
    pub rooms: Vec<RoomAge>,
    /// Which of these were decided at run time; the others are as the settings say.
    pub decided: Vec<String>,
}

/// A room with an age of its own.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomAge {
    /// The room: its id; its name or id when it is set.
    pub room: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// From which age on: `30d`, or `never`; `default` when it is set, for the age of all.
    pub older_than: String,
}

/// What is to be decided about the schedule; what is not said stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewSchedule {
    /// The cron expression, in UTC; `never`; or `default`, as the settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Whether it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// From which age on: `30d`, `never`, or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// From which age on what is archived is pruned: `365d`, `never`, or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_older_than: Option<String>,
    /// Rooms with an age of their own.
    #[serde(default)]
    pub rooms: Vec<RoomAge>,
    /// Why.
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A legal hold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Its id; none in a dry run.
    pub id: Option<String>,
    /// `room` or `user`.
    pub on: HoldKind,
    /// The id of that room or user.
    pub target: String,
    /// Its name.
    pub name: Option<String>,
    /// Why.
    pub reason: String,
    /// The name of who asked for it, or their id; none when an operator did.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// What a hold is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HoldKind {
    /// Everything in a room.
    Room,
    /// Everything a person said.
    User,
}

/// A hold that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewHold {
    /// On a room or a user.
    pub on: HoldKind,
    /// Which, by name or id.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
