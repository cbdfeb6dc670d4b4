//! The archive: the collections `segments` and `runs`, and live entries as they lie there.
//!
//! A segment's bytes are read with it only where they are asked for: whoever looks for one reads a short
//! document, however long the segment.

mod write;

use bytes::Bytes;
use mongodb::bson::{Document, doc};

pub(super) use self::write::{apply, may_erase};
use super::{
    documents::{SegmentDoc, int, log_key, room_uuid, run_uuid},
    fault::{store_error, within},
    logs::{self, by},
    records::{limited, one},
    schema::{Collections, index},
};
use crate::{
    id::{LogId, RoomId, RunId},
    model::{Run, Segment},
    segment::Line,
    store::Error,
};

pub(super) async fn segment_from(
    db: &Collections,
    room: RoomId,
    seq: u64,
) -> Result<Option<Segment>, Error> {
    let of = doc! { "room": room_uuid(room), "last": { "$gte": int(seq) } };
    nearest(db, of, 1).await
}

pub(super) async fn segment_before(
    db: &Collections,
    room: RoomId,
    seq: u64,
) -> Result<Option<Segment>, Error> {
    let of = doc! { "room": room_uuid(room), "last": { "$lt": int(seq) } };
    nearest(db, of, -1).await
}

/// Of a room's segments that a filter finds, the first or the last.
async fn nearest(db: &Collections, of: Document, direction: i32) -> Result<Option<Segment>, Error> {
    let find = db
        .segments
        .find_one(of)
        .sort(doc! { "last": direction })
        .projection(SegmentDoc::fields())
        .hint(by(index::SEGMENT));
    one(find.into_future()).await
}

pub(super) async fn segment(
    db: &Collections,
    room: RoomId,
    last: u64,
) -> Result<Option<(Segment, Bytes)>, Error> {
    let of = doc! { "room": room_uuid(room), "last": int(last) };
    let find = db.segments.find_one(of).hint(by(index::SEGMENT));
    let found = within(find).await.map_err(store_error)?;
    let Some(mut doc) = found else {
        return Ok(None);
    };
    let data = doc.take_data().into();
    Ok(Some((doc.try_into()?, data)))
}

pub(super) async fn segments(
    db: &Collections,
    after: Option<(RoomId, u64)>,
    limit: usize,
) -> Result<Vec<Segment>, Error> {
    // The rest of the room, then the rooms after it: each is one range of the index.
    let ranges = match after {
        None => vec![doc! {}],
        Some((room, last)) => {
            let room = room_uuid(room);
            vec![
                doc! { "room": room, "last": { "$gt": int(last) } },
                doc! { "room": { "$gt": room } },
            ]
        }
    };
    let mut found = Vec::new();
    for of in ranges {
        let find = db
            .segments
            .find(of)
            .sort(doc! { "room": 1, "last": 1 })
            .projection(SegmentDoc::fields())
            .hint(by(index::SEGMENT));
        found.extend(limited::<_, Segment>(find, limit - found.len()).await?);
    }
    Ok(found)
}

pub(super) async fn lines(
    db: &Collections,
    room: RoomId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> Result<Vec<Line>, Error> {
    let log = log_key(LogId::Room(room));
    let range = doc! { "log": log, "seq": { "$gt": int(after), "$lte": int(upto) } };
    let docs = logs::documents(db, range, 1, limit, bytes).await?;
    docs.into_iter().map(TryInto::try_into).collect()
}

pub(super) async fn run(db: &Collections, id: RunId) -> Result<Option<Run>, Error> {
    let of = doc! { "_id": run_uuid(id) };
    one(db.runs.find_one(of).into_future()).await
}

pub(super) async fn runs(
    db: &Collections,
    before: Option<RunId>,
    limit: usize,
) -> Result<Vec<Run>, Error> {
    let before = before.unwrap_or(RunId::from_bytes([0xff; 16]));
    let find = db
        .runs
        .find(doc! { "_id": { "$lt": run_uuid(before) } })
        .sort(doc! { "_id": -1 })
        .hint(by(index::ID));
    limited(find, limit).await
}
