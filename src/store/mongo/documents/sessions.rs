//! Sessions, codes, keys and settings.

use mongodb::bson::{Binary, DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{
    binary, bytes, date, int, millis, moderation::permissions, number, parsed, parsed_optional,
    room_uuid, session_uuid, user_uuid,
};
use crate::{
    id::{RoomId, SessionId, UserId},
    model::{Code, Key, Permissions, Session},
    store::Error,
};

/// One login on one device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct SessionDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    user: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    created_at: DateTime,
    used_at: DateTime,
    expires_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime>,
    anchor: Binary,
    current: Binary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Binary>,
    seed: Binary,
    rotated_at: DateTime,
    version: i64,
    /// What a bot's token is good for, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
}

impl From<&Session> for SessionDoc {
    fn from(session: &Session) -> Self {
        Self {
            id: session_uuid(session.id),
            user: user_uuid(session.user),
            device: session.device.as_ref().map(|d| d.as_str().to_owned()),
            address: session.address.clone(),
            created_at: date(session.created_at),
            used_at: date(session.used_at),
            expires_at: date(session.expires_at),
            ended_at: session.ended_at.map(date),
            anchor: binary(&session.anchor),
            current: binary(&session.current),
            previous: session.previous.as_ref().map(|b| binary(b)),
            seed: binary(&session.seed),
            rotated_at: date(session.rotated_at),
            version: int(session.version),
            scopes: session.scopes.map(Permissions::names),
        }
    }
}

impl TryFrom<SessionDoc> for Session {
    type Error = Error;

    fn try_from(doc: SessionDoc) -> Result<Self, Error> {
        Ok(Self {
            id: SessionId::from_bytes(doc.id.bytes()),
            user: UserId::from_bytes(doc.user.bytes()),
            device: parsed_optional(doc.device.as_ref())?,
            address: doc.address,
            created_at: millis(doc.created_at),
            used_at: millis(doc.used_at),
            expires_at: millis(doc.expires_at),
            ended_at: doc.ended_at.map(millis),
            anchor: bytes(&doc.anchor)?,
            current: bytes(&doc.current)?,
            previous: doc.previous.map(|b| bytes(&b)).transpose()?,
            seed: bytes(&doc.seed)?,
            rotated_at: millis(doc.rotated_at),
            version: number(doc.version)?,
            scopes: doc.scopes.as_deref().map(permissions).transpose()?,
        })
    }
}

/// A one-time code, by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct CodeDoc {
    #[serde(rename = "_id")]
    hash: Binary,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
    role: String,
    /// Always there, since the index has it.
    #[serde(default)]
    room: Option<Uuid>,
    #[serde(default = "once")]
    uses: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    created_at: DateTime,
    expires_at: DateTime,
}

/// How often a code could be used before there were others.
const fn once() -> u32 {
    1
}

impl From<&Code> for CodeDoc {
    fn from(code: &Code) -> Self {
        Self {
            hash: binary(&code.hash),
            kind: code.kind.as_str().to_owned(),
            user: code.user.map(user_uuid),
            role: code.role.as_str().to_owned(),
            room: code.room.map(room_uuid),
            uses: code.uses,
            by: code.by.map(user_uuid),
            created_at: date(code.created_at),
            expires_at: date(code.expires_at),
        }
    }
}

impl TryFrom<CodeDoc> for Code {
    type Error = Error;

    fn try_from(doc: CodeDoc) -> Result<Self, Error> {
        Ok(Self {
            hash: bytes(&doc.hash)?,
            kind: parsed(&doc.kind)?,
            user: doc.user.map(|id| UserId::from_bytes(id.bytes())),
            role: parsed(&doc.role)?,
            room: doc.room.map(|id| RoomId::from_bytes(id.bytes())),
            uses: doc.uses,
            by: doc.by.map(|id| UserId::from_bytes(id.bytes())),
            created_at: millis(doc.created_at),
            expires_at: millis(doc.expires_at),
        })
    }
}

/// The public half of a signing key, by its `kid`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct KeyDoc {
    #[serde(rename = "_id")]
    pub(in super::super) kid: String,
    public: Binary,
    created_at: DateTime,
    expires_at: DateTime,
}

impl From<&Key> for KeyDoc {
    fn from(key: &Key) -> Self {
        Self {
            kid: key.kid.clone(),
            public: binary(&key.public),
            created_at: date(key.created_at),
            expires_at: date(key.expires_at),
        }
    }
}

impl TryFrom<KeyDoc> for Key {
    type Error = Error;

    fn try_from(doc: KeyDoc) -> Result<Self, Error> {
        Ok(Self {
            kid: doc.kid,
            public: bytes(&doc.public)?,
            created_at: millis(doc.created_at),
            expires_at: millis(doc.expires_at),
        })
    }
}

/// A setting that is kept in the store; the value is JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct SettingDoc {
    #[serde(rename = "_id")]
    pub(in super::super) name: String,
    pub(in super::super) value: String,
}
