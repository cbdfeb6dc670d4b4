//! Rooms, as operators see and change them.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    By, Desk, Try, api, optional,
    users::{Paging, wrong_cursor},
};
use crate::{
    chat::{RoomChanges, RuleChanges},
    door::{JsonBody, PathOf, Problem, QueryOf},
    id::RoomId,
    model::{
        Actor, Authority, History, Level, Origin, Reason, Refusal, RoomName, RoomRef, Title, Topic,
        Username,
    },
    store::RoomRow,
};

type Answer<T> = Result<Json<T>, Problem>;

/// Every room, by name.
#[utoipa::path(get, path = "/v1/rooms", params(Paging), responses((status = 200, body = api::List<api::Room>)))]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Room>> {
    let after = page.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = page.limit()?;
    let after = after.as_ref().map(|(name, id)| (name, *id));
    let (mut rows, owners) = desk.ops.rooms(after, limit + 1).await?;
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

async fn detail(desk: &Desk, id: RoomId) -> Answer<api::RoomDetail> {
    let found = desk.ops.room(&RoomRef::Id(id)).await?;
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

/// One room with its members.
#[utoipa::path(
    get, path = "/v1/rooms/{room}", params(("room" = String, Path)),
    responses((status = 200, body = api::RoomDetail))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
) -> Answer<api::RoomDetail> {
    let id = desk.room(&by, &room).await?;
    detail(&desk, id).await
}

/// Refuses who only operates: what opens the past to the members opens it to operators who are members, too.
fn owns(by: &Authority) -> Result<(), Refusal> {
    match by {
        Authority::Operator(Actor {
            origin:
                Origin::Admin {
                    uid,
                    level: Some(level),
                    ..
                },
            ..
        }) if *level < Level::Own => Err(Refusal::Forbidden(format!(
            "a room's past is not opened to those who came later without the level `own` on the admin socket; uid \
             {uid} has `{level}`, and the setting admin.own gives more"
        ))),
        _ => Ok(()),
    }
}

/// Changes a room.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}", request_body = api::RoomChange,
    params(("room" = String, Path)), responses((status = 200, body = api::RoomDetail))
)]
pub(super) async fn edit(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<api::RoomChange>,
) -> Answer<api::RoomDetail> {
    if body.history == Some(History::All) {
        owns(&by)?;
    }
    let id = desk.room(&by, &room).await?;
    let title = match body.title.as_deref() {
        Some("") => Some(None),
        text => optional(text, "title", Title::parse)?.map(Some),
    };
    let topic = optional(body.topic.as_deref(), "topic", Topic::parse)?;
    let changes = RoomChanges {
        name: optional(body.name.as_deref(), "name", RoomName::parse)?,
        title,
        topic: topic.map(|t| Some(t).filter(|t| !t.as_str().is_empty())),
        history: body.history,
        rules: RuleChanges {
            post: body.post,
            invite: body.invite,
            topic: body.topic_role,
            pin: body.pin,
            slow_mode: body.slow_mode,
            locked: body.locked,
        },
        reason: optional(body.reason.as_deref(), "reason", Reason::parse)?,
    };
    desk.chat
        .change_room(&by, id, changes, body.dry_run)
        .await?;
    detail(&desk, id).await
}

/// Deletes a room, for everyone and at once.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}", params(("room" = String, Path), Try),
    responses((status = 200, body = api::Done))
)]
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Done> {
    let (id, dry_run) = (desk.room(&by, &room).await?, query.dry_run);
    desk.chat.delete_room(&by, id, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}

/// Puts somebody into a room, or gives a member another role.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/members/{user}", request_body = api::GiveMember,
    params(("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = api::Done))
)]
pub(super) async fn put_member(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, user)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<api::GiveMember>,
) -> Answer<api::Done> {
    let (room, user) = (desk.room(&by, &room).await?, desk.user(&user).await?);
    let dry_run = body.dry_run;
    desk.chat
        .put_member(&by, room, user, body.role, true, dry_run)
        .await?;
    Ok(Json(api::Done { dry_run }))
}

/// Takes somebody out of a room.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/members/{user}",
    params(("room" = String, Path), ("user" = String, Path), Try),
    responses((status = 200, body = api::Done))
)]
pub(super) async fn remove_member(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, user)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Done> {
    let (room, user) = (desk.room(&by, &room).await?, desk.user(&user).await?);
    let reason = optional(query.reason.as_deref(), "reason", Reason::parse)?;
    let dry_run = query.dry_run;
    desk.chat
        .remove_member(&by, room, user, reason, dry_run)
        .await?;
    Ok(Json(api::Done { dry_run }))
}

/// Passes a room on to another member.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/transfer", request_body = api::Transfer,
    params(("room" = String, Path)), responses((status = 200, body = api::Done))
)]
pub(super) async fn transfer(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<api::Transfer>,
) -> Answer<api::Done> {
    let (room, user) = (desk.room(&by, &room).await?, desk.user(&body.user).await?);
    let dry_run = body.dry_run;
    desk.chat.transfer(&by, room, user, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
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
        rules: room.rules,
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
    parsed.ok_or_else(wrong_cursor)
}
