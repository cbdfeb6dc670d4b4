//! Moving entries between `entries` and `segments`, inside a transaction.
//!
//! Each of these writes goes by what others of them have written, and a transaction sees one moment: two that
//! only read what the other writes would pass each other unseen. So all of them, and the erasing of texts,
//! change one document ([`claim`]): of two at once, one is undone and tried again.

use std::collections::HashSet;

use mongodb::{
    ClientSession,
    bson::{DateTime, Document, doc, serialize_to_document},
    error::{Error as Fault, Result as Answer},
};
use serde::Deserialize;

use super::super::{
    documents::{EntryDoc, SegmentDoc, int, log_key, room_uuid},
    fault::within,
    logs::by,
    overlay,
    schema::{Collections, index},
    transact::Halt,
    writes::{again, expect_one, insert, stale},
};
use crate::{
    id::{LogId, RoomId},
    model::Segment,
    segment::Line,
    store::Write,
};

/// How many entries one command puts. What it takes on the server must fit into [`within`].
const BATCH: usize = 500;

/// Makes one of the writes that are about segments and what they have.
pub(in super::super) async fn apply(
    db: &Collections,
    session: &mut ClientSession,
    write: &Write,
) -> Result<(), Halt> {
    claim(db, session).await?;
    match write {
        Write::InsertSegment(segment, data) => insert_segment(db, session, segment, data).await,
        Write::RewriteSegment(segment, data) => rewrite_segment(db, session, segment, data).await,
        Write::UpdateSegment(segment) => update_segment(db, session, segment).await,
        Write::DeleteSegment { room, last } => delete_segment(db, session, *room, *last).await,
        Write::DeleteLive { room, upto } => delete_live(db, session, *room, *upto).await,
        Write::InsertLive {
            room,
            lines,
            generation,
        } => insert_live(db, session, *room, lines, *generation).await,
        _ => Ok(()),
    }
}

/// Sees to it that the text of a message is in no segment but one of this generation, and that none with it
/// comes about meanwhile.
pub(in super::super) async fn may_erase(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
    generation: Option<u32>,
) -> Result<(), Halt> {
    claim(db, session).await?;
    check_generation(db, session, room, target, generation).await
}

/// Sees to it that the segment that has a message is of this generation; with none, that no segment has it.
async fn check_generation(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
    generation: Option<u32>,
) -> Result<(), Halt> {
    let segment = covering(db, session, room, target).await?;
    let segment = segment.filter(|s| s.purged_at.is_none());
    if segment.map(|s| s.generation) == generation.map(i64::from) {
        Ok(())
    } else {
        stale()
    }
}

/// Lets no other transaction that does this happen at the same time.
async fn claim(db: &Collections, session: &mut ClientSession) -> Result<(), Halt> {
    let next = doc! { "$inc": { "changes": 1_i64 } };
    let archive = db.meta.update_one(doc! { "_id": "archive" }, next);
    within(archive.upsert(true).session(session))
        .await
        .map(drop)
        .map_err(again)
}

/// Of a segment, what decides whether something may happen to it or to its entries.
#[derive(Debug, Deserialize)]
struct Place {
    first: i64,
    last: i64,
    generation: i64,
    #[serde(default)]
    purged_at: Option<DateTime>,
    #[serde(default)]
    restored_at: Option<DateTime>,
}

/// Of a room's segments that a filter finds, the first or the last, as of the session's moment.
async fn nearest_then(
    db: &Collections,
    session: &mut ClientSession,
    of: Document,
    direction: i32,
) -> Answer<Option<Place>> {
    let places = db.segments.clone_with_type::<Place>();
    let fields = doc! {
        "_id": 0, "first": 1, "last": 1, "generation": 1, "purged_at": 1, "restored_at": 1,
    };
    let find = places
        .find_one(of)
        .sort(doc! { "last": direction })
        .projection(fields)
        .hint(by(index::SEGMENT))
        .session(session);
    within(find).await
}

/// The segment that has an entry, or had it.
async fn covering(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    seq: u64,
) -> Answer<Option<Place>> {
    let seq = int(seq);
    let of = doc! { "room": room_uuid(room), "last": { "$gte": seq } };
    let found = nearest_then(db, session, of, 1).await?;
    Ok(found.filter(|place| place.first <= seq))
}

async fn insert_segment(
    db: &Collections,
    session: &mut ClientSession,
    segment: &Segment,
    data: &[u8],
) -> Result<(), Halt> {
    let room = room_uuid(segment.room);
    let before = nearest_then(db, session, doc! { "room": room }, -1).await?;
    let follows = match before {
        Some(before) => before.last == int(segment.first) - 1 && before.restored_at.is_none(),
        None => segment.first == 1,
    };
    if !follows {
        return stale();
    }
    let range = doc! { "$gte": int(segment.first), "$lte": int(segment.last) };
    // null is also what is not there.
    let erased = doc! { "room": room, "target": range, "erased_at": { "$ne": null } };
    let erased = db
        .overlay
        .count_documents(erased)
        .hint(by(index::OVERLAY_TARGET))
        .session(&mut *session);
    if within(erased).await? != segment.erased {
        return stale();
    }
    let new = SegmentDoc::new(segment, Some(data));
    insert(&db.segments, session, &new).await
}

async fn rewrite_segment(
    db: &Collections,
    session: &mut ClientSession,
    segment: &Segment,
    data: &[u8],
) -> Result<(), Halt> {
    let of = unpurged(segment);
    let new = SegmentDoc::new(segment, Some(data));
    let replaced = db
        .segments
        .replace_one(of, &new)
        .hint(by(index::SEGMENT))
        .session(session);
    expect_one(within(replaced).await?.matched_count)
}

async fn update_segment(
    db: &Collections,
    session: &mut ClientSession,
    segment: &Segment,
) -> Result<(), Halt> {
    let set = serialize_to_document(&SegmentDoc::new(segment, None)).map_err(Fault::from)?;
    let gone = SegmentDoc::OPTIONAL
        .into_iter()
        .filter(|field| !set.contains_key(field))
        .chain(segment.purged_at.map(|_| "data"));
    let unset: Document = gone.map(|field| (field.to_owned(), "".into())).collect();
    let updated = db
        .segments
        .update_one(unpurged(segment), doc! { "$set": set, "$unset": unset })
        .hint(by(index::SEGMENT))
        .session(&mut *session);
    expect_one(within(updated).await?.matched_count)?;
    if let Some(at) = segment.purged_at {
        let range = (segment.first, segment.last);
        overlay::purge(db, session, segment.room, range, at).await?;
    }
    Ok(())
}

/// The stored segment in the place of this one, if it is of the generation before and not purged.
fn unpurged(segment: &Segment) -> Document {
    doc! {
        "room": room_uuid(segment.room),
        "last": int(segment.last),
        "generation": i64::from(segment.generation) - 1,
        "purged_at": null,
    }
}

async fn delete_segment(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    last: u64,
) -> Result<(), Halt> {
    let restored = doc! { "$ne": null };
    let of = doc! { "room": room_uuid(room), "last": int(last), "restored_at": restored };
    let gone = db
        .segments
        .delete_one(of)
        .hint(by(index::SEGMENT))
        .session(session);
    expect_one(within(gone).await?.deleted_count)
}

async fn delete_live(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    upto: u64,
) -> Result<(), Halt> {
    let segment = covering(db, session, room, upto).await?;
    let sealed = segment.is_some_and(|s| s.purged_at.is_none() && s.restored_at.is_none());
    let log = log_key(LogId::Room(room));
    if !sealed || !goes_on(db, session, &log, upto).await? {
        return stale();
    }
    let gone = db
        .entries
        .delete_many(doc! { "log": log, "seq": { "$lte": int(upto) } })
        .hint(by(index::ENTRY_SEQ))
        .session(session);
    within(gone).await?;
    Ok(())
}

/// Whether a log has a live entry after this one: its last has to stay, as what says where the log stands.
async fn goes_on(
    db: &Collections,
    session: &mut ClientSession,
    log: &str,
    upto: u64,
) -> Answer<bool> {
    let entries = db.entries.clone_with_type::<Seq>();
    let later = entries
        .find_one(doc! { "log": log, "seq": { "$gt": int(upto) } })
        .projection(Seq::field())
        .hint(by(index::ENTRY_SEQ))
        .session(session);
    Ok(within(later).await?.is_some())
}

async fn insert_live(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    lines: &[Line],
    generation: u32,
) -> Result<(), Halt> {
    for line in lines.first().into_iter().chain(lines.last()) {
        check_generation(db, session, room, line.seq, Some(generation)).await?;
    }
    let there = live_among(db, session, room, lines).await?;
    let missing = lines.iter().filter(|line| !there.contains(&int(line.seq)));
    let docs = missing.map(|line| EntryDoc::of_line(room, line));
    let docs = docs.collect::<Result<Vec<_>, _>>()?;
    for docs in docs.chunks(BATCH) {
        let inserted = db.entries.insert_many(docs).ordered(true);
        within(inserted.session(&mut *session))
            .await
            .map_err(again)?;
    }
    Ok(())
}

/// Which numbers from the first to the last of these are live.
async fn live_among(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    lines: &[Line],
) -> Answer<HashSet<i64>> {
    let seqs = || lines.iter().map(|line| int(line.seq));
    let (Some(first), Some(last)) = (seqs().min(), seqs().max()) else {
        return Ok(HashSet::new());
    };
    let range = doc! { "$gte": first, "$lte": last };
    let entries = db.entries.clone_with_type::<Seq>();
    let find = entries
        .find(doc! { "log": log_key(LogId::Room(room)), "seq": range })
        .projection(Seq::field())
        .hint(by(index::ENTRY_SEQ))
        .session(&mut *session);
    let mut cursor = within(find.into_future()).await?;
    let mut there = HashSet::new();
    while within(cursor.advance(session)).await? {
        there.insert(cursor.deserialize_current()?.seq);
    }
    Ok(there)
}

/// An entry's number, and nothing else of it.
#[derive(Debug, Deserialize)]
struct Seq {
    seq: i64,
}

impl Seq {
    fn field() -> Document {
        doc! { "_id": 0, "seq": 1 }
    }
}
