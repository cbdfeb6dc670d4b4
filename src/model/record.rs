//! What the store keeps beside logs: the folded state that the logs' entries led to.

use std::{collections::HashMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::text::{DeviceName, DisplayName, Email, Invalid, RoomName, Title, Topic, Username};
use crate::{
    clock::Millis,
    id::{RoomId, SessionId, UserId},
};

/// An enum that is one lower-case word wherever it is written: wire, store, command line.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
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

word!(
    /// What a user may do on the whole server. Which permissions each role has is told by `rights`.
    Role {
        /// Reads only.
        Guest = "guest",
        /// Reads the audit log; otherwise as a guest.
        Auditor = "auditor",
        /// Talks, makes rooms.
        Member = "member",
        /// Keeps order in public rooms.
        Moderator = "moderator",
        /// Everything.
        Admin = "admin",
    }
);

word!(
    /// Whether an account can be used.
    Status {
        /// It can.
        Active = "active",
        /// It waits for its owner to claim it with a one-time code.
        Invited = "invited",
        /// An operator switched it off.
        Disabled = "disabled",
    }
);

word!(
    /// Who can find and join a room.
    RoomKind {
        /// Everyone on the server.
        Public = "public",
        /// Only those who are added; to everyone else it does not exist.
        Private = "private",
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
    /// What the user may do on the server.
    pub role: Role,
    /// Whether the account can be used.
    pub status: Status,
    /// The password's Argon2id hash in PHC form; none until the account is claimed.
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
    /// Who owns it.
    pub owner: UserId,
    /// When it was made.
    pub created_at: Millis,
    /// When it was deleted; its log stays until it is purged, but nobody reaches it through the API.
    pub deleted_at: Option<Millis>,
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
}

/// A room's record and its members: what rights in it are decided by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The record.
    pub room: Room,
    /// Everyone in it.
    pub members: HashMap<UserId, Member>,
}

/// One login on one device.
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
    }
);

/// A one-time code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Digest of the code.
    pub hash: CodeHash,
    /// What it is for.
    pub kind: CodeKind,
    /// The account it is for (claim).
    pub user: Option<UserId>,
    /// The role that registering with it gives (invite).
    pub role: Role,
    /// When it was made.
    pub created_at: Millis,
    /// Until when it is good.
    pub expires_at: Millis,
}

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
