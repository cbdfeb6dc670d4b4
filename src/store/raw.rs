//! Everything a store holds, table by table, as it lies there: for copying a store and for checking one.
//!
//! A record is a [`Row`] of plain [`Value`]s in the order of its table's fields ([`Table::spec`]), the same
//! from every backend. Nothing is parsed on the way, so entries of kinds and versions that this chatd does
//! not know, and values that it would refuse, stay what they are. Reading is part of every [`Store`];
//! loading ([`Load`]) is for an empty store that nobody serves yet.
//!
//! [`Store`]: super::Store

mod digest;
mod table;

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::{
    digest::Digest,
    table::{Absent, Derived, Field, Kind, Spec, Table, Valid},
};
use super::{Error, payload};
use crate::{
    clock::Millis,
    id::{EntryId, Epoch, LogId, RoomId, UserId},
    model::{Entry, Txn},
};

/// Of a page, the bytes beyond which it ends: the row that crosses it is the last. Well under what one
/// message to a MongoDB may have.
pub(super) const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// One value of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing is there.
    Null,
    /// A number, a time in milliseconds, or 0 and 1 for no and yes.
    Int(i64),
    /// A text.
    Text(String),
    /// An id, a digest, or the name of a log as SQLite has it.
    Bytes(Vec<u8>),
}

impl Value {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The number, where it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, where it is some.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The 16 bytes of an id, where it is one.
    pub fn id(&self) -> Option<[u8; 16]> {
        self.bytes()?.try_into().ok()
    }
}

/// One record: a value for each field of its table, in their order. The key comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// By what it is found; tables are ordered by it.
    pub fn key(&self, table: Table) -> &[Value] {
        &self.0[..table.spec().key]
    }

    /// The value of a field, by its name in SQLite; nothing when there is no such field.
    pub fn get(&self, table: Table, field: &str) -> &Value {
        let at = table.spec().fields.iter().position(|f| f.sqlite == field);
        at.and_then(|at| self.0.get(at)).unwrap_or(&Value::Null)
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.0.iter().map(Value::size).sum()
    }

    /// What it is called in a report: its key, for people.
    pub fn place(&self, table: Table) -> String {
        place(table, self.key(table))
    }
}

/// What a record with this key is called in a report.
pub fn place(table: Table, key: &[Value]) -> String {
    let spec = table.spec();
    let fields = spec.fields.iter().zip(key);
    let parts: Vec<_> = fields.map(|(field, value)| show(field, value)).collect();
    format!("{table} {}", parts.join(" "))
}

fn show(field: &Field, value: &Value) -> String {
    match (value, field.kind) {
        (Value::Null, _) => "-".to_owned(),
        (Value::Int(n), _) => n.to_string(),
        (Value::Text(text), _) => text.clone(),
        (Value::Bytes(bytes), Kind::Place) if bytes.is_empty() => "everywhere".to_owned(),
        (Value::Bytes(bytes), Kind::Log) => log(bytes).map_or_else(|| hex(bytes), show_log),
        (Value::Bytes(bytes), Kind::Id | Kind::Place) => {
            Uuid::from_slice(bytes).map_or_else(|_| hex(bytes), |id| id.to_string())
        }
        (Value::Bytes(bytes), _) => hex(bytes),
    }
}

/// A log's name for people: `control`, `user:UUID` or `room:UUID`.
pub fn show_log(log: LogId) -> String {
    match log {
        LogId::Control => "control".to_owned(),
        LogId::User(id) => format!("user:{id}"),
        LogId::Room(id) => format!("room:{id}"),
    }
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

/// The log that [`Kind::Log`] bytes name.
pub fn log(bytes: &[u8]) -> Option<LogId> {
    let id = |rest: &[u8]| rest.try_into().ok();
    match bytes.split_first()? {
        (b'c', []) => Some(LogId::Control),
        (b'u', rest) => id(rest).map(|id| LogId::User(UserId::from_bytes(id))),
        (b'r', rest) => id(rest).map(|id| LogId::Room(RoomId::from_bytes(id))),
        _ => None,
    }
}

/// The entry that a row of [`Table::Entries`] is, or why it is none.
pub fn entry(row: &Row) -> Result<Entry, String> {
    let of = |field| row.get(Table::Entries, field);
    let number = |field| -> Result<u64, String> {
        let n = of(field).int().and_then(|n| u64::try_from(n).ok());
        n.ok_or_else(|| format!("its {field} is no number"))
    };
    let digest = match of("digest") {
        Value::Null => None,
        digest => Some(digest.id().ok_or("its digest is not 16 bytes")?),
    };
    let txn = of("txn").text().map(Txn::parse).transpose();
    // A version that is out of range is from a future that has more of them.
    let version = of("v").int().and_then(|v| u8::try_from(v).ok());
    let kind = of("kind").text().unwrap_or_default();
    let data = of("data").text().unwrap_or_default();
    let payload = payload::decode(version.unwrap_or(u8::MAX), kind, data);
    Ok(Entry {
        log: of("log")
            .bytes()
            .and_then(log)
            .ok_or("its log has no name")?,
        seq: number("seq")?,
        n: number("n")?,
        at: Millis(of("at").int().ok_or("its at is no time")?),
        id: EntryId::from_bytes(of("id").id().ok_or("its id is none")?),
        from: of("sender").id().map(UserId::from_bytes),
        txn: txn.map_err(|e| format!("its txn: {e}"))?,
        digest,
        payload: payload.map_err(|e| format!("it does not read as `{kind}`: {e}"))?,
        over: None,
    })
}

/// Reading all of a store.
#[async_trait]
pub trait Scan: fmt::Debug + Send + Sync + 'static {
    /// Records of a table in the order of their keys, from the first after `after`: at most `limit`, and
    /// no more once they are large. Empty only at the end.
    async fn scan(
        &self,
        table: Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Error>;
    /// How many records a table has.
    async fn count(&self, table: Table) -> Result<u64, Error>;
    /// What the backend itself finds wrong: broken pages, missing indexes. Takes its time.
    async fn faults(&self) -> Result<Vec<String>, Error>;
}

/// Filling a store with records as they are. Only for one that nobody serves.
#[async_trait]
pub trait Load: Scan {
    /// Puts records of one table, new or again; durable when it answers. They are put in the order given:
    /// whenever that is interrupted, what is there is all up to some record.
    async fn load(&self, table: Table, rows: Vec<Row>) -> Result<(), Error>;
    /// The last record of a table.
    async fn last(&self, table: Table) -> Result<Option<Row>, Error>;
    /// Takes all records out of a table.
    async fn clear(&self, table: Table) -> Result<(), Error>;
    /// Makes it the incarnation that another store is.
    async fn identify(&self, epoch: Epoch, secret: [u8; 32]) -> Result<(), Error>;
    /// What was noted about a copy into it that is under way. A store with such a note is not served.
    async fn mark(&self) -> Result<Option<String>, Error>;
    /// Notes that a copy is under way, or that none is any more.
    async fn set_mark(&self, mark: Option<&str>) -> Result<(), Error>;
}

/// What a store is that was only looked at, not opened.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The schema's version; 0 when it is none of ours yet.
    pub schema: u32,
    /// Its incarnation, once it has one.
    pub epoch: Option<Epoch>,
    /// The note of a copy that is under way.
    pub mark: Option<String>,
    /// How many records there are, table by table.
    pub counts: Vec<(Table, u64)>,
}

impl Glance {
    /// How many records there are in all.
    pub fn records(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Serving, or anything else that needs all of it: refused while a copy into it is under way.
    Serve,
    /// Being copied into.
    Fill,
}

#[cfg(test)]
mod tests;
