//! Roles: named sets of permissions. Five are built in; operators add more.

use std::fmt;

use super::{
    permission::{Permission as P, Permissions},
    text::{RoleName, Title},
};
use crate::clock::Millis;

/// A role that operators made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name; none of the built-in ones.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<Title>,
    /// What it lets one do.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Millis,
}

/// A role that is always there and always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// Reads only.
    Guest,
    /// Reads, and reads the audit log.
    Auditor,
    /// Talks, makes rooms.
    Member,
    /// Keeps order.
    Moderator,
    /// Everything.
    Admin,
}

const GUEST: Permissions = Permissions::of(&[P::MessageRead, P::MessageReport, P::RoomJoin]);
const AUDITOR: Permissions = GUEST.or(Permissions::of(&[P::UserRead, P::AuditRead]));
const MEMBER: Permissions = GUEST.or(Permissions::of(&[
    P::MessageSend,
    P::MessageEdit,
    P::MessageReact,
    P::MessagePin,
    P::MessageMentionRoom,
    P::FileUpload,
    P::RoomCreate,
    P::RoomEdit,
    P::DmOpen,
]));
const MODERATOR: Permissions = MEMBER.or(Permissions::of(&[
    P::MessageDeleteAny,
    P::MessageRedact,
    P::RoomManage,
    P::UserRead,
    P::UserMute,
    P::UserBan,
    P::ReportManage,
    P::ConnList,
    P::ConnKick,
]));

impl Builtin {
    /// All of them, the one that may least first.
    pub const ALL: &[Self] = &[
        Self::Guest,
        Self::Auditor,
        Self::Member,
        Self::Moderator,
        Self::Admin,
    ];

    /// Its name everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Auditor => "auditor",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    /// What it is for.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Guest => "Reads only",
            Self::Auditor => "Reads, and reads accounts and the audit log",
            Self::Member => "Talks and makes rooms",
            Self::Moderator => "Keeps order in public rooms and among members",
            Self::Admin => "Everything",
        }
    }

    /// What it lets one do.
    pub const fn permissions(self) -> Permissions {
        match self {
            Self::Guest => GUEST,
            Self::Auditor => AUDITOR,
            Self::Member => MEMBER,
            Self::Moderator => MODERATOR,
            Self::Admin => Permissions::ALL,
        }
    }

    /// The built-in role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|b| b.as_str() == name)
    }
}

impl From<Builtin> for RoleName {
    fn from(role: Builtin) -> Self {
        Self::of_builtin(role)
    }
}

impl PartialEq<Builtin> for RoleName {
    fn eq(&self, role: &Builtin) -> bool {
        self.as_str() == role.as_str()
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
