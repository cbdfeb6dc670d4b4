//! Mentions: the collection `mentions`.

use mongodb::{
    ClientSession,
    bson::{Uuid, doc},
};

use super::{
    super::{
        documents::{MentionDoc, id_list, int, room_uuid, user_uuid},
        fault::within,
        logs::by,
        schema::{Collections, index},
        transact::Halt,
        writes::insert,
    },
    list,
};
use crate::{
    id::{EntryId, RoomId, UserId},
    model::Mention,
    store::Error,
};

/// Where a user, and everyone in these rooms, was mentioned, the newest first.
pub(in super::super) async fn mentions(
    db: &Collections,
    user: UserId,
    rooms: &[RoomId],
    before: Option<EntryId>,
    limit: usize,
) -> Result<Vec<Mention>, Error> {
    let before = before.unwrap_or(EntryId::from_bytes([0xff; 16]));
    let before = Uuid::from_bytes(*before.as_bytes());
    let whom = rooms.iter().copied().map(room_uuid);
    let whom = id_list(whom.chain([user_uuid(user)]));
    let find = db
        .mentions
        .find(doc! { "whom": whom, "message": { "$lt": before } })
        .sort(doc! { "message": -1 })
        .hint(by(index::MENTION))
        .limit(int(limit as u64));
    list(within(find).await).await
}

/// Notes that a message mentions somebody.
pub(super) async fn mention(
    db: &Collections,
    session: &mut ClientSession,
    new: &Mention,
) -> Result<(), Halt> {
    insert(&db.mentions, session, &MentionDoc::from(new)).await
}
