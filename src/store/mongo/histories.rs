//! What somebody reads of the rooms they are in.

use std::collections::HashMap;

use mongodb::bson::{Uuid, doc};
use serde::Deserialize;

use super::{
    documents::{id_list, number, parsed, user_uuid},
    logs::by,
    records::{gather, only_id},
    schema::{Collections, index},
};
use crate::{
    id::{RoomId, UserId},
    model::History,
    store::Error,
};

#[derive(Deserialize)]
struct HistoryDoc {
    #[serde(rename = "_id")]
    id: Uuid,
    history: String,
}

pub(super) async fn histories_of(
    db: &Collections,
    user: UserId,
) -> Result<Vec<(RoomId, History, u64)>, Error> {
    let of = doc! { "user": user_uuid(user) };
    let members = gather(db.members.find(of).hint(by(index::MEMBER_USER))).await?;
    let since: HashMap<_, _> = members.iter().map(|m| (m.room, m.since)).collect();
    let of = doc! { "_id": id_list(since.keys().copied()), "deleted_at": null };
    let rooms = db.rooms.clone_with_type::<HistoryDoc>();
    let find = rooms.find(of).projection(doc! { "history": 1 });
    let rooms = gather(find.sort(only_id()).hint(by(index::ID))).await?;
    let each = rooms.into_iter().map(|room| {
        let since = number(since.get(&room.id).copied().unwrap_or_default())?;
        Ok((
            RoomId::from_bytes(room.id.bytes()),
            parsed(&room.history)?,
            since,
        ))
    });
    each.collect()
}
