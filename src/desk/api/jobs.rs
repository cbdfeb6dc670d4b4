//! Work in the background.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// Work in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// `archive`, `restore`, `prune` and the other kinds of runs; `redaction`, which may be one that is undone;
    /// `erasure`.
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
    /// What is counted: `entries`, `messages`, `segments`.
    pub unit: String,
    /// Where it is at: the name of a room.
    pub at: Option<String>,
    /// Whether `chatd job stop ID` stops it.
    pub stoppable: bool,
}
