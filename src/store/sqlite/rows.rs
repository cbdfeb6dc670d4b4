//! Between rows and the model, both ways, and what SQLite's errors mean to us.

use std::{error, str::FromStr};

use rusqlite::{ErrorCode, Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    clock::Millis,
    id::{EntryId, LogId, RoomId, SessionId, UserId},
    model::{Code, Entry, Head, Key, Marker, Member, Room, Session, Txn, User},
    store::{Error, payload},
};

/// The columns [`entry`] reads, in its order.
macro_rules! entry_columns {
    () => {
        concat!(
            $crate::store::sqlite::place::seq!(),
            ", n, at, id, sender, txn, digest, v, kind, data"
        )
    };
}
pub(super) use entry_columns;

/// What an error of SQLite means.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err(store_error)`")]
pub(super) fn store_error(e: rusqlite::Error) -> Error {
    use rusqlite::Error as E;
    match &e {
        E::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => Error::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Damaged(e.to_string()),
            _ => Error::Unavailable(e.to_string()),
        },
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::QueryReturnedNoRows => Error::Damaged(e.to_string()),
        _ => Error::Unavailable(e.to_string()),
    }
}

/// A number as SQLite has them. No `seq` or count gets near the end of the range.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A row limit as SQLite has them.
pub(super) fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}

/// How a log is named in the table `log`.
pub(super) struct LogKey {
    bytes: [u8; 17],
    len: usize,
}

impl LogKey {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// How this log is named in the table `log`.
pub(super) fn log_key(log: LogId) -> LogKey {
    let (tag, id) = match log {
        LogId::Control => (b'c', None),
        LogId::User(id) => (b'u', Some(*id.as_bytes())),
        LogId::Room(id) => (b'r', Some(*id.as_bytes())),
    };
    let mut bytes = [0; 17];
    bytes[0] = tag;
    let Some(id) = id else {
        return LogKey { bytes, len: 1 };
    };
    bytes[1..].copy_from_slice(&id);
    LogKey { bytes, len: 17 }
}

/// An entry of `log`, from [`entry_columns`].
pub(super) fn entry(log: LogId, row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (kind, data) = (row.get_ref(8)?.as_str()?, row.get_ref(9)?.as_str()?);
    // A version that is out of range is from a future that has more of them.
    let version = u8::try_from(row.get::<_, i64>(7)?).unwrap_or(u8::MAX);
    let seq = number(row, 0)?;
    let payload = payload::decode(version, kind, data)
        .map_err(|e| damaged(9, format!("entry {seq} of {log:?}, {kind}: {e}")))?;
    Ok(Entry {
        log,
        seq,
        n: number(row, 1)?,
        at: Millis(row.get(2)?),
        id: EntryId::from_bytes(row.get(3)?),
        from: row.get::<_, Option<_>>(4)?.map(UserId::from_bytes),
        txn: optional(row, 5, Txn::parse)?,
        digest: row.get(6)?,
        payload,
        over: None,
    })
}

/// A head, from `seq, n, at`.
pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        seq: number(row, 0)?,
        n: number(row, 1)?,
        at: Millis(row.get(2)?),
    })
}

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId::from_bytes(row.get("id")?),
        name: named(row, "name")?,
        display_name: named_optional(row, "display_name")?,
        email: named_optional(row, "email")?,
        email_login: row.get("email_login")?,
        role: named(row, "role")?,
        status: named(row, "status")?,
        bot: row.get("bot")?,
        presence: row.get("presence")?,
        password: row.get("password")?,
        created_at: Millis(row.get("created_at")?),
    })
}

pub(super) fn room(row: &Row<'_>) -> rusqlite::Result<Room> {
    Ok(Room {
        id: RoomId::from_bytes(row.get("id")?),
        name: named(row, "name")?,
        kind: named(row, "kind")?,
        title: named_optional(row, "title")?,
        topic: named_optional(row, "topic")?,
        history: named(row, "history")?,
        rules: from_json(row, "rules")?,
        people: match row.get_ref("people")? {
            rusqlite::types::ValueRef::Null => Vec::new(),
            _ => from_json(row, "people")?,
        },
        owner: UserId::from_bytes(row.get("owner")?),
        created_at: Millis(row.get("created_at")?),
        deleted_at: row.get::<_, Option<_>>("deleted_at")?.map(Millis),
    })
}

/// A member, from `room, user, role, since, at, read_seq, read_n` as the first columns.
pub(super) fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        room: RoomId::from_bytes(row.get(0)?),
        user: UserId::from_bytes(row.get(1)?),
        role: parsed(row, 2, FromStr::from_str)?,
        since: number(row, 3)?,
        at: Millis(row.get(4)?),
        read: Marker {
            seq: number(row, 5)?,
            n: number(row, 6)?,
        },
    })
}

pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: SessionId::from_bytes(row.get("id")?),
        user: UserId::from_bytes(row.get("user")?),
        device: named_optional(row, "device")?,
        address: row.get("address")?,
        created_at: Millis(row.get("created_at")?),
        used_at: Millis(row.get("used_at")?),
        expires_at: Millis(row.get("expires_at")?),
        ended_at: row.get::<_, Option<_>>("ended_at")?.map(Millis),
        anchor: row.get("anchor")?,
        current: row.get("current")?,
        previous: row.get("previous")?,
        seed: row.get("seed")?,
        rotated_at: Millis(row.get("rotated_at")?),
        version: number(row, row.as_ref().column_index("version")?)?,
        scopes: match row.get_ref("scopes")?.as_str_or_null()? {
            Some(_) => Some(from_json(row, "scopes")?),
            None => None,
        },
    })
}

pub(super) fn code(row: &Row<'_>) -> rusqlite::Result<Code> {
    Ok(Code {
        hash: row.get("hash")?,
        kind: named(row, "kind")?,
        user: row.get::<_, Option<_>>("user")?.map(UserId::from_bytes),
        role: named(row, "role")?,
        room: row.get::<_, Option<_>>("room")?.map(RoomId::from_bytes),
        uses: row.get("uses")?,
        by: row.get::<_, Option<_>>("made_by")?.map(UserId::from_bytes),
        created_at: Millis(row.get("created_at")?),
        expires_at: Millis(row.get("expires_at")?),
    })
}

pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        kid: row.get("kid")?,
        public: row.get("public")?,
        created_at: Millis(row.get("created_at")?),
        expires_at: Millis(row.get("expires_at")?),
    })
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// A value out of JSON.
pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let column = row.as_ref().column_index(column)?;
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|e| damaged(column, format!("{text:?}: {e}")))
}

pub(super) fn named<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: error::Error + Send + Sync>,
{
    parsed(row, row.as_ref().column_index(column)?, T::from_str)
}

pub(super) fn named_optional<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: error::Error + Send + Sync>,
{
    optional(row, row.as_ref().column_index(column)?, T::from_str)
}

fn optional<T, E: error::Error>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(_) => parsed(row, column, parse).map(Some),
        None => Ok(None),
    }
}

/// A text of the model; one that does not parse was not written by us.
fn parsed<T, E: error::Error>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|e| damaged(column, format!("{text:?}: {e}")))
}

pub(super) fn damaged(column: usize, why: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
