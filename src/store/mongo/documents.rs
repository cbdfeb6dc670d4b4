//! How things lie in MongoDB, both ways: the documents an administrator sees in `mongosh`.
//!
//! Ids are BSON UUIDs, times are BSON dates (UTC, to the millisecond, as exact as [`Millis`]), digests are
//! binary. What is not there is absent, never null. `docs/mongodb.md` describes the fields.

use std::str::FromStr;

use mongodb::bson::{Binary, Bson, DateTime, Document, Uuid, doc, spec::BinarySubtype};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    id::{EntryId, LogId, RoomId, SessionId, UserId},
    model::{Code, Entry, Head, Key, Member, Room, RoomKind, Session, User, entry::FORMAT},
    store::{Error, payload},
};

/// The first part of the name of a room's log.
const ROOM: &str = "room:";
/// The first part of the name of a user's log.
const USER: &str = "user:";

/// How this log is named in `entries.log`: `control`, `user:UUID` or `room:UUID`.
pub(super) fn log_key(log: LogId) -> String {
    match log {
        LogId::Control => "control".to_owned(),
        LogId::User(id) => format!("{USER}{id}"),
        LogId::Room(id) => format!("{ROOM}{id}"),
    }
}

/// An entry of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EntryDoc {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
    pub(super) log: String,
    pub(super) seq: i64,
    n: i64,
    at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    txn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Binary>,
    v: i32,
    kind: String,
    pub(super) data: String,
}

impl EntryDoc {
    pub(super) fn new(entry: &Entry) -> Result<Self, Error> {
        let data = payload::encode(&entry.payload)
            .map_err(|e| Error::Unavailable(format!("an entry cannot be written: {e}")))?;
        Ok(Self {
            id: Uuid::from_bytes(*entry.id.as_bytes()),
            log: log_key(entry.log),
            seq: int(entry.seq),
            n: int(entry.n),
            at: date(entry.at),
            from: entry.from.map(|id| Uuid::from_bytes(*id.as_bytes())),
            txn: entry.txn.as_ref().map(|txn| txn.as_str().to_owned()),
            digest: entry.digest.map(|digest| binary(&digest)),
            v: FORMAT.into(),
            kind: entry.payload.kind().to_owned(),
            data,
        })
    }

    /// The entry, which is one of `log`.
    pub(super) fn entry(self, log: LogId) -> Result<Entry, Error> {
        // A version that is out of range is from a future that has more of them.
        let version = u8::try_from(self.v).unwrap_or(u8::MAX);
        let payload = payload::decode(version, &self.kind, &self.data).map_err(|e| {
            Error::Damaged(format!(
                "entry {} of {}, {}: {e}",
                self.seq, self.log, self.kind
            ))
        })?;
        Ok(Entry {
            log,
            seq: number(self.seq)?,
            n: number(self.n)?,
            at: millis(self.at),
            id: EntryId::from_bytes(self.id.bytes()),
            from: self.from.map(|id| UserId::from_bytes(id.bytes())),
            txn: parsed_optional(self.txn.as_ref())?,
            digest: self.digest.map(|b| bytes(&b)).transpose()?,
            payload,
        })
    }
}

/// Where a log stands: the part of an entry that a head is made of.
#[derive(Debug, Deserialize)]
pub(super) struct HeadDoc {
    seq: i64,
    n: i64,
    at: DateTime,
}

impl HeadDoc {
    pub(super) fn fields() -> Document {
        doc! { "_id": 0, "seq": 1, "n": 1, "at": 1 }
    }

    pub(super) fn head(&self) -> Result<Head, Error> {
        Ok(Head {
            seq: number(self.seq)?,
            n: number(self.n)?,
            at: millis(self.at),
        })
    }
}

/// An account. `login_email` is there when `email` may log in: it is what is unique.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UserDoc {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) login_email: Option<String>,
    role: String,
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    created_at: DateTime,
    email_login: bool,
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
            created_at: millis(doc.created_at),
        })
    }
}

/// A room. `public_name` is there when everyone finds it by its name: it is what is unique.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RoomDoc {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) public_name: Option<String>,
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
            owner: UserId::from_bytes(doc.owner.bytes()),
            created_at: millis(doc.created_at),
            deleted_at: doc.deleted_at.map(millis),
        })
    }
}

/// That a user is in a room; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MemberDoc {
    pub(super) room: Uuid,
    pub(super) user: Uuid,
    role: String,
    since: i64,
    at: DateTime,
}

impl From<&Member> for MemberDoc {
    fn from(member: &Member) -> Self {
        Self {
            room: room_uuid(member.room),
            user: user_uuid(member.user),
            role: member.role.as_str().to_owned(),
            since: int(member.since),
            at: date(member.at),
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
        })
    }
}

/// One login on one device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SessionDoc {
    #[serde(rename = "_id")]
    pub(super) id: Uuid,
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
        })
    }
}

/// A one-time code, by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CodeDoc {
    #[serde(rename = "_id")]
    hash: Binary,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
    role: String,
    created_at: DateTime,
    expires_at: DateTime,
}

impl From<&Code> for CodeDoc {
    fn from(code: &Code) -> Self {
        Self {
            hash: binary(&code.hash),
            kind: code.kind.as_str().to_owned(),
            user: code.user.map(user_uuid),
            role: code.role.as_str().to_owned(),
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
            created_at: millis(doc.created_at),
            expires_at: millis(doc.expires_at),
        })
    }
}

/// The public half of a signing key, by its `kid`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeyDoc {
    #[serde(rename = "_id")]
    pub(super) kid: String,
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
pub(super) struct SettingDoc {
    #[serde(rename = "_id")]
    pub(super) name: String,
    pub(super) value: String,
}

pub(super) fn user_uuid(id: UserId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn room_uuid(id: RoomId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn session_uuid(id: SessionId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn date(at: Millis) -> DateTime {
    DateTime::from_millis(at.0)
}

fn millis(at: DateTime) -> Millis {
    Millis(at.timestamp_millis())
}

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// A binary of a fixed length.
pub(super) fn bytes<const N: usize>(binary: &Binary) -> Result<[u8; N], Error> {
    binary.bytes.as_slice().try_into().map_err(|_| {
        let len = binary.bytes.len();
        Error::Damaged(format!("a binary has {len} bytes where {N} belong"))
    })
}

/// A number as BSON has them. No `seq` or count gets near the end of the range.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(super) fn number(n: i64) -> Result<u64, Error> {
    u64::try_from(n).map_err(|_| Error::Damaged(format!("{n} is less than nothing")))
}

/// Something that a filter compares with.
pub(super) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> Document {
    doc! { "$in": ids.into_iter().map(Bson::from).collect::<Vec<_>>() }
}

/// A text of the model; one that does not parse was not written by us.
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|e| Error::Damaged(format!("{text:?}: {e}")))
}

fn parsed_optional<T: FromStr<Err: std::fmt::Display>>(
    text: Option<&String>,
) -> Result<Option<T>, Error> {
    text.map(|text| parsed(text)).transpose()
}
