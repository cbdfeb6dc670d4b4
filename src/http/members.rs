//! A room's members over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Asker,
    rooms::room_of,
    view::{List, MemberBody, PageQuery},
};
use crate::{
    door::{App, JsonBody, PathOf, Problem, QueryOf},
    id::{RoomId, UserId},
    model::{Caller, Reason, Refusal, RoomRole, UserRef},
};

/// The room and the user a path names. A room one may not see is answered before the user is looked at.
async fn both(
    app: &App,
    caller: &Caller,
    room: &str,
    user: &str,
) -> Result<(RoomId, UserId), Refusal> {
    let id = room_of(app, caller, room).await?;
    app.chat.room(caller, id).await?;
    let user = UserRef::parse(user).map_err(|_| Refusal::NotFound("user"))?;
    Ok((id, app.chat.resolve_user(&user).await?))
}

/// Who is in a room, by name.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/members", tag = "members", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name"), PageQuery),
    responses((status = 200, body = List<MemberBody>))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<List<MemberBody>>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let listed = app
        .chat
        .members(&caller, id, page.cursor.as_deref(), page.limit()?)
        .await?;
    Ok(Json(List::of(listed)))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct AddBody {
    /// `member` when not said.
    role: Option<RoomRole>,
}

/// Adds somebody to a room; on somebody who is in already, gives them the role.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/members/{user}", tag = "members", request_body = AddBody,
    params(
        ("room" = String, Path, description = "id or name"),
        ("user" = String, Path, description = "id or name")
    ),
    security(("access_token" = [])), responses((status = 204))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, user)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<AddBody>,
) -> Result<StatusCode, Problem> {
    let (id, user) = both(&app, &caller, &room, &user).await?;
    app.chat
        .put_member(&(&caller).into(), id, user, body.role, true, false)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RoleBody {
    role: RoomRole,
}

/// Gives a member another role.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}/members/{user}", tag = "members", request_body = RoleBody,
    params(
        ("room" = String, Path, description = "id or name"),
        ("user" = String, Path, description = "id or name")
    ),
    security(("access_token" = [])), responses((status = 204))
)]
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, user)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<RoleBody>,
) -> Result<StatusCode, Problem> {
    let (id, user) = both(&app, &caller, &room, &user).await?;
    app.chat
        .put_member(&(&caller).into(), id, user, Some(body.role), false, false)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReasonQuery {
    /// Why; kept in the audit log.
    #[param(value_type = Option<String>)]
    reason: Option<Reason>,
}

/// Takes somebody out of a room.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/members/{user}", tag = "members",
    params(
        ("room" = String, Path, description = "id or name"),
        ("user" = String, Path, description = "id or name"), ReasonQuery
    ),
    security(("access_token" = [])), responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, user)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<ReasonQuery>,
) -> Result<StatusCode, Problem> {
    let (id, user) = both(&app, &caller, &room, &user).await?;
    let by = (&caller).into();
    app.chat
        .remove_member(&by, id, user, query.reason, false)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
