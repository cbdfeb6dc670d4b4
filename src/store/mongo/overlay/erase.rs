//! Taking texts out, inside a transaction: of entries, and of what lies over them.

use mongodb::{ClientSession, bson::doc};

use super::{
    super::{
        documents::{OverlayDoc, int, log_key, room_uuid},
        fault::within,
        logs::by,
        schema::{Collections, index},
        transact::Halt,
    },
    over, put,
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    store::{
        Outcome,
        payload::{ERASED, erased_edit},
    },
};

/// Takes a deleted message's text, and its digest, out of its entry, where that is live, and what it was edited
/// to.
pub(super) async fn erase(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    at: Millis,
    edits: usize,
) -> Result<(), Halt> {
    let Some(mut doc) = over(db, session, room, target).await? else {
        return Ok(());
    };
    let laid = doc.clone().laid()?;
    if !laid.deleted {
        return Ok(());
    }
    if laid.edits.len() != edits {
        return Err(Halt::Not(Outcome::Stale));
    }
    if !doc.erase(at) {
        return Ok(());
    }
    put(db, session, (room, target), &doc).await?;
    empty(db, session, (room, target), "message", ERASED).await
}

/// The same with the text of an edit. That it is erased is noted under its own number.
pub(super) async fn erase_edit(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    seq: u64,
    at: Millis,
) -> Result<(), Halt> {
    let of = over(db, session, room, target).await?;
    let deleted = match of {
        Some(doc) => doc.laid()?.deleted,
        None => false,
    };
    if !deleted {
        return Ok(());
    }
    if over(db, session, room, seq).await?.is_none() {
        let mut note = OverlayDoc::new(room, seq);
        note.erase_edit(at);
        put(db, session, (room, seq), &note).await?;
    }
    empty(db, session, (room, seq), "edit", &erased_edit(target)).await
}

/// Puts what is left of an entry in its place, where it is live.
async fn empty(
    db: &Collections,
    session: &mut ClientSession,
    (room, seq): (RoomId, u64),
    kind: &str,
    data: &str,
) -> Result<(), Halt> {
    let of = doc! { "log": log_key(LogId::Room(room)), "seq": int(seq), "kind": kind };
    let gone = doc! { "$set": { "data": data }, "$unset": { "digest": "" } };
    let emptied = db
        .entries
        .update_one(of, gone)
        .hint(by(index::ENTRY_SEQ))
        .session(session);
    within(emptied).await?;
    Ok(())
}

/// Takes out what the messages of a range that was purged were edited to.
pub(in super::super) async fn purge(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    let of = doc! { "room": room_uuid(room), "target": range, "body": { "$gt": "" } };
    let gone = db
        .overlay
        .update_many(of, doc! { "$unset": { "body": "" } })
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    within(gone).await?;
    Ok(())
}
