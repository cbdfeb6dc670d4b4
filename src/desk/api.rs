//! What goes over these URLs: the same types for both doors, the client and `--json`. Times are
//! milliseconds since 1970, names of roles and permissions are words.

pub mod archive;
pub mod audit;
mod files;
pub mod import;
mod jobs;
mod live;
mod log_level;
mod moderation;
mod redactions;
mod reload;
mod roles;
mod rooms;
mod search;
mod webhook;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::files::{DeletedFile, File, Files, FilesTotal};
pub use self::jobs::{EndedJob, Job};
pub use self::live::{ConnDetail, Kick, Kicked, Notice, Noticed, Rows, WatchedConn};
pub use self::log_level::{LogLevel, NewLogLevel};
pub use self::moderation::{AddressBan, NewAddressBan, NewSanction, Report, Resolve, Sanction};
pub use self::redactions::{
    DeletedMessage, Moment, NewRedaction, RedactedRoom, Redaction, RestoreRedaction, Restored,
};
pub use self::reload::{ChangedSetting, NewReload, Reload};
pub use self::roles::{GiveRole, PermissionInfo, Role, RoleChange};
pub use self::rooms::{GiveMember, Room, RoomChange, RoomDetail, RoomMember, Transfer};
pub use self::search::{Found, FoundPage, FoundPart};
pub use self::webhook::{Hook, HookMade, NewHook, RotateHook, Webhook, WebhookAct, WebhookTest};
use crate::{
    clock::Millis,
    model::{Permissions, RoomRole, Status as UserStatus},
};

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; none on the last.
    pub next: Option<String>,
}

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    pub role: String,
    /// Whether the account can be used.
    pub status: UserStatus,
    /// Whether it is a program's.
    #[serde(default)]
    pub bot: bool,
    /// When it was made.
    #[schema(value_type = i64)]
    pub created_at: Millis,
}

/// An account with what hangs on it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserDetail {
    /// The account.
    #[serde(flatten)]
    pub user: User,
    /// Its sessions, the newest first.
    pub sessions: Vec<Session>,
    /// The rooms it is in; only for operators.
    pub rooms: Vec<Membership>,
    /// The sanctions that hold everywhere.
    #[serde(default)]
    pub sanctions: Vec<Sanction>,
}

/// A session of somebody, or a bot's token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What the device called itself.
    pub device: Option<String>,
    /// Where it logged in from.
    pub address: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// When it was last refreshed.
    #[schema(value_type = i64)]
    pub used_at: Millis,
    /// When it runs out unless it is used; none for a token that does not.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<Millis>,
    /// What a token is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<crate::model::Permission>>)]
    pub scopes: Option<Permissions>,
}

/// That somebody is in a room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The room's id.
    pub room: String,
    /// The room's name.
    pub name: String,
    /// The role there.
    pub role: RoomRole,
}

/// An account to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// What the user may do; `member` when not said.
    pub role: Option<String>,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// An address, which can then be used to log in.
    pub email: Option<String>,
    /// Whether it is a program's: it has no password, but tokens.
    #[serde(default)]
    pub bot: bool,
    /// The password; without one the account waits to be claimed with a code.
    pub password: Option<String>,
    /// Only check whether it could be made.
    #[serde(default)]
    pub dry_run: bool,
}

/// An account that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewUserMade {
    /// The account.
    pub user: User,
    /// The one-time code to claim it with, when it has no password. Shown this once.
    pub code: Option<String>,
    /// Until when the code is good.
    #[schema(value_type = Option<i64>)]
    pub code_expires_at: Option<Millis>,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A password to be set.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPassword {
    /// The password; without one a code is made with which the owner sets it.
    pub password: Option<String>,
    /// Only check whether it could be set.
    #[serde(default)]
    pub dry_run: bool,
}

/// What setting a password came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PasswordSet {
    /// The account.
    pub user: User,
    /// The one-time code with which the owner sets it. Shown this once.
    pub code: Option<String>,
    /// Until when the code is good.
    #[schema(value_type = Option<i64>)]
    pub code_expires_at: Option<Millis>,
    /// How many sessions that ended.
    pub sessions_ended: u64,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// An account to be switched on or off.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GiveStatus {
    /// `active` or `disabled`.
    pub status: UserStatus,
    /// Why; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// How many sessions were ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// How many.
    pub sessions_ended: u64,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A token to be issued.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// What it is good for.
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub scopes: Permissions,
    /// How many seconds it is good; for ever when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A token that was issued.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenIssued {
    /// The token, shown this once.
    pub token: Option<String>,
    /// The record of it.
    #[serde(flatten)]
    pub session: Session,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A code with which people register or come into a room. The code itself is in it only once, when it is
/// made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// What it is called in lists, and when it is revoked.
    pub id: String,
    /// The code. Shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The role it gives on the server.
    pub role: String,
    /// The id of the room it leads into; none for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// How often it can still be used.
    pub uses: u32,
    /// The name of who made it, or their id; none when an operator did.
    pub by: Option<String>,
    /// When it was made.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// Until when it is good.
    #[schema(value_type = i64)]
    pub expires_at: Millis,
    /// Whether it was only checked.
    #[serde(default)]
    pub dry_run: bool,
}

/// A code to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewInvite {
    /// The role it gives on the server; `member` when not said. Not for a room.
    #[serde(default)]
    pub role: Option<String>,
    /// How often it can be used; once when not said.
    #[serde(default)]
    pub uses: Option<u32>,
    /// How many seconds it is good; three days when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Who may register.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = RegistrationState)]
pub struct Registration {
    /// `open`, `invite` or `closed`; none for what the settings say.
    pub mode: Option<crate::model::Registration>,
    /// What the settings say: also `auto`.
    #[serde(default)]
    pub configured: String,
}

/// Who shall register.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewRegistration {
    /// `open`, `invite` or `closed`; null for what the settings say. Has to be said: leaving it out is no
    /// decision.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    pub mode: Option<crate::model::Registration>,
    /// Why; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// That it was done, or would have been.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// What becomes of the messages of somebody who is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EraseMessages {
    /// They stay, under no name.
    #[default]
    Keep,
    /// They are deleted, and their text leaves the store at once.
    Delete,
}

/// A person to be forgotten, a step at a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Erase {
    /// What becomes of their messages.
    pub messages: EraseMessages,
    /// Why; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// The `next` of the step before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a step of forgetting somebody came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// Rooms they were taken out of.
    pub rooms_left: u64,
    /// Of those, the ones that passed to somebody else.
    pub rooms_passed_on: u64,
    /// Rooms that were deleted, as nobody was left in them.
    pub rooms_deleted: u64,
    /// Messages that were deleted.
    pub messages: u64,
    /// Acts of the audit log that lost particulars which named them.
    pub acts: u64,
    /// Entries that do not read, and are as they were: whose they are, nobody can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// What the account is called now, at the end.
    pub name: Option<String>,
    /// What to ask for next; none at the end.
    pub next: Option<String>,
    /// Whether it was only checked.
    pub dry_run: bool,
}
