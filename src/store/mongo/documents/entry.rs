//! Entries of logs.

use mongodb::bson::{Binary, DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::{binary, bytes, date, int, log_key, millis, number, parsed_optional, user_uuid};
use crate::{
    id::{EntryId, LogId, RoomId, UserId},
    model::{Entry, Head, entry::FORMAT},
    segment::Line,
    store::{Error, payload},
};

/// An entry of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct EntryDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    pub(in super::super) log: String,
    pub(in super::super) seq: i64,
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
    pub(in super::super) data: String,
}

impl EntryDoc {
    pub(in super::super) fn new(entry: &Entry) -> Result<Self, Error> {
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

    /// An entry of a room as it lay in a segment.
    pub(in super::super) fn of_line(room: RoomId, line: &Line) -> Result<Self, Error> {
        let v = line.version.try_into().map_err(|_| {
            let Line { seq, version, .. } = line;
            Error::Damaged(format!(
                "entry {seq} of room {room} has format version {version}"
            ))
        })?;
        Ok(Self {
            id: Uuid::from_bytes(*line.id.as_bytes()),
            log: log_key(LogId::Room(room)),
            seq: int(line.seq),
            n: int(line.n),
            at: date(line.at),
            from: line.from.map(user_uuid),
            txn: None,
            digest: None,
            v,
            kind: line.kind.clone(),
            data: line.data.clone(),
        })
    }

    /// The entry, which is one of `log`.
    pub(in super::super) fn entry(self, log: LogId) -> Result<Entry, Error> {
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
            over: None,
        })
    }
}

impl TryFrom<EntryDoc> for Line {
    type Error = Error;

    fn try_from(doc: EntryDoc) -> Result<Self, Error> {
        Ok(Self {
            seq: number(doc.seq)?,
            n: number(doc.n)?,
            at: millis(doc.at),
            id: EntryId::from_bytes(doc.id.bytes()),
            from: doc.from.map(|id| UserId::from_bytes(id.bytes())),
            version: doc.v.into(),
            kind: doc.kind,
            data: doc.data,
        })
    }
}

/// Where a log stands: the part of an entry that a head is made of.
#[derive(Debug, Deserialize)]
pub(in super::super) struct HeadDoc {
    seq: i64,
    n: i64,
    at: DateTime,
}

impl HeadDoc {
    pub(in super::super) fn fields() -> Document {
        doc! { "_id": 0, "seq": 1, "n": 1, "at": 1 }
    }

    pub(in super::super) fn head(&self) -> Result<Head, Error> {
        Ok(Head {
            seq: number(self.seq)?,
            n: number(self.n)?,
            at: millis(self.at),
        })
    }
}
