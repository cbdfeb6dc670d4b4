//! Rooms over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Asker,
    view::{List, RoomBody, present},
};
use crate::{
    chat::{NewRoom, RoomChanges, RuleChanges},
    door::{App, JsonBody, PathOf, Problem, QueryOf},
    id::RoomId,
    model::{
        Authority, Caller, History, Reason, Refusal, RoomKind, RoomName, RoomRef, RoomRole, Title,
        Topic, Txn, UserRef,
    },
    store::Scope,
};

/// The room a path names.
pub(super) async fn room_of(app: &App, caller: &Caller, room: &str) -> Result<RoomId, Refusal> {
    // A path that cannot name a room names none.
    let room = RoomRef::parse(room).map_err(|_| Refusal::NotFound("room"))?;
    app.chat.resolve_room(caller.user, &room).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `mine` (the default) or `public`.
    scope: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Rooms, by name: mine, or all public ones.
#[utoipa::path(
    get, path = "/v1/rooms", tag = "rooms", params(ListQuery), security(("access_token" = [])),
    responses((status = 200, body = List<RoomBody>))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<List<RoomBody>>, Problem> {
    let scope = match query.scope.as_deref() {
        None | Some("mine") => Scope::Of(caller.user),
        Some("public") => Scope::Public(caller.user),
        Some(_) => return Err(Refusal::field("scope", "one of: mine, public").into()),
    };
    let limit = super::view::check_limit(query.limit)?;
    let listed = app
        .chat
        .rooms(scope, query.cursor.as_deref(), limit)
        .await?;
    Ok(Json(List::of(listed)))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoomBody {
    #[schema(example = "general")]
    name: RoomName,
    kind: RoomKind,
    title: Option<Title>,
    topic: Option<Topic>,
    /// How much of the past members may read; `all` when not said.
    history: Option<History>,
    /// Makes repeating the request safe.
    txn: Option<Txn>,
}

/// Makes a room, owned by me.
#[utoipa::path(
    post, path = "/v1/rooms", tag = "rooms", request_body = NewRoomBody,
    security(("access_token" = [])), responses((status = 201, body = RoomBody))
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    JsonBody(body): JsonBody<NewRoomBody>,
) -> Result<(StatusCode, Json<RoomBody>), Problem> {
    let new = NewRoom {
        name: body.name,
        kind: body.kind,
        title: body.title,
        topic: body.topic,
        history: body.history.unwrap_or(History::All),
        txn: body.txn,
    };
    let room = app.chat.create_room(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(room.into())))
}

/// A room.
#[utoipa::path(
    get, path = "/v1/rooms/{room}", tag = "rooms", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")),
    responses((status = 200, body = RoomBody))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<Json<RoomBody>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    Ok(Json(app.chat.room(&caller, id).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct EditRoomBody {
    name: Option<RoomName>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    title: Option<Option<Title>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    topic: Option<Option<Topic>>,
    history: Option<History>,
    /// The lowest role that may say something; `moderator` makes it a room for announcements.
    post: Option<RoomRole>,
    /// The lowest role that may add people.
    invite: Option<RoomRole>,
    /// The lowest role that may change title and topic.
    topic_role: Option<RoomRole>,
    /// The lowest role that may pin messages.
    pin: Option<RoomRole>,
    /// How many seconds a member has to wait between two messages; 0 for none.
    #[schema(maximum = 21_600)]
    slow_mode: Option<u32>,
    /// Whether only moderators may say something.
    locked: Option<bool>,
    /// Why; kept in the audit log.
    reason: Option<Reason>,
}

/// Changes a room's name, title, topic, history rule, or who may do what in it.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}", tag = "rooms", request_body = EditRoomBody,
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 200, body = RoomBody))
)]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<EditRoomBody>,
) -> Result<Json<RoomBody>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let changes = RoomChanges {
        name: body.name,
        title: body.title,
        topic: body.topic.map(|t| t.filter(|t| !t.as_str().is_empty())),
        history: body.history,
        rules: RuleChanges {
            post: body.post,
            invite: body.invite,
            topic: body.topic_role,
            pin: body.pin,
            slow_mode: body.slow_mode,
            locked: body.locked,
        },
        reason: body.reason,
    };
    let by = Authority::from(&caller);
    app.chat.change_room(&by, id, changes, false).await?;
    Ok(Json(app.chat.room(&caller, id).await?.into()))
}

/// Deletes a room, for everyone and at once.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}", tag = "rooms", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")), responses((status = 204))
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    app.chat.delete_room(&(&caller).into(), id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Comes into a public room.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/join", tag = "rooms", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")),
    responses((status = 200, body = RoomBody))
)]
pub(super) async fn join(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<Json<RoomBody>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    Ok(Json(app.chat.join(&caller, id).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CodeBody {
    /// The code.
    code: String,
}

/// Comes into the room that a code is for, a private one too.
#[utoipa::path(
    post, path = "/v1/join", tag = "rooms", request_body = CodeBody,
    security(("access_token" = [])), responses((status = 200, body = RoomBody))
)]
pub(super) async fn join_with_code(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    JsonBody(body): JsonBody<CodeBody>,
) -> Result<Json<RoomBody>, Problem> {
    let room = app.chat.join_with_code(&caller, &body.code).await?;
    Ok(Json(room.into()))
}

/// Leaves a room.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/leave", tag = "rooms", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")), responses((status = 204))
)]
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    app.chat.leave(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
pub(super) struct TransferBody {
    /// The new owner, a member of the room: id or name.
    user: String,
}

/// Passes a room on to another member; I stay as its moderator.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/transfer", tag = "rooms", request_body = TransferBody,
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 200, body = RoomBody))
)]
pub(super) async fn transfer(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<TransferBody>,
) -> Result<Json<RoomBody>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let to = app.chat.resolve_user(&UserRef::parse(&body.user)?).await?;
    app.chat.transfer(&(&caller).into(), id, to, false).await?;
    Ok(Json(app.chat.room(&caller, id).await?.into()))
}
