//! Threads: the collection `replies`, and fields of `overlay`.

use mongodb::{ClientSession, bson::doc};

use super::{
    super::{
        documents::{OverlayDoc, ReplyDoc, int, number, room_uuid},
        fault::{store_error, within},
        logs::by,
        schema::{Collections, index},
        transact::Halt,
        writes::insert,
    },
    over, put,
};
use crate::{
    clock::Millis,
    id::RoomId,
    store::{Error, Outcome},
};

/// The answers to a message, from the first after `after`.
pub(in super::super) async fn replies(
    db: &Collections,
    (room, target): (RoomId, u64),
    after: u64,
    limit: usize,
) -> Result<Vec<u64>, Error> {
    let later = doc! { "$gt": int(after) };
    let find = db
        .replies
        .find(doc! { "room": room_uuid(room), "target": int(target), "seq": later })
        .sort(doc! { "seq": 1 })
        .hint(by(index::REPLY))
        .limit(int(limit as u64));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut all = Vec::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        all.push(number(
            cursor.deserialize_current().map_err(store_error)?.seq,
        )?);
    }
    Ok(all)
}

/// Adds an answer to a message that is not deleted.
pub(super) async fn reply(
    db: &Collections,
    session: &mut ClientSession,
    (room, target): (RoomId, u64),
    seq: u64,
    at: Millis,
) -> Result<(), Halt> {
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    if doc.clone().laid()?.deleted {
        return Err(Halt::Not(Outcome::Stale));
    }
    doc.reply(seq, at);
    put(db, session, (room, target), &doc).await?;
    insert(&db.replies, session, &ReplyDoc::new(room, target, seq)).await
}

/// Takes out which answers there are to messages of a range. The answers themselves stay.
pub(super) async fn forget(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lt": int(last + 1) };
    let of = doc! { "room": room_uuid(room), "target": range };
    let gone = db.replies.delete_many(of.clone()).hint(by(index::REPLY));
    within(gone.session(&mut *session).into_future()).await?;
    let mut laid = of;
    laid.insert("replies", doc! { "$gt": 0_i64 });
    let unset = doc! { "$unset": { "replies": "", "last_reply": "", "last_reply_at": "" } };
    let gone = db
        .overlay
        .update_many(laid, unset)
        .hint(by(index::OVERLAY_TARGET));
    within(gone.session(session).into_future()).await?;
    Ok(())
}
