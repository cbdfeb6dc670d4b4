//! What goes over the admin socket: the same types for the router, the client, and `--json`.

mod store;
mod watch;

use serde::{Deserialize, Serialize};

pub use self::store::{
    BackupLine, CheckLine, EpochSet, IndexChecked, NewBackup, NewEpoch, NewIndex, Problem,
    ReindexLine, StoreInfo, TableCount,
};
pub use self::watch::{EventLine, Frame, Load, Timings, Watch, WatchedRoom};
use crate::clock::Millis;
pub use crate::desk::api::*;
pub use crate::feed::{Batch, Happening, Kind, LogLine, Numbered};
pub use crate::stats::Durations;

/// How the server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Of chatd.
    pub version: String,
    /// Whether a server runs; false when the command line opened the store itself.
    pub running: bool,
    /// Its process.
    pub pid: u32,
    /// The address it listens on, when it runs.
    pub listen: Option<String>,
    /// Its certificate; none where it speaks plain HTTP.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// Since when, in milliseconds since 1970.
    pub started_at: Millis,
    /// The time of this answer.
    pub at: Millis,
    /// Who may register: `open`, `invite`, `closed` or `auto`.
    pub registration: String,
    /// The settings that were changed and wait for the server to start anew, as of the last reload.
    #[serde(default)]
    pub restart_for: Vec<String>,
    /// Resident memory of the process, in bytes.
    pub memory_bytes: u64,
    /// The store.
    pub store: StoreStatus,
    /// When the archive runs by itself; none while the store does not answer.
    #[serde(default)]
    pub archive: Option<ArchiveStatus>,
    /// How much there is of files; none while the store does not answer.
    #[serde(default)]
    pub files: Option<Box<FilesStatus>>,
    /// How the search index stands; none where no server runs, as nobody feeds it then.
    #[serde(default)]
    pub search: Option<SearchStatus>,
    /// How the outgoing webhook stands; none where there is none, and while the store does not answer.
    #[serde(default)]
    pub webhook: Option<Box<Webhook>>,
    /// What was counted since it started.
    pub counts: Counts,
}

/// A certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// The file it was read from.
    pub file: String,
    /// When it runs out.
    pub expires_at: Millis,
}

/// How much there is of files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilesStatus {
    /// Where their bytes lie.
    pub location: String,
    /// Those of messages.
    pub attached: FilesTotal,
    /// Uploads that no message has yet.
    pub unused: FilesTotal,
    /// Those that are to go, and wait for it.
    pub gone: FilesTotal,
    /// How many uploads are under way.
    pub uploads: u64,
    /// How many may be (`files.uploads`).
    pub uploads_limit: u64,
    /// How many bytes are free where they lie, where that is told.
    pub free: Option<u64>,
    /// Below how many uploads are refused (`store.min_free`).
    pub min_free: Option<u64>,
    /// Why that place does not answer, when it does not.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Whether it has files of this store alone: those of another are never taken out.
    pub own: bool,
}

/// When the archive runs by itself, and ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArchiveStatus {
    /// The run that is under way, if one is.
    pub running: Option<String>,
    /// The cron expression, in UTC; none when nothing runs by itself.
    pub schedule: Option<String>,
    /// Whether the schedule is held.
    pub paused: bool,
    /// When it runs next.
    pub next_at: Option<Millis>,
    /// When the schedule last began a run.
    pub last_at: Option<Millis>,
    /// How that run stands.
    pub last_state: Option<crate::model::RunState>,
}

/// How the search index stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchStatus {
    /// How many entries are not in it yet.
    pub behind: u64,
    /// Whether it is made: else what is not found may be there all the same.
    pub complete: bool,
    /// Bytes on disk.
    pub bytes: u64,
    /// How many rooms are in it.
    pub rooms: u64,
    /// What is in its way.
    pub trouble: Option<String>,
    /// Since when.
    pub trouble_since: Option<Millis>,
}

/// How the store is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreStatus {
    /// `sqlite` or `mongodb`.
    pub backend: String,
    /// Where, without credentials.
    pub location: String,
    /// The backend's own version.
    pub version: String,
    /// The schema's version.
    pub schema: u32,
    /// This incarnation.
    pub epoch: String,
    /// Bytes on disk; none while it does not answer.
    pub bytes: Option<u64>,
    /// How many users there are; none while it does not answer.
    pub users: Option<u64>,
    /// How many rooms there are; none while it does not answer.
    pub rooms: Option<u64>,
    /// How many bytes are free on the disk it lies on; none for a database that is a server of its own.
    #[serde(default)]
    pub free: Option<u64>,
    /// Below how many messages are refused.
    #[serde(default)]
    pub min_free: Option<u64>,
    /// Whether it answers.
    pub ready: bool,
    /// Why it does not answer.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// Counters; all but the first three only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Logged-in web sockets that are open.
    pub connections: u64,
    /// Sockets that are open.
    pub sockets: u64,
    /// Rooms and own logs that somebody listens to.
    pub channels: u64,
    /// REST requests answered.
    pub requests: u64,
    /// Frames received.
    pub frames: u64,
    /// Messages made durable.
    pub messages: u64,
    /// Entries sealed into segments.
    #[serde(default)]
    pub archived: u64,
    /// Messages deleted.
    #[serde(default)]
    pub deletions: u64,
    /// Texts of deleted messages that were taken out of the store.
    #[serde(default)]
    pub erased: u64,
    /// Entries made durable, of every log.
    pub entries: u64,
    /// Batches committed.
    pub batches: u64,
    /// Events put into an outbox.
    pub deliveries: u64,
    /// Connections closed because they read too slowly.
    pub slow_consumers: u64,
    /// Logins that worked.
    pub logins: u64,
    /// Logins that did not.
    pub failed_logins: u64,
    /// Requests refused by a rate limit.
    pub rate_limited: u64,
}

/// A refusal, as the problem document says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The stable code.
    pub code: String,
    /// What happened, why, what to do.
    pub detail: String,
    /// Which field is wrong.
    pub field: Option<String>,
}
