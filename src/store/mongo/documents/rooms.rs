//! Users, rooms and members.

use mongodb::bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{date, int, millis, number, parsed, parsed_optional, room_uuid, user_uuid};
use crate::{
    id::{RoomId, UserId},
    model::{Marker, Member, Room, RoomKind, RoomRules, User},
    store::Error,
};

/// An account. `login_email` is there when `email` may log in: it is what is unique.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct UserDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    pub(in super::super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) login_email: Option<String>,
    role: String,
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    created_at: DateTime,
    email_login: bool,
    #[serde(default)]
    bot: bool,
    #[serde(default = "yes")]
    presence: bool,
}

/// What people did not say otherwise.
fn yes() -> bool {
    true
}

impl From<&User> for UserDoc {
    fn from(user: &User) -> Self {
        let email = user.email.as_ref().map(|e| e.as_str().to_owned());
        Self {
            id: user_uuid(user.id),
            name: user.name.as_str().to_owned(),
            display_name: user.display_name.as_ref().map(|d| d.as_str().to_owned()),
            login_email: email.clone().filter(|_| user.email_login),
            email,
            role: user.role.as_str().to_owned(),
            status: user.status.as_str().to_owned(),
            password: user.password.clone(),
            created_at: date(user.created_at),
            email_login: user.email_login,
            bot: user.bot,
            presence: user.presence,
        }
    }
}

impl TryFrom<UserDoc> for User {
    type Error = Error;

    fn try_from(doc: UserDoc) -> Result<Self, Error> {
        Ok(Self {
            id: UserId::from_bytes(doc.id.bytes()),
            name: parsed(&doc.name)?,
            display_name: parsed_optional(doc.display_name.as_ref())?,
            email: parsed_optional(doc.email.as_ref())?,
            email_login: doc.email_login,
            role: parsed(&doc.role)?,
            status: parsed(&doc.status)?,
            password: doc.password,
            bot: doc.bot,
            presence: doc.presence,
            created_at: millis(doc.created_at),
        })
    }
}

/// A room. `public_name` is there when everyone finds it by its name: it is what is unique.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct RoomDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    pub(in super::super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) public_name: Option<String>,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    history: String,
    owner: Uuid,
    created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    /// Who may do what in it; what is not there is as usual.
    #[serde(default)]
    rules: RoomRules,
    /// Whose direct conversation it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    people: Option<Vec<String>>,
}

impl From<&Room> for RoomDoc {
    fn from(room: &Room) -> Self {
        let name = room.name.as_str().to_owned();
        let found = room.kind == RoomKind::Public && room.deleted_at.is_none();
        Self {
            id: room_uuid(room.id),
            public_name: found.then(|| name.clone()),
            name,
            kind: room.kind.as_str().to_owned(),
            title: room.title.as_ref().map(|t| t.as_str().to_owned()),
            topic: room.topic.as_ref().map(|t| t.as_str().to_owned()),
            history: room.history.as_str().to_owned(),
            owner: user_uuid(room.owner),
            created_at: date(room.created_at),
            deleted_at: room.deleted_at.map(date),
            rules: room.rules,
            people: (!room.people.is_empty())
                .then(|| room.people.iter().map(ToString::to_string).collect()),
        }
    }
}

impl TryFrom<RoomDoc> for Room {
    type Error = Error;

    fn try_from(doc: RoomDoc) -> Result<Self, Error> {
        Ok(Self {
            id: RoomId::from_bytes(doc.id.bytes()),
            name: parsed(&doc.name)?,
            kind: parsed(&doc.kind)?,
            title: parsed_optional(doc.title.as_ref())?,
            topic: parsed_optional(doc.topic.as_ref())?,
            history: parsed(&doc.history)?,
            rules: doc.rules,
            people: people(doc.people)?,
            owner: UserId::from_bytes(doc.owner.bytes()),
            created_at: millis(doc.created_at),
            deleted_at: doc.deleted_at.map(millis),
        })
    }
}

fn people(ids: Option<Vec<String>>) -> Result<Vec<UserId>, Error> {
    let parsed = ids.unwrap_or_default().into_iter().map(|id| {
        let wrong = || Error::Damaged(format!("a room is of {id:?}, which is nobody"));
        id.parse().map_err(|_| wrong())
    });
    parsed.collect()
}

/// That a user is in a room; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct MemberDoc {
    pub(in super::super) room: Uuid,
    pub(in super::super) user: Uuid,
    role: String,
    pub(in super::super) since: i64,
    at: DateTime,
    #[serde(default)]
    read_seq: i64,
    #[serde(default)]
    read_n: i64,
}

impl From<&Member> for MemberDoc {
    fn from(member: &Member) -> Self {
        Self {
            room: room_uuid(member.room),
            user: user_uuid(member.user),
            role: member.role.as_str().to_owned(),
            since: int(member.since),
            at: date(member.at),
            read_seq: int(member.read.seq),
            read_n: int(member.read.n),
        }
    }
}

impl TryFrom<MemberDoc> for Member {
    type Error = Error;

    fn try_from(doc: MemberDoc) -> Result<Self, Error> {
        Ok(Self {
            room: RoomId::from_bytes(doc.room.bytes()),
            user: UserId::from_bytes(doc.user.bytes()),
            role: parsed(&doc.role)?,
            since: number(doc.since)?,
            at: millis(doc.at),
            read: Marker {
                seq: number(doc.read_seq)?,
                n: number(doc.read_n)?,
            },
        })
    }
}
