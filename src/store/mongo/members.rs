//! Writes about members, inside a transaction.

use mongodb::{
    ClientSession,
    bson::{Document, doc},
    error::Error as Fault,
};

use super::{
    documents::{MemberDoc, int, room_uuid, user_uuid},
    fault::{store_error, within},
    logs::{self, by},
    schema::{Collections, index},
    transact::Halt,
    writes::again,
};
use crate::{
    id::{LogId, RoomId},
    model::{Member, MoveOn, Read},
    store::Error,
};

/// How many rooms are looked at in one go when all of them are.
const ROOMS: usize = 1000;

/// Puts somebody in, or gives them another role. How far they have read is theirs to say, once they are in.
pub(super) async fn put(
    db: &Collections,
    session: &mut ClientSession,
    member: &Member,
) -> Result<(), Halt> {
    let of = doc! { "room": room_uuid(member.room), "user": user_uuid(member.user) };
    let mut always =
        mongodb::bson::serialize_to_document(&MemberDoc::from(member)).map_err(Fault::from)?;
    let mut at_first = Document::new();
    for field in ["read_seq", "read_n"] {
        at_first.extend(always.remove(field).map(|value| (field.to_owned(), value)));
    }
    let change = doc! { "$set": always, "$setOnInsert": at_first };
    let done = db.members.update_one(of, change).upsert(true);
    within(done.session(session)).await.map(drop).map_err(again)
}

/// Notes how far members have read: one request for all of them.
pub(super) async fn read(
    db: &Collections,
    session: &mut ClientSession,
    reads: &[Read],
) -> Result<(), Halt> {
    let updates = reads.iter().map(|read| {
        let (seq, n) = (int(read.upto.seq), int(read.upto.n));
        doc! {
            "q": { "room": room_uuid(read.room), "user": user_uuid(read.user) },
            "u": { "$set": { "read_seq": seq, "read_n": n } },
        }
    });
    let updates: Vec<_> = updates.collect();
    if updates.is_empty() {
        return Ok(());
    }
    let update = doc! { "update": db.members.name(), "updates": updates };
    let done = within(db.database.run_command(update).session(session)).await?;
    match done.get_array("writeErrors") {
        Ok(errors) if !errors.is_empty() => Err(Fault::custom(format!("{errors:?}")).into()),
        _ => Ok(()),
    }
}

/// Notes that members have read on.
pub(super) async fn move_on(
    db: &Collections,
    session: &mut ClientSession,
    on: &MoveOn,
) -> Result<(), Halt> {
    let (from, upto) = (int(on.from), int(on.upto.seq));
    let mut of = doc! { "room": room_uuid(on.room), "read_seq": { "$gte": from, "$lt": upto } };
    if let Some(user) = on.user {
        of.insert("user", user_uuid(user));
    }
    let change = doc! { "$set": { "read_seq": upto, "read_n": int(on.upto.n) } };
    let done = db.members.update_many(of, change);
    let done = done.hint(by(index::MEMBER_ROOM)).session(session);
    within(done).await.map(drop).map_err(Into::into)
}

/// Those who were in a room before it was kept how far they have read, have read all there is.
pub(super) async fn have_read(db: &Collections) -> Result<(), Error> {
    let mut after: Option<RoomId> = None;
    loop {
        let rooms = super::records::all_room_ids(db, after, ROOMS).await?;
        let Some(last) = rooms.last() else {
            return Ok(());
        };
        after = Some(*last);
        for room in rooms {
            let head = logs::head(db, LogId::Room(room)).await?;
            let of = doc! { "room": room_uuid(room), "read_seq": null };
            let read = doc! { "read_seq": int(head.seq), "read_n": int(head.n) };
            let done = db.members.update_many(of, doc! { "$set": read });
            within(done).await.map_err(store_error)?;
        }
    }
}
