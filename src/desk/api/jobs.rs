//! Work in the background.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// Work in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// `archive`, `restore`, `prune` and the other kinds of runs; `redaction`, which may be one that is undone;
    /// `erasure`; `backup`.
    pub kind: String,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Since when.
    #[schema(value_type = i64)]
    pub since: Millis,
    /// How much is done, in the unit of `total`.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// What is counted: `entries`, `messages`, `segments`, `bytes`, `records`.
    pub unit: String,
    /// Where it is at: the name of a room.
    pub at: Option<String>,
    /// Whether `chatd job stop ID` stops it.
    pub stoppable: bool,
}

/// Work that was done in the background, and has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedJob {
    /// As of a job.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// When it began.
    pub since: Millis,
    /// When it ended; none when it was cut off.
    pub ended_at: Option<Millis>,
    /// How it ended: `done`, `stopped`, `failed`, `interrupted`; `undone` of a redaction that was taken back.
    pub state: String,
    /// How much was done.
    pub done: u64,
    /// What was counted.
    pub unit: String,
    /// What went wrong.
    pub trouble: Option<String>,
}
