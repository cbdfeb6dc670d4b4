//! Permissions: the named things that can be done on the server as a whole. This list is the catalogue: help,
//! REST and `docs/permissions.md` are made from it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::text::Invalid;

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal: $what:literal,)+) => {
        /// One thing that can be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $what] #[serde(rename = $word)] $variant,)+
        }

        // Its derive does not see the words.
        impl utoipa::PartialSchema for Permission {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                super::words_schema("One thing that can be done.", &[$($word),+])
            }
        }

        impl utoipa::ToSchema for Permission {}

        impl Permission {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it lets one do, for people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)+ }
            }
        }
    };
}

permissions! {
    MessageRead = "message.read": "Read and listen to the rooms one is in.",
    MessageSend = "message.send": "Say something, in rooms where one's role there allows it.",
    MessageEdit = "message.edit": "Change one's own messages, in rooms where one may write.",
    MessageReact = "message.react": "React to messages, in rooms where one is a member.",
    MessagePin = "message.pin": "Pin messages, in rooms where one's role there allows it.",
    MessageMentionRoom = "message.mention.room": "Mention a whole room, as one's role there allows.",
    MessageReport = "message.report": "Report a message to those who moderate.",
    MessageDeleteAny = "message.delete.any": "Delete anybody's message in public rooms.",
    MessageRedact = "message.redact": "Delete many messages of a person at once, and undo that.",
    FileUpload = "file.upload": "Upload files, to send them with messages.",
    RoomJoin = "room.join": "Come into public rooms, and into others with a code.",
    RoomCreate = "room.create": "Make rooms.",
    RoomEdit = "room.edit": "Change and moderate rooms, as one's role there allows.",
    RoomManage = "room.manage": "Do in any public room what its moderators may.",
    RoomOwn = "room.own": "Do in any public room what its owner may.",
    DmOpen = "dm.open": "Open direct conversations with others.",
    UserRead = "user.read": "See every account, its sessions and its sanctions.",
    UserMute = "user.mute": "Mute people everywhere.",
    UserBan = "user.ban": "Ban people from the server.",
    UserManage = "user.manage": "Manage accounts, their roles, sessions and tokens.",
    ReportManage = "report.manage": "See the reports of all rooms and resolve them.",
    InviteManage = "invite.manage": "Invite people to the server.",
    RoleManage = "role.manage": "Make, change and delete roles.",
    ServerManage = "server.manage": "Decide who may register, and ban address ranges.",
    ConnList = "conn.list": "See every connection, and what goes on in it.",
    ConnKick = "conn.kick": "Close connections, whose clients may come back.",
    NoticeSend = "notice.send": "Say something to everyone who is connected.",
    ArchiveRun = "archive.run": "Archive, restore and prune messages, and schedule it.",
    HoldManage = "hold.manage": "Put rooms and people under legal hold, and release them.",
    AuditRead = "audit.read": "Read and verify the audit log.",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|p| p.as_str() == s);
        found.copied().ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|p| p.as_str()).collect();
            Invalid(format!(
                "no permission {s:?}; there are: {}",
                all.join(", ")
            ))
        })
    }
}

/// A set of permissions. On the wire and in the stores it is the list of their names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Permission>", into = "Vec<Permission>")]
pub struct Permissions(u32);

impl Permissions {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// The set of these.
    pub const fn of(list: &[Permission]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u32;
            i += 1;
        }
        Self(bits)
    }

    /// Whether it has this one.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What this one has and the other has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the other has all that this one has.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Those in it, in the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |p| self.has(*p))
    }

    /// Their names.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|p| p.to_string()).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(list: I) -> Self {
        list.into_iter()
            .fold(Self::NONE, |set, p| set.or(Self::of(&[p])))
    }
}

impl From<Vec<Permission>> for Permissions {
    fn from(list: Vec<Permission>) -> Self {
        list.into_iter().collect()
    }
}

impl From<Permissions> for Vec<Permission> {
    fn from(set: Permissions) -> Self {
        set.iter().collect()
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(Permission::as_str))
            .finish()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_a_list_of_names() {
        let set = Permissions::of(&[Permission::UserBan, Permission::MessageRead]);
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(text, r#"["message.read","user.ban"]"#);
        assert_eq!(serde_json::from_str::<Permissions>(&text).unwrap(), set);
        assert!(set.is_within(Permissions::ALL) && !Permissions::ALL.is_within(set));
        assert_eq!(Permissions::ALL.iter().count(), Permission::ALL.len());
        assert!(serde_json::from_str::<Permissions>(r#"["fly"]"#).is_err());
    }
}
