//! What goes on at this moment: connections, and saying something to all of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// Rows that were sorted and cut by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rows<T> {
    /// How many there are.
    pub total: u64,
    /// How many of them the filter lets through.
    pub matched: u64,
    /// The first of those.
    pub rows: Vec<T>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
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
    #[schema(value_type = i64)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnDetail {
    /// What the list says of it.
    #[serde(flatten)]
    pub conn: WatchedConn,
    /// What it listens to: names of rooms, or ids where no name is at hand; the first 500.
    pub listens_to: Vec<String>,
}

/// Asks for connections to be closed: `POST /v1/conns/kick`. One of the three says which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kicked {
    /// How many.
    pub closed: u64,
}

/// A line for everyone who is connected: `POST /v1/notices`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Noticed {
    /// How many.
    pub told: u64,
}
