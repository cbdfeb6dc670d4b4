//! What goes over these URLs: the same types for both doors, the client and `--json`. Times are
//! milliseconds since 1970, names of roles and permissions are words.

pub mod audit;
pub mod import;
mod redactions;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::redactions::{
    DeletedMessage, Moment, NewRedaction, RedactedRoom, Redaction, RestoreRedaction, Restored,
};
use crate::{
    clock::Millis,
    model::{
        History, Permissions, RoomKind, RoomRole, RoomRules, SanctionKind, Status as UserStatus,
    },
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

/// A room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    /// Who may do what in it.
    #[serde(default)]
    pub rules: RoomRules,
    /// The owner's name, or id when there is no such account.
    pub owner: String,
    /// When it was made.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// How many are in it.
    pub members: u64,
    /// The `seq` of its last entry.
    pub head: u64,
    /// How many messages it has.
    pub n: u64,
    /// When the last entry was written.
    #[schema(value_type = i64)]
    pub last_at: Millis,
}

/// A room with its members.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomDetail {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// The first of its members by name, at most 200.
    pub people: Vec<RoomMember>,
}

/// A member of a room.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomMember {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The role in the room.
    pub role: RoomRole,
    /// Since when.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it lets one do.
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub permissions: Permissions,
    /// Whether it is always there and always the same.
    pub builtin: bool,
    /// How many accounts have it.
    pub users: u64,
}

/// A role to be made, or what of one is to be changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RoleChange {
    /// Its name; only for one to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All that it lets one do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<crate::model::Permission>>)]
    pub permissions: Option<Permissions>,
    /// What it lets one do besides.
    #[serde(default)]
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub add: Permissions,
    /// What it no longer lets one do.
    #[serde(default)]
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub remove: Permissions,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// One of the things that can be done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PermissionInfo {
    /// Its name.
    pub name: String,
    /// What it lets one do.
    pub what: String,
    /// The built-in roles that include it.
    pub roles: Vec<String>,
}

/// A role to be given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GiveRole {
    /// Its name.
    pub role: String,
    /// Check everything and change nothing.
    #[serde(default)]
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

/// That somebody is muted or banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sanction {
    /// What it takes away.
    pub kind: SanctionKind,
    /// The person's id.
    pub user: String,
    /// Their name.
    pub name: Option<String>,
    /// The room's id; none for everywhere.
    pub room: Option<String>,
    /// Until when; none for good.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why.
    pub reason: Option<String>,
    /// The name of who decided, or their id; none when an operator did.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// A sanction to be imposed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewSanction {
    /// For how many seconds; for good when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Why; the person is told.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Addresses that are banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AddressBan {
    /// The range, such as `198.51.100.0/24`.
    pub network: String,
    /// Until when; none for good.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why.
    pub reason: Option<String>,
    /// The name of who decided, or their id; none when an operator did.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// Addresses to be banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAddressBan {
    /// The range, or one address.
    pub network: String,
    /// For how many seconds; for good when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
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

/// A report of a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// The room's id.
    pub room: String,
    /// The room's name, if it is there.
    pub room_name: Option<String>,
    /// The message's number.
    pub seq: u64,
    /// The message's id.
    pub message: String,
    /// The name of who said it, or their id.
    pub author: Option<String>,
    /// The name of who reported it, or their id.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// `open` or `resolved`.
    pub state: crate::model::ReportState,
    /// What came of it.
    pub resolution: Option<String>,
    /// The name of who resolved it, or their id; none when an operator did.
    pub resolved_by: Option<String>,
    /// When.
    #[schema(value_type = Option<i64>)]
    pub resolved_at: Option<Millis>,
}

/// What came of a report.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Resolve {
    /// In a few words.
    pub resolution: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Who may register.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    /// `open`, `invite` or `closed`; null for what the settings say.
    pub mode: Option<crate::model::Registration>,
    /// Why; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What of a room is to be changed, by an operator; what is not there stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RoomChange {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The title; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The topic; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How much of the past members may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// The lowest role that may say something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<RoomRole>,
    /// The lowest role that may add people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<RoomRole>,
    /// The lowest role that may change title and topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_role: Option<RoomRole>,
    /// How many seconds a member has to wait between two messages; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_mode: Option<u32>,
    /// Whether only moderators may say something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Why; kept in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Somebody to be put into a room, or made its owner.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct GiveMember {
    /// The role there; `member` when not said.
    #[serde(default)]
    pub role: Option<RoomRole>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Whom a room passes to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// A member: id or name.
    pub user: String,
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
    /// What the account is called now, at the end.
    pub name: Option<String>,
    /// What to ask for next; none at the end.
    pub next: Option<String>,
    /// Whether it was only checked.
    pub dry_run: bool,
}
