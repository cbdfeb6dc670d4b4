//! Deletions and redactions: the collections `overlay` and `redactions`.

use std::collections::HashSet;

use mongodb::{
    ClientSession,
    bson::{DateTime, Document, doc},
};
use serde::de::DeserializeOwned;

use super::{
    archive,
    documents::{OverlayDoc, RedactionDoc, date, int, log_key, number, redaction_uuid, room_uuid},
    fault::{is_duplicate, store_error, within},
    logs::by,
    schema::{Collections, index},
    transact::Halt,
};
use crate::{
    clock::Millis,
    id::{LogId, RedactionId, RoomId},
    model::{Deletion, Entry, Redaction},
    store::{Error, Outcome, Write, overlay, payload::ERASED},
};

/// Takes the text from those of a log's entries that are deleted. They were read before: a deletion that came
/// since is seen here.
pub(super) async fn hide(db: &Collections, entries: &mut [Entry]) -> Result<(), Error> {
    if let Some((room, first, last)) = overlay::span(entries) {
        overlay::hide(entries, &deleted(db, room, first, last).await?);
    }
    Ok(())
}

pub(super) async fn deleted(
    db: &Collections,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<HashSet<u64>, Error> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    let targets = db.overlay.clone_with_type::<Target>();
    let find = targets
        .find(doc! { "room": room_uuid(room), "target": range })
        .projection(doc! { "_id": 0, "target": 1 })
        .hint(by(index::OVERLAY_TARGET));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut deleted = HashSet::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let found = cursor.deserialize_current().map_err(store_error)?;
        deleted.insert(number(found.target)?);
    }
    Ok(deleted)
}

#[derive(serde::Deserialize)]
struct Target {
    target: i64,
}

pub(super) async fn deletion(
    db: &Collections,
    room: RoomId,
    target: u64,
) -> Result<Option<Deletion>, Error> {
    let of = doc! { "room": room_uuid(room), "target": int(target) };
    let find = db.overlay.find_one(of).hint(by(index::OVERLAY_TARGET));
    let found = within(find).await.map_err(store_error)?;
    found.map(TryInto::try_into).transpose()
}

pub(super) async fn unerased(
    db: &Collections,
    since: Millis,
    upto: Millis,
    limit: usize,
) -> Result<Vec<Deletion>, Error> {
    // Both ends, and over 0, so that the server sees that the index has all of it.
    let since = date(Millis(since.0.max(1)));
    let range = doc! { "$gte": since, "$lte": date(upto) };
    let find = db
        .overlay
        .find(doc! { "unerased": range })
        .sort(doc! { "unerased": 1 })
        .hint(by(index::OVERLAY_UNERASED))
        .limit(int(limit as u64));
    list(within(find).await).await
}

pub(super) async fn deletions_of(
    db: &Collections,
    redaction: RedactionId,
    after: Option<(RoomId, u64)>,
    limit: usize,
) -> Result<Vec<Deletion>, Error> {
    let mut of = doc! { "redaction": redaction_uuid(redaction) };
    if let Some((room, target)) = after {
        let room = room_uuid(room);
        let later = doc! { "room": room, "target": { "$gt": int(target) } };
        of.insert("$or", vec![later, doc! { "room": { "$gt": room } }]);
    }
    let find = db
        .overlay
        .find(of)
        .sort(doc! { "redaction": 1, "room": 1, "target": 1 })
        .hint(by(index::OVERLAY_REDACTION))
        .limit(int(limit as u64));
    list(within(find).await).await
}

pub(super) async fn redaction(
    db: &Collections,
    id: RedactionId,
) -> Result<Option<Redaction>, Error> {
    let find = db.redactions.find_one(doc! { "_id": redaction_uuid(id) });
    let found = within(find).await.map_err(store_error)?;
    found.map(TryInto::try_into).transpose()
}

pub(super) async fn redactions(
    db: &Collections,
    before: Option<RedactionId>,
    limit: usize,
) -> Result<Vec<Redaction>, Error> {
    let before = before.unwrap_or(RedactionId::from_bytes([0xff; 16]));
    let find = db
        .redactions
        .find(doc! { "_id": { "$lt": redaction_uuid(before) } })
        .sort(doc! { "_id": -1 })
        .hint(by(index::ID))
        .limit(int(limit as u64));
    list(within(find).await).await
}

async fn list<D, T>(found: mongodb::error::Result<mongodb::Cursor<D>>) -> Result<Vec<T>, Error>
where
    D: DeserializeOwned + Send + Sync + TryInto<T, Error = Error>,
{
    let mut cursor = found.map_err(store_error)?;
    let mut list = Vec::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let doc = cursor.deserialize_current().map_err(store_error)?;
        list.push(doc.try_into()?);
    }
    Ok(list)
}

/// Makes one of the writes that are about messages.
pub(super) async fn apply(
    db: &Collections,
    session: &mut ClientSession,
    write: &Write,
) -> Result<(), Halt> {
    match write {
        Write::Delete(deletion) => delete(db, session, deletion).await,
        Write::Restore {
            room,
            target,
            redaction,
        } => restore(db, session, *room, *target, *redaction).await,
        Write::Erase {
            room,
            target,
            at,
            generation,
        } => {
            archive::may_erase(db, session, *room, *target, *generation).await?;
            erase(db, session, *room, *target, *at).await
        }
        _ => Ok(()),
    }
}

/// Marks a message as deleted. A document that is there says that it is: nothing else lies over a message yet.
async fn delete(
    db: &Collections,
    session: &mut ClientSession,
    deletion: &Deletion,
) -> Result<(), Halt> {
    let new = OverlayDoc::from(deletion);
    match within(db.overlay.insert_one(&new).session(session)).await {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => Err(Halt::Not(Outcome::Stale)),
        Err(fault) => Err(Halt::Broken(fault)),
    }
}

/// Takes a deletion back.
async fn restore(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
    redaction: Option<RedactionId>,
) -> Result<(), Halt> {
    let mut of = unerased_target(room, target);
    // null is also what is not there.
    of.insert("redaction", redaction.map(redaction_uuid));
    let gone = db
        .overlay
        .delete_one(of)
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    if within(gone).await?.deleted_count == 0 {
        return Err(Halt::Not(Outcome::Stale));
    }
    Ok(())
}

/// Takes a deleted message's text, and its digest, out of its entry, where that is live.
async fn erase(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
    at: Millis,
) -> Result<(), Halt> {
    let mark = doc! { "$set": { "erased_at": date(at) }, "$unset": { "unerased": "" } };
    let marked = db
        .overlay
        .update_one(unerased_target(room, target), mark)
        .hint(by(index::OVERLAY_TARGET))
        .session(&mut *session);
    if within(marked).await?.matched_count == 0 {
        return Ok(());
    }
    let of = doc! { "log": log_key(LogId::Room(room)), "seq": int(target), "kind": "message" };
    let gone = doc! { "$set": { "data": ERASED }, "$unset": { "digest": "" } };
    let emptied = db
        .entries
        .update_one(of, gone)
        .hint(by(index::ENTRY_SEQ))
        .session(session);
    within(emptied).await?;
    Ok(())
}

/// A deleted message whose text is still there.
fn unerased_target(room: RoomId, target: u64) -> Document {
    let there = doc! { "$gt": DateTime::from_millis(0) };
    doc! { "room": room_uuid(room), "target": int(target), "unerased": there }
}

pub(super) fn redaction_doc(redaction: &Redaction) -> Result<(Document, RedactionDoc), Halt> {
    let doc = RedactionDoc::try_from(redaction)?;
    Ok((doc! { "_id": doc.id }, doc))
}
