//! What `GET /v1/watch` and `GET /v1/events` say: a dashboard's frames, and what happens as it happens.

use serde::{Deserialize, Serialize};

use super::{EndedJob, Job, Rows, Status, WatchedConn};
use crate::{
    clock::Millis,
    feed::{Batch, Happening, LogLine},
    stats::Durations,
};

/// What a watcher wants to see; the query of `GET /v1/watch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    /// From one frame to the next, in milliseconds: 100 to 60000, 1000 when absent. A watcher that takes longer
    /// gets fewer frames.
    pub every_ms: Option<u64>,
    /// After how many frames the answer ends; absent for as long as somebody reads.
    pub frames: Option<u64>,
    /// How many rooms, 0 to 500; 0 when absent.
    pub rooms: Option<usize>,
    /// By which column the rooms come, `-` before it for the largest first: `name`, `members`, `listeners`,
    /// `messages`, `message_rate`, `deliveries`, `delivery_rate`, `last_at`. `-message_rate` when absent.
    pub rooms_sort: Option<String>,
    /// Which rooms, see docs/operating.md: words that all must hold, such as `room:eng* rate>5`.
    pub rooms_filter: Option<String>,
    /// How many connections, 0 to 500; 0 when absent.
    pub conns: Option<usize>,
    /// By which column the connections come: `user`, `address`, `since`, `rooms`, `sent`, `sent_rate`,
    /// `received`, `received_rate`, `waiting`, `lag`. `-sent_rate` when absent.
    pub conns_sort: Option<String>,
    /// Which connections, such as `user:ana* room:eng* lag>50ms waiting>1KiB`.
    pub conns_filter: Option<String>,
    /// Tell events after this number; absent for none, 0 for all that are remembered.
    pub events_after: Option<u64>,
    /// Tell lines of the log after this number; absent for none.
    pub log_after: Option<u64>,
}

/// One frame of a watch. Counters are absolute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Tells this process of the server from the one before it.
    pub boot: String,
    /// The frame's number on this stream, from 1 on.
    pub frame: u64,
    /// Time since the server started, in microseconds, by a clock that is never set: what rates divide by.
    pub monotonic_us: u64,
    /// How the server is. What the store holds may be some seconds old.
    pub status: Status,
    /// How busy the process is.
    pub load: Load,
    /// How long things took.
    pub timings: Timings,
    /// What goes on in the background.
    pub jobs: Vec<Job>,
    /// What of that ended, the newest first; some seconds old at most.
    #[serde(default)]
    pub ended: Vec<EndedJob>,
    /// Rooms, if asked for.
    #[serde(default)]
    pub rooms: Option<Rows<WatchedRoom>>,
    /// Connections, if asked for.
    #[serde(default)]
    pub conns: Option<Rows<WatchedConn>>,
    /// Events, if asked for.
    #[serde(default)]
    pub events: Option<Batch<Happening>>,
    /// Lines of the log, if asked for.
    #[serde(default)]
    pub log: Option<Batch<LogLine>>,
}

/// How busy the process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Processor time that the process has used, in microseconds, on all cores.
    pub cpu_us: u64,
    /// How many cores it may use.
    pub cores: u64,
    /// Files and sockets it has open.
    pub open_files: u64,
    /// How many it may have open.
    pub max_files: u64,
    /// Requests that wait for the appender.
    pub append_queue: u64,
    /// How many may.
    pub append_limit: u64,
    /// Passwords that are hashed, or wait for it.
    pub hash_queue: u64,
    /// How many may.
    pub hash_limit: u64,
    /// Bytes that wait in all outboxes.
    pub outbox_bytes: u64,
    /// Of the longest outbox.
    pub outbox_longest: u64,
}

/// How long things took, since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// From a message's request to its acknowledgement.
    pub send: Durations,
    /// A commit of the store.
    pub commit: Durations,
    /// From an event's publication until the system took it for one connection.
    pub delivery: Durations,
}

/// A room that somebody listens to, or has lately spoken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedRoom {
    /// Which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many members it has.
    pub members: u64,
    /// How many connections listen.
    pub listeners: u64,
    /// Messages since its first.
    pub messages: u64,
    /// Messages a second, since the frame before.
    pub message_rate: f64,
    /// Events put into outboxes, since somebody listens.
    pub deliveries: u64,
    /// The same, a second.
    pub delivery_rate: f64,
    /// When its last entry was made, as far as it is known without reading.
    pub last_at: Option<Millis>,
    /// Whether only moderators may speak.
    pub locked: bool,
    /// Whether it is only for its members.
    pub private: bool,
}

/// One line of `GET /v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventLine {
    /// Something happened.
    Event {
        /// Of which process.
        boot: String,
        /// Its number.
        seq: u64,
        /// What.
        #[serde(flatten)]
        what: Happening,
    },
    /// Something is missing here: the reader was too slow, or named a number that is too old.
    Gap {
        /// Of which process.
        boot: String,
        /// How many are missing.
        gap: u64,
    },
}
