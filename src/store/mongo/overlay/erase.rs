//! Taking texts out, inside a transaction: of entries, and of what lies over them.

use mongodb::{ClientSession, bson::doc};

use super::{
    super::{
        documents::{OverlayDoc, int, log_key, room_uuid},
        fault::within,
        files,
        logs::by,
        schema::{Collections, index},
        transact::Halt,
    },
    over, pin, put, react, reply,
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    store::{
        Outcome,
        payload::{ERASED, erased_edit, erased_reaction},
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
    react::forget(db, session, room, target, target).await?;
    files::drop_attached(db, session, room, (target, target), at).await?;
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
    note(db, session, (room, seq), at).await?;
    empty(db, session, (room, seq), "edit", &erased_edit(target)).await
}

/// Takes what somebody reacted with out of an entry, for good. That it is gone is noted under its own number.
pub(super) async fn erase_reaction(
    db: &Collections,
    session: &mut ClientSession,
    (room, target, on): (RoomId, u64, bool),
    seq: u64,
    at: Millis,
) -> Result<(), Halt> {
    note(db, session, (room, seq), at).await?;
    let left = erased_reaction(target, on);
    empty(db, session, (room, seq), "reaction", &left).await
}

/// Notes under the number of an entry that is no message that its text is gone.
async fn note(
    db: &Collections,
    session: &mut ClientSession,
    (room, seq): (RoomId, u64),
    at: Millis,
) -> Result<(), Halt> {
    if over(db, session, room, seq).await?.is_some() {
        return Ok(());
    }
    let mut note = OverlayDoc::new(room, seq);
    note.erase_edit(at);
    put(db, session, (room, seq), &note).await
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

/// Takes out what the messages of a range that was purged were edited to, the reactions to them, their pins and threads;
/// their files are to go.
pub(in super::super) async fn purge(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    (first, last): (u64, u64),
    at: Millis,
) -> Result<(), Halt> {
    files::drop_attached(db, session, room, (first, last), at).await?;
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    let of = doc! { "room": room_uuid(room), "target": range, "body": { "$gt": "" } };
    let gone = db
        .overlay
        .update_many(of, doc! { "$unset": { "body": "" } })
        .hint(by(index::OVERLAY_TARGET))
        .session(&mut *session);
    within(gone).await?;
    react::forget(db, session, room, first, last).await?;
    pin::take_down(db, session, room, first, last).await?;
    reply::forget(db, session, room, first, last).await?;
    bare(db, session, room, first, last).await
}

/// Takes out the documents of a range that lay nothing over their message any more.
async fn bare(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    // null is also what is not there.
    let nothing = doc! {
        "room": room_uuid(room), "target": range, "deleted_at": null, "erased_at": null, "edits": null,
        "reactions": null, "pin_seq": null, "replies": null,
    };
    let gone = db
        .overlay
        .delete_many(nothing)
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    within(gone).await?;
    Ok(())
}
