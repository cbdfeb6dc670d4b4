//! Codes with which people register, or come into a room.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{By, Desk, Try, api, lifetime, show, users::given_role};
use crate::{
    door::{JsonBody, PathOf, Problem, QueryOf},
    model::{Code, Refusal},
    ops::NewInvite,
};

type Answer<T> = Result<Json<T>, Problem>;

async fn made(
    desk: &Desk,
    code: Code,
    secret: String,
    dry_run: bool,
) -> Result<(StatusCode, Json<api::Invite>), Problem> {
    let mut shown = show::invites(desk, vec![code]).await?;
    let mut invite = shown.pop().ok_or(Refusal::Internal)?;
    invite.code = (!dry_run).then_some(secret);
    invite.dry_run = dry_run;
    Ok((StatusCode::CREATED, Json(invite)))
}

/// The codes with which one can come into a room; for those who may add people to it.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/invites", tag = "members", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")),
    responses((status = 200, body = api::List<api::Invite>))
)]
pub(super) async fn room_codes(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
) -> Answer<api::List<api::Invite>> {
    let room = desk.room(&by, &room).await?;
    let codes = desk.chat.room_codes(&by, room).await?;
    let items = show::invites(&desk, codes).await?;
    Ok(Json(api::List { items, next: None }))
}

/// Makes a code with which people come into a room, a private one too, with `POST /v1/join`.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/invites", tag = "members", request_body = api::NewInvite,
    params(("room" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 201, body = api::Invite))
)]
pub(super) async fn create_room_code(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<api::NewInvite>,
) -> Result<(StatusCode, Json<api::Invite>), Problem> {
    if body.role.is_some() {
        let what = "a room's code makes nobody more than a member there";
        return Err(Refusal::field("role", what).into());
    }
    let room = desk.room(&by, &room).await?;
    let (uses, lifetime) = (body.uses.unwrap_or(1), lifetime(body.expires_in)?);
    let fresh = desk
        .chat
        .create_room_code(&by, room, uses, lifetime, body.dry_run)
        .await?;
    made(&desk, fresh.code, fresh.secret.to_string(), body.dry_run).await
}

/// Takes a room's code back.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/invites/{id}", tag = "members",
    params(("room" = String, Path, description = "id or name"), ("id" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Done))
)]
pub(super) async fn revoke_room_code(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, id)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Done> {
    let (room, dry_run) = (desk.room(&by, &room).await?, query.dry_run);
    desk.chat.revoke_room_code(&by, room, &id, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}

/// The invitations to the server that can still be used. Needs `invite.manage`.
#[utoipa::path(
    get, path = "/v1/invites", tag = "users", security(("access_token" = [])),
    responses((status = 200, body = api::List<api::Invite>))
)]
pub(super) async fn invites(
    State(desk): State<Arc<Desk>>,
    By(by): By,
) -> Answer<api::List<api::Invite>> {
    let codes = desk.ops.invites(&by).await?;
    let items = show::invites(&desk, codes).await?;
    Ok(Json(api::List { items, next: None }))
}

/// Makes a code with which people can register. Needs `invite.manage`, and everything its role includes.
#[utoipa::path(
    post, path = "/v1/invites", tag = "users", request_body = api::NewInvite,
    security(("access_token" = [])), responses((status = 201, body = api::Invite))
)]
pub(super) async fn invite(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewInvite>,
) -> Result<(StatusCode, Json<api::Invite>), Problem> {
    let new = NewInvite {
        role: given_role(body.role.as_deref())?,
        uses: body.uses.unwrap_or(1),
        lifetime: lifetime(body.expires_in)?,
    };
    let fresh = desk.ops.invite(&by, new, body.dry_run).await?;
    made(&desk, fresh.code, fresh.secret.to_string(), body.dry_run).await
}

/// Takes an invitation to the server back. Needs `invite.manage`.
#[utoipa::path(
    delete, path = "/v1/invites/{id}", tag = "users", params(("id" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Done))
)]
pub(super) async fn revoke_invite(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Done> {
    let dry_run = query.dry_run;
    desk.ops.revoke_invite(&by, &id, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}
