//! What the store keeps beside logs: the folded state that the logs' entries led to.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    permission::Permissions,
    sanction::{Sanction, SanctionKind},
    text::{DeviceName, DisplayName, Email, Invalid, RoleName, RoomName, Title, Topic, Username},
};
use crate::{
    clock::Millis,
    id::{RoomId, SessionId, UserId},
};

/// An enum that is one lower-case word wherever it is written: wire, store, command line. Who uses it has
/// `Serialize`, `Deserialize` and [`Invalid`] at hand.
macro_rules! word {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, lowest first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that stands for it everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        // Its derive does not see the words.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let doc = [$($doc),*].map(str::trim).join("\n");
                $crate::model::words_schema(&doc, &[$($word),+])
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(s: &str) -> Result<Self, Invalid> {
                match s {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(Invalid(format!("one of: {}", [$($word),+].join(", ")))),
                }
            }
        }
    };
}
pub(super) use word;

word!(
    /// Whether an account can be used.
    Status {
        /// It can.
        Active = "active",
        /// It waits for its owner to claim it with a one-time code.
        Invited = "invited",
        /// An operator switched it off.
        Disabled = "disabled",
        /// Its owner asked to be forgotten: only the id is left.
        Erased = "erased",
    }
);

word!(
    /// Who can find and join a room.
    RoomKind {
        /// Everyone on the server.
        Public = "public",
        /// Only those who are added; to everyone else it does not exist.
        Private = "private",
        /// A few people who are always the same; found by them, and not by its name.
        Direct = "direct",
    }
);

word!(
    /// What a member may do in one room.
    RoomRole {
        /// Reads only.
        Viewer = "viewer",
        /// Talks.
        Member = "member",
        /// Adds and removes members, changes title and topic.
        Moderator = "moderator",
        /// Everything in this room; there is always exactly one.
        Owner = "owner",
    }
);

word!(
    /// How much of a room's past a member may read.
    History {
        /// All of it.
        All = "all",
        /// From the moment the member joined.
        SinceJoin = "since_join",
    }
);

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The unique name.
    pub name: Username,
    /// How the person wants to be called.
    pub display_name: Option<DisplayName>,
    /// The address, if one was given.
    pub email: Option<Email>,
    /// Whether `email` may be used to log in: only when an operator set it, since chatd sends no mail and
    /// so cannot check whose address it is. Unique among those that may.
    pub email_login: bool,
    /// The role, which says what the user may do on the server.
    pub role: RoleName,
    /// Whether the account can be used.
    pub status: Status,
    /// Whether it is a program's: it has no password, but tokens.
    pub bot: bool,
    /// Whether others may be told that they are there.
    pub presence: bool,
    /// The password's hash, as `auth::password` writes it; none until the account is claimed.
    pub password: Option<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Which.
    pub id: RoomId,
    /// Its name; unique among public rooms that are not deleted.
    pub name: RoomName,
    /// Who can find it.
    pub kind: RoomKind,
    /// A title for people.
    pub title: Option<Title>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// How much of the past a member may read.
    pub history: History,
    /// Who may do what in it, where that is not as usual.
    pub rules: RoomRules,
    /// Who owns it; of a direct conversation, who opened it first: nobody owns that.
    pub owner: UserId,
    /// Whose direct conversation it is, whether they are in it just now or not, in the order of their ids;
    /// empty for all other rooms.
    pub people: Vec<UserId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was deleted; its log stays until it is purged, but nobody reaches it through the API.
    pub deleted_at: Option<Millis>,
}

/// Who may do what in a room, and how often. What is not said is as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct RoomRules {
    /// The lowest role that may say something; `moderator` makes it a room for announcements.
    pub post: RoomRole,
    /// The lowest role that may add people and make codes for it.
    pub invite: RoomRole,
    /// The lowest role that may change title and topic.
    pub topic: RoomRole,
    /// The lowest role that may pin messages.
    pub pin: RoomRole,
    /// How many seconds a member has to wait between two messages; 0 for none. Moderators need not.
    pub slow_mode: u32,
    /// Whether only moderators may say something, for as long as this is so.
    pub locked: bool,
}

impl RoomRules {
    /// The longest that members may be made to wait between two messages: six hours, in seconds.
    pub const SLOWEST: u32 = 6 * 60 * 60;
}

impl Default for RoomRules {
    fn default() -> Self {
        Self {
            post: RoomRole::Member,
            invite: RoomRole::Moderator,
            topic: RoomRole::Moderator,
            pin: RoomRole::Moderator,
            slow_mode: 0,
            locked: false,
        }
    }
}

/// That a user is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// What they may do there.
    pub role: RoomRole,
    /// The `seq` of the entry by which they came in.
    pub since: u64,
    /// When that was.
    pub at: Millis,
    /// Up to where they have read.
    pub read: Marker,
}

/// Up to where somebody has read a room. Everyone's is their own business: nobody else is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// The `seq` of the last entry they have seen.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
}

impl Marker {
    /// How many messages came since, in a log that has `n`: those that were deleted count, since they keep
    /// their places.
    pub const fn unread(self, n: u64) -> u64 {
        n.saturating_sub(self.n)
    }
}

/// That somebody has read a room up to somewhere, or wants to read it again from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// Up to where.
    pub upto: Marker,
}

/// That those have read on who had come to a stretch of a room in which there is nothing to read for them any more.
/// Nobody goes back by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveOn {
    /// Where.
    pub room: RoomId,
    /// Those who have read up to here, or further, …
    pub from: u64,
    /// … and not up to here, which is where they are from now on.
    pub upto: Marker,
    /// Only this one.
    pub user: Option<UserId>,
}

impl MoveOn {
    /// Whether it moves this member of the room.
    pub fn moves(&self, member: &Member) -> bool {
        (self.from..self.upto.seq).contains(&member.read.seq)
            && self.user.is_none_or(|user| member.user == user)
    }
}

/// A room's record and its members: what rights in it are decided by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The record.
    pub room: Room,
    /// Everyone in it.
    pub members: HashMap<UserId, Member>,
    /// Who is muted in it or banned from it, also where that has run out.
    pub sanctions: HashMap<(UserId, SanctionKind), Sanction>,
}

impl Facts {
    /// Whether all who are in the room may read what has this number.
    pub fn all_read(&self, seq: u64) -> bool {
        let mut members = self.members.values();
        self.room.history == History::All || members.all(|m| m.since <= seq)
    }

    /// The sanction of this kind that holds for somebody here, if one does.
    pub fn sanction(&self, user: UserId, kind: SanctionKind, now: Millis) -> Option<&Sanction> {
        self.sanctions.get(&(user, kind)).filter(|s| s.holds(now))
    }
}

/// One login on one device, or one token of a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// What the device called itself.
    pub device: Option<DeviceName>,
    /// The address it logged in from.
    pub address: Option<String>,
    /// When.
    pub created_at: Millis,
    /// When its refresh token was last used.
    pub used_at: Millis,
    /// When it ends unless it is used before.
    pub expires_at: Millis,
    /// When it was ended, if it was.
    pub ended_at: Option<Millis>,
    /// Digest of the part of the refresh token that stays: tells a token of this session from a guess.
    pub anchor: [u8; 32],
    /// Digest of the newest refresh token.
    pub current: [u8; 32],
    /// Digest of the one before, good until its successor is used.
    pub previous: Option<[u8; 32]>,
    /// Random; with the previous token it gives the current one again, when the answer was lost.
    pub seed: [u8; 32],
    /// When `current` was made.
    pub rotated_at: Millis,
    /// Raised at every change; a write names the version it saw.
    pub version: u64,
    /// What a bot may do with it; none for a login. A token does not rotate: `anchor` is its digest, and
    /// `device` what it is called.
    pub scopes: Option<Permissions>,
}

impl Session {
    /// When a token runs out that does not: in the year 9999, which every store and program can write down.
    pub const NEVER: Millis = Millis(253_402_300_799_000);
}

/// SHA-256 of a one-time code; the code itself is kept nowhere.
pub type CodeHash = [u8; 32];

word!(
    /// What a code is for.
    CodeKind {
        /// Registering, when registration is by invitation.
        Invite = "invite",
        /// Setting the first or a new password of one account.
        Claim = "claim",
        /// Coming into a room.
        Room = "room",
    }
);

/// A code that is good for one use, or for a few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Digest of the code.
    pub hash: CodeHash,
    /// What it is for.
    pub kind: CodeKind,
    /// The account it is for (claim).
    pub user: Option<UserId>,
    /// The role that registering with it gives (invite).
    pub role: RoleName,
    /// The room it leads into (room).
    pub room: Option<RoomId>,
    /// How often it can still be used.
    pub uses: u32,
    /// Who made it; none when an operator did.
    pub by: Option<UserId>,
    /// When it was made.
    pub created_at: Millis,
    /// Until when it is good.
    pub expires_at: Millis,
}

impl Code {
    /// What it is called where the code itself must not be shown: the beginning of its digest.
    pub fn id(&self) -> String {
        let beginning = u64::from_be_bytes(std::array::from_fn(|i| self.hash[i]));
        format!("{beginning:016x}")
    }
}

word!(
    /// Who may make themselves an account.
    Registration {
        /// Whoever reaches the server.
        Open = "open",
        /// Who has a code.
        Invite = "invite",
        /// Nobody.
        Closed = "closed",
    }
);

/// The public half of a key that signs access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The `kid` in a token's header.
    pub kid: String,
    /// Ed25519 public key.
    pub public: [u8; 32],
    /// When it was made.
    pub created_at: Millis,
    /// After this no token it signed is good any more.
    pub expires_at: Millis,
}
