//! What goes over the admin socket: the same types for the router, the client, and `--json`.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    model::{History, Role, RoomKind, RoomRole, Status as UserStatus},
};

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; none on the last.
    pub next: Option<String>,
}

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
    /// Since when, in milliseconds since 1970.
    pub started_at: Millis,
    /// The time of this answer.
    pub at: Millis,
    /// Who may register: `open`, `invite`, `closed` or `auto`.
    pub registration: String,
    /// Resident memory of the process, in bytes.
    pub memory_bytes: u64,
    /// The store.
    pub store: StoreStatus,
    /// What was counted since it started.
    pub counts: Counts,
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
    /// Bytes on disk.
    pub bytes: u64,
    /// How many users there are.
    pub users: u64,
    /// How many rooms there are.
    pub rooms: u64,
    /// Whether it answers.
    pub ready: bool,
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

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// The address, if one is known.
    pub email: Option<String>,
    /// Whether the address can be used to log in.
    pub email_login: bool,
    /// What the user may do.
    pub role: Role,
    /// Whether the account can be used.
    pub status: UserStatus,
    /// When it was made.
    pub created_at: Millis,
}

/// An account with what hangs on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserDetail {
    /// The account.
    #[serde(flatten)]
    pub user: User,
    /// Its sessions, the newest first.
    pub sessions: Vec<Session>,
    /// The rooms it is in.
    pub rooms: Vec<Membership>,
}

/// A session of somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What the device called itself.
    pub device: Option<String>,
    /// Where it logged in from.
    pub address: Option<String>,
    /// When.
    pub created_at: Millis,
    /// When it was last refreshed.
    pub used_at: Millis,
}

/// That somebody is in a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// The room's id.
    pub room: String,
    /// The room's name.
    pub name: String,
    /// The role there.
    pub role: RoomRole,
}

/// An account to be made.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// What the user may do; `member` when not said.
    pub role: Option<Role>,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// An address, which can then be used to log in.
    pub email: Option<String>,
    /// The password; without one the account waits to be claimed with a code.
    pub password: Option<String>,
    /// Only check whether it could be made.
    #[serde(default)]
    pub dry_run: bool,
}

/// An account that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUserMade {
    /// The account.
    pub user: User,
    /// The one-time code to claim it with, when it has no password. Shown this once.
    pub code: Option<String>,
    /// Until when the code is good.
    pub code_expires_at: Option<Millis>,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A password to be set.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewPassword {
    /// The password; without one a code is made with which the owner sets it.
    pub password: Option<String>,
    /// Only check whether it could be set.
    #[serde(default)]
    pub dry_run: bool,
}

/// What setting a password came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordSet {
    /// The account.
    pub user: User,
    /// The one-time code with which the owner sets it. Shown this once.
    pub code: Option<String>,
    /// Until when the code is good.
    pub code_expires_at: Option<Millis>,
    /// How many sessions that ended.
    pub sessions_ended: u64,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A room.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The owner's name, or id when there is no such account.
    pub owner: String,
    /// When it was made.
    pub created_at: Millis,
    /// How many are in it.
    pub members: u64,
    /// The `seq` of its last entry.
    pub head: u64,
    /// How many messages it has.
    pub n: u64,
    /// When the last entry was written.
    pub last_at: Millis,
}

/// A room with its members.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// The first of its members by name, at most 200.
    pub people: Vec<RoomMember>,
}

/// A member of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomMember {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The role in the room.
    pub role: RoomRole,
    /// Since when.
    pub at: Millis,
}

/// An invitation to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewInvite {
    /// The role it gives; `member` when not said.
    pub role: Option<Role>,
    /// Only check whether it could be made.
    #[serde(default)]
    pub dry_run: bool,
}

/// An invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invite {
    /// The one-time code. Shown this once.
    pub code: Option<String>,
    /// The role it gives.
    pub role: Role,
    /// Until when it is good.
    pub expires_at: Millis,
    /// Whether it was only checked.
    pub dry_run: bool,
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
