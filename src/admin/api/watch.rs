//! What `GET /v1/watch` and `GET /v1/events` say: a dashboard's frames, and what happens as it happens.

use serde::{Deserialize, Serialize};

use super::Status;
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

/// Rows that were sorted and cut by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// How many there are.
    pub total: u64,
    /// How many of them the filter lets through.
    pub matched: u64,
    /// The first of those.
    pub rows: Vec<T>,
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

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedConn {
    /// Which.
    pub id: String,
    /// Whose: the name.
    pub user: String,
    /// Whose: the id.
    pub user_id: String,
    /// The session it stands on.
    pub session: String,
    /// Where it comes from.
    pub address: String,
    /// Since when.
    pub since: Millis,
    /// What the session calls its device.
    pub device: Option<String>,
    /// How many rooms it listens to.
    pub rooms: u64,
    /// Frames sent to it.
    pub sent: u64,
    /// The same a second, since the frame before.
    pub sent_rate: f64,
    /// Frames it has sent.
    pub received: u64,
    /// The same a second.
    pub received_rate: f64,
    /// Bytes that wait in its outbox.
    pub waiting: u64,
    /// For how long the oldest of them has waited, in milliseconds; watched while somebody watches.
    pub lag_ms: u64,
}

/// One connection, with what it listens to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnDetail {
    /// What the list says of it.
    #[serde(flatten)]
    pub conn: WatchedConn,
    /// What it listens to: names of rooms, or ids where no name is at hand; the first 500.
    pub listens_to: Vec<String>,
}

/// Work in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `archive`, `restore`, `prune`, `redaction`, `erasure`, `import` or `verify`.
    pub kind: String,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Since when.
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

/// Asks for connections to be closed: `POST /v1/conns/kick`. One of the three says which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kick {
    /// This one.
    pub conn: Option<String>,
    /// All of this user, by name or id.
    pub user: Option<String>,
    /// All from these addresses: one, or a network such as `192.0.2.0/24`.
    pub address: Option<String>,
    /// Why, for the audit log.
    pub reason: Option<String>,
    /// Only say how many.
    pub dry_run: bool,
}

/// How many connections were closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kicked {
    /// How many.
    pub closed: u64,
}

/// A line for everyone who is connected: `POST /v1/notices`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notice {
    /// What to say: 1 to 1,000 characters.
    pub text: String,
    /// Only to those who listen to this room.
    pub room: Option<String>,
    /// Only say how many would get it.
    pub dry_run: bool,
}

/// To how many connections a notice went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// How many.
    pub told: u64,
}
