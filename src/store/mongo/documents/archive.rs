//! Segments, runs of the archive, and holds.

use mongodb::bson::{Binary, DateTime, Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::{binary, date, int, millis, number, parsed, room_uuid, user_uuid};
use crate::{
    id::{HoldId, RoomId, RunId, UserId},
    model::{Hold, HoldOn, Purge, Run, Segment},
    store::Error,
};

/// A run's id as BSON has it.
pub(in super::super) fn run_uuid(id: RunId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A hold's id as BSON has it.
pub(in super::super) fn hold_uuid(id: HoldId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A sealed segment; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct SegmentDoc {
    room: Uuid,
    last: i64,
    first: i64,
    n: i64,
    first_at: DateTime,
    last_at: DateTime,
    entries: i64,
    messages: i64,
    erased: i64,
    bytes: i64,
    size: i64,
    generation: i32,
    run: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purge_run: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purge_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purged_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restored_at: Option<DateTime>,
    /// The segment itself; gone when it is purged, and not read where it is only looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Binary>,
}

impl SegmentDoc {
    /// The fields that are not in every document, but for `data`.
    pub(in super::super) const OPTIONAL: [&str; 4] =
        ["purge_run", "purge_at", "purged_at", "restored_at"];

    pub(in super::super) fn new(segment: &Segment, data: Option<&[u8]>) -> Self {
        Self {
            room: room_uuid(segment.room),
            last: int(segment.last),
            first: int(segment.first),
            n: int(segment.n),
            first_at: date(segment.first_at),
            last_at: date(segment.last_at),
            entries: int(segment.entries),
            messages: int(segment.messages),
            erased: int(segment.erased),
            bytes: int(segment.bytes),
            size: int(segment.size),
            generation: segment.generation.try_into().unwrap_or(i32::MAX),
            run: run_uuid(segment.run),
            purge_run: segment.purge.map(|purge| run_uuid(purge.run)),
            purge_at: segment.purge.map(|purge| date(purge.at)),
            purged_at: segment.purged_at.map(date),
            restored_at: segment.restored_at.map(date),
            data: data.map(binary),
        }
    }

    /// All of it but the bytes.
    pub(in super::super) fn fields() -> Document {
        doc! { "_id": 0, "data": 0 }
    }

    /// The bytes, taken out of it; none when they were not read, or there are none any more.
    pub(in super::super) fn take_data(&mut self) -> Vec<u8> {
        let data = self.data.take();
        data.map(|data| data.bytes).unwrap_or_default()
    }
}

impl TryFrom<SegmentDoc> for Segment {
    type Error = Error;

    fn try_from(doc: SegmentDoc) -> Result<Self, Error> {
        let purge = doc.purge_run.zip(doc.purge_at).map(|(run, at)| Purge {
            run: RunId::from_bytes(run.bytes()),
            at: millis(at),
        });
        let generation = number(doc.generation.into())?;
        Ok(Self {
            room: RoomId::from_bytes(doc.room.bytes()),
            first: number(doc.first)?,
            last: number(doc.last)?,
            n: number(doc.n)?,
            first_at: millis(doc.first_at),
            last_at: millis(doc.last_at),
            entries: number(doc.entries)?,
            messages: number(doc.messages)?,
            erased: number(doc.erased)?,
            bytes: number(doc.bytes)?,
            size: number(doc.size)?,
            generation: generation.try_into().unwrap_or(u32::MAX),
            run: RunId::from_bytes(doc.run.bytes()),
            purge,
            purged_at: doc.purged_at.map(millis),
            restored_at: doc.restored_at.map(millis),
        })
    }
}

/// A run of the archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct RunDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    kind: String,
    state: String,
    at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime>,
    /// JSON, as in the other store.
    detail: String,
}

impl TryFrom<&Run> for RunDoc {
    type Error = Error;

    fn try_from(run: &Run) -> Result<Self, Error> {
        let detail = serde_json::to_string(&run.detail)
            .map_err(|e| Error::Unavailable(format!("a run cannot be written: {e}")))?;
        Ok(Self {
            id: run_uuid(run.id),
            kind: run.kind.as_str().to_owned(),
            state: run.state.as_str().to_owned(),
            at: date(run.at),
            finished_at: run.finished_at.map(date),
            detail,
        })
    }
}

impl TryFrom<RunDoc> for Run {
    type Error = Error;

    fn try_from(doc: RunDoc) -> Result<Self, Error> {
        let detail = serde_json::from_str(&doc.detail)
            .map_err(|e| Error::Damaged(format!("run {}: {e}", doc.id)))?;
        Ok(Self {
            id: RunId::from_bytes(doc.id.bytes()),
            kind: parsed(&doc.kind)?,
            state: parsed(&doc.state)?,
            at: millis(doc.at),
            finished_at: doc.finished_at.map(millis),
            detail,
        })
    }
}

/// A hold on a room or on a user: one of the two is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct HoldDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Uuid>,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    at: DateTime,
}

impl From<&Hold> for HoldDoc {
    fn from(hold: &Hold) -> Self {
        let (room, user) = match hold.on {
            HoldOn::Room(room) => (Some(room_uuid(room)), None),
            HoldOn::User(user) => (None, Some(user_uuid(user))),
        };
        Self {
            id: hold_uuid(hold.id),
            room,
            user,
            reason: hold.reason.as_str().to_owned(),
            by: hold.by.map(user_uuid),
            at: date(hold.at),
        }
    }
}

impl TryFrom<HoldDoc> for Hold {
    type Error = Error;

    fn try_from(doc: HoldDoc) -> Result<Self, Error> {
        let on = match (doc.room, doc.user) {
            (Some(room), _) => HoldOn::Room(RoomId::from_bytes(room.bytes())),
            (None, Some(user)) => HoldOn::User(UserId::from_bytes(user.bytes())),
            (None, None) => {
                let id = doc.id;
                return Err(Error::Damaged(format!("hold {id} is one on nothing")));
            }
        };
        Ok(Self {
            id: HoldId::from_bytes(doc.id.bytes()),
            on,
            reason: parsed(&doc.reason)?,
            by: doc.by.map(|id| UserId::from_bytes(id.bytes())),
            at: millis(doc.at),
        })
    }
}
