//! What lies over messages, and redactions: the collections `overlay` and `redactions`.

mod erase;
mod mention;
mod pin;
mod react;
mod reply;

use std::collections::{BTreeMap, HashSet};

use mongodb::{
    ClientSession,
    bson::{DateTime, Document, doc},
};
use serde::de::DeserializeOwned;

pub(super) use self::{
    erase::purge,
    mention::{mentions, mentions_from},
    pin::pins,
    react::{reactions, reactions_of},
    reply::replies,
};
use self::{
    erase::{erase, erase_edit, erase_reaction},
    pin::{pin, unpin},
    react::{react, unreact},
    reply::reply,
};
use super::{
    archive,
    documents::{OverlayDoc, RedactionDoc, date, int, number, redaction_uuid, room_uuid},
    fault::{is_duplicate, store_error, within},
    logs::by,
    schema::{Collections, index},
    transact::Halt,
};
use crate::{
    clock::Millis,
    id::{RedactionId, RoomId},
    model::{Deletion, Edit, Entry, Laid, Redaction},
    store::{Error, Outcome, Write, overlay},
};

/// Takes the text from those of a log's entries that are deleted. They were read before: a deletion that came
/// since is seen here.
pub(super) async fn hide(db: &Collections, entries: &mut [Entry]) -> Result<(), Error> {
    if let Some(reach) = overlay::reach(entries) {
        let between = (reach.first, reach.last);
        let deleted = deleted(db, reach.room, between, &reach.beside).await?;
        overlay::hide(entries, &deleted);
    }
    Ok(())
}

/// Makes messages of a log, read before, what they are now.
pub(super) async fn lay(db: &Collections, messages: &mut [Entry]) -> Result<(), Error> {
    if let Some(reach) = overlay::reach(messages) {
        let over = laid_over(db, reach.room, reach.first, reach.last).await?;
        overlay::lay(messages, over);
    }
    Ok(())
}

pub(super) async fn deleted(
    db: &Collections,
    room: RoomId,
    (first, last): (u64, u64),
    beside: &[u64],
) -> Result<HashSet<u64>, Error> {
    let range = doc! { "target": { "$gte": int(first), "$lte": int(last) } };
    let mut deleted = HashSet::new();
    deleted_of(db, room, range, &mut deleted).await?;
    if !beside.is_empty() {
        let these: Vec<i64> = beside.iter().map(|target| int(*target)).collect();
        let these = doc! { "target": { "$in": these } };
        deleted_of(db, room, these, &mut deleted).await?;
    }
    Ok(deleted)
}

async fn deleted_of(
    db: &Collections,
    room: RoomId,
    mut of: Document,
    deleted: &mut HashSet<u64>,
) -> Result<(), Error> {
    of.insert("room", room_uuid(room));
    of.insert("deleted_at", doc! { "$gt": DateTime::from_millis(0) });
    let targets = db.overlay.clone_with_type::<Target>();
    let find = targets
        .find(of)
        .projection(doc! { "_id": 0, "target": 1 })
        .hint(by(index::OVERLAY_TARGET));
    let mut cursor = within(find).await.map_err(store_error)?;
    while within(cursor.advance()).await.map_err(store_error)? {
        let found = cursor.deserialize_current().map_err(store_error)?;
        deleted.insert(number(found.target)?);
    }
    Ok(())
}

pub(super) async fn laid_over(
    db: &Collections,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<BTreeMap<u64, Laid>, Error> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    laid_over_these(db, room, range).await
}

/// The same, of these messages.
pub(super) async fn laid_over_at(
    db: &Collections,
    room: RoomId,
    targets: &[u64],
) -> Result<BTreeMap<u64, Laid>, Error> {
    let targets: Vec<i64> = targets.iter().map(|target| int(*target)).collect();
    laid_over_these(db, room, doc! { "$in": targets }).await
}

async fn laid_over_these(
    db: &Collections,
    room: RoomId,
    targets: Document,
) -> Result<BTreeMap<u64, Laid>, Error> {
    let find = db
        .overlay
        .find(doc! { "room": room_uuid(room), "target": targets })
        .hint(by(index::OVERLAY_TARGET));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut over = BTreeMap::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let found = cursor.deserialize_current().map_err(store_error)?;
        over.insert(number(found.target)?, found.laid()?);
    }
    Ok(over)
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
    let there = doc! { "$gt": DateTime::from_millis(0) };
    let of = doc! { "room": room_uuid(room), "target": int(target), "deleted_at": there };
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
        Write::Edit(new) => edit(db, session, new).await,
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
            edits,
        } => {
            archive::may_erase(db, session, *room, *target, *generation).await?;
            erase(db, session, (*room, *target), *at, *edits).await
        }
        Write::EraseEdit {
            room,
            target,
            seq,
            at,
            generation,
        } => {
            archive::may_erase(db, session, *room, *seq, *generation).await?;
            erase_edit(db, session, (*room, *target), *seq, *at).await
        }
        Write::React(new) => react(db, session, new).await,
        Write::Unreact {
            room,
            target,
            user,
            emoji,
        } => unreact(db, session, (*room, *target), *user, emoji.as_ref()).await,
        Write::Reply {
            room,
            target,
            seq,
            at,
        } => reply(db, session, (*room, *target), *seq, *at).await,
        Write::Mention(new) => mention::mention(db, session, new).await,
        Write::Pin(new) => pin(db, session, new).await,
        Write::Unpin { room, target } => unpin(db, session, *room, *target).await,
        Write::EraseReaction {
            room,
            target,
            on,
            seq,
            at,
            generation,
        } => {
            archive::may_erase(db, session, *room, *seq, *generation).await?;
            erase_reaction(db, session, (*room, *target, *on), *seq, *at).await
        }
        _ => Ok(()),
    }
}

/// What lies over a message, as of the session's moment.
async fn over(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
) -> Result<Option<OverlayDoc>, Halt> {
    let find = db
        .overlay
        .find_one(message(room, target))
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    Ok(within(find).await?)
}

/// Lays something over a message, in the place of what was there.
async fn put(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    doc: &OverlayDoc,
) -> Result<(), Halt> {
    let replaced = db
        .overlay
        .replace_one(message(room, target), doc)
        .hint(by(index::OVERLAY_TARGET))
        .upsert(true)
        .session(session);
    match within(replaced).await {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => Err(Halt::Not(Outcome::Stale)),
        Err(fault) => Err(Halt::Broken(fault)),
    }
}

/// Lays a new text over a message that is not deleted.
async fn edit(db: &Collections, session: &mut ClientSession, edit: &Edit) -> Result<(), Halt> {
    let (room, target) = (edit.room, edit.target);
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    let laid = doc.clone().laid()?;
    if laid.deleted || laid.edits.len() >= Edit::MOST {
        return Err(Halt::Not(Outcome::Stale));
    }
    doc.edit(edit);
    put(db, session, (room, target), &doc).await
}

/// Marks a message as deleted.
async fn delete(
    db: &Collections,
    session: &mut ClientSession,
    deletion: &Deletion,
) -> Result<(), Halt> {
    let (room, target) = (deletion.room, deletion.target);
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    if doc.clone().laid()?.deleted {
        return Err(Halt::Not(Outcome::Stale));
    }
    doc.delete(deletion);
    put(db, session, (room, target), &doc).await
}

/// Takes a deletion back. The document goes with it where nothing else lies over the message.
async fn restore(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
    redaction: Option<RedactionId>,
) -> Result<(), Halt> {
    let stale = Err(Halt::Not(Outcome::Stale));
    let Some(mut doc) = over(db, session, room, target).await? else {
        return stale;
    };
    if !doc.restore(redaction) {
        return stale;
    }
    put_or_bare(db, session, (room, target), &doc).await
}

/// The same as [`put`], but for a document that says nothing: that one goes.
async fn put_or_bare(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    doc: &OverlayDoc,
) -> Result<(), Halt> {
    if !doc.is_empty() {
        return put(db, session, (room, target), doc).await;
    }
    let gone = db
        .overlay
        .delete_one(message(room, target))
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    within(gone).await?;
    Ok(())
}

fn message(room: RoomId, target: u64) -> Document {
    doc! { "room": room_uuid(room), "target": int(target) }
}

pub(super) fn redaction_doc(redaction: &Redaction) -> Result<(Document, RedactionDoc), Halt> {
    let doc = RedactionDoc::try_from(redaction)?;
    Ok((doc! { "_id": doc.id }, doc))
}
