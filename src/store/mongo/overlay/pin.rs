//! Pins: fields of `overlay`.

use mongodb::{ClientSession, bson::doc};

use super::{
    super::{
        documents::{OverlayDoc, int, number, room_uuid},
        fault::{store_error, within},
        logs::by,
        schema::{Collections, index},
        transact::Halt,
    },
    Target, over, put, put_or_bare,
};
use crate::{
    id::RoomId,
    model::Pin,
    store::{Error, Outcome},
};

/// The pinned messages of a room, the one that was pinned last first.
pub(in super::super) async fn pins(db: &Collections, room: RoomId) -> Result<Vec<u64>, Error> {
    let targets = db.overlay.clone_with_type::<Target>();
    let find = targets
        .find(doc! { "room": room_uuid(room), "pin_seq": { "$gt": 0_i64 } })
        .sort(doc! { "pin_seq": -1 })
        .projection(doc! { "_id": 0, "target": 1 })
        .hint(by(index::OVERLAY_PIN))
        .limit(int(Pin::MOST as u64));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut all = Vec::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let found = cursor.deserialize_current().map_err(store_error)?;
        all.push(number(found.target)?);
    }
    Ok(all)
}

/// Pins a message that is neither deleted nor pinned, where not too many others are.
pub(super) async fn pin(
    db: &Collections,
    session: &mut ClientSession,
    pin: &Pin,
) -> Result<(), Halt> {
    let (room, target) = (pin.room, pin.target);
    let pinned = db
        .overlay
        .count_documents(doc! { "room": room_uuid(room), "pin_seq": { "$gt": 0_i64 } })
        .hint(by(index::OVERLAY_PIN))
        .session(&mut *session);
    let pinned = within(pinned).await?;
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    let laid = doc.clone().laid()?;
    if laid.deleted || laid.pinned.is_some() || pinned >= Pin::MOST as u64 {
        return Err(Halt::Not(Outcome::Stale));
    }
    doc.pin(&pin.pinned);
    put(db, session, (room, target), &doc).await
}

/// Takes a message down that is pinned.
pub(super) async fn unpin(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    target: u64,
) -> Result<(), Halt> {
    let known = over(db, session, room, target).await?;
    let mut doc = known.unwrap_or_else(|| OverlayDoc::new(room, target));
    if !doc.unpin() {
        return Err(Halt::Not(Outcome::Stale));
    }
    put_or_bare(db, session, (room, target), &doc).await
}

/// Takes all messages of a range down.
pub(super) async fn take_down(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    first: u64,
    last: u64,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    let of = doc! { "room": room_uuid(room), "target": range, "pin_seq": { "$gt": 0_i64 } };
    let gone = doc! { "$unset": { "pin_seq": "", "pinned_by": "", "pinned_at": "" } };
    let gone = db
        .overlay
        .update_many(of, gone)
        .hint(by(index::OVERLAY_TARGET))
        .session(session);
    within(gone).await?;
    Ok(())
}
