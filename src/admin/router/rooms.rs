//! Rooms, over the admin socket.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{Answer, Paging, cursor};
use crate::{
    admin::api,
    door::{PathOf, QueryOf},
    id::RoomId,
    model::{Refusal, RoomName, RoomRef, Username},
    ops::Ops,
    store::RoomRow,
};

pub(super) async fn rooms(
    State(ops): State<Arc<Ops>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Room>> {
    let after = page.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = page.limit();
    let after = after.as_ref().map(|(name, id)| (name, *id));
    let (mut rows, owners) = ops.rooms(after, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|r| format!("{}:{}", r.room.name, r.room.id));
    let body = |row: RoomRow| {
        let owner = owners.get(&row.room.owner).cloned();
        room_body(row, owner)
    };
    Ok(Json(api::List {
        items: rows.into_iter().map(body).collect(),
        next,
    }))
}

pub(super) async fn room(
    State(ops): State<Arc<Ops>>,
    PathOf(room): PathOf<String>,
) -> Answer<api::RoomDetail> {
    let room = RoomRef::parse(&room).map_err(|_| Refusal::NotFound("room"))?;
    let found = ops.room(&room).await?;
    let people = found.people.into_iter().map(|(m, u)| api::RoomMember {
        id: u.id.to_string(),
        name: u.name.into(),
        role: m.role,
        at: m.at,
    });
    Ok(Json(api::RoomDetail {
        people: people.collect(),
        room: room_body(found.row, found.owner),
    }))
}

fn room_body(row: RoomRow, owner: Option<Username>) -> api::Room {
    let room = row.room;
    api::Room {
        id: room.id.to_string(),
        name: room.name.into(),
        kind: room.kind,
        title: room.title.map(Into::into),
        topic: room.topic.map(Into::into),
        history: room.history,
        owner: owner.map_or_else(|| room.owner.to_string(), Into::into),
        created_at: room.created_at,
        members: row.members,
        head: row.head.seq,
        n: row.head.n,
        last_at: row.head.at,
    }
}

fn parse_cursor(text: &str) -> Result<(RoomName, RoomId), Refusal> {
    let parsed = text.split_once(':');
    let parsed =
        parsed.and_then(|(name, id)| Some((RoomName::parse(name).ok()?, id.parse().ok()?)));
    parsed.ok_or_else(cursor)
}
