//! Incoming hooks of a room, for those who manage it.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{By, Desk, Try, api};
use crate::{
    chat::{Hook, HookSecret},
    door::{JsonBody, MaybeJson, PathOf, Problem, QueryOf},
    model::{Refusal, Username},
};

type Answer<T> = Result<Json<T>, Problem>;

/// The hooks of a room: the URLs by which programs post into it. For those who may change its settings.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/hooks", tag = "hooks", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name")),
    responses((status = 200, body = api::List<api::Hook>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
) -> Answer<api::List<api::Hook>> {
    let room = desk.room(&by, &room).await?;
    let hooks = desk.chat.hooks(&by, room).await?;
    let items = hooks.into_iter().map(shown).collect();
    Ok(Json(api::List { items, next: None }))
}

/// Makes a hook, with a bot of its name that is a member of the room and posts what comes in by the URL.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/hooks", tag = "hooks", request_body = api::NewHook,
    params(("room" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 201, body = api::HookMade))
)]
pub(super) async fn add(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<api::NewHook>,
) -> Result<(StatusCode, Json<api::HookMade>), Problem> {
    let name = Username::parse(&body.name).map_err(|e| Refusal::field("name", e))?;
    let room = desk.room(&by, &room).await?;
    let made = desk.chat.add_hook(&by, room, name, body.dry_run).await?;
    Ok((
        StatusCode::CREATED,
        Json(made_body(&desk, made, body.dry_run)),
    ))
}

/// Gives a hook another URL; the old one is no good from then on.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/hooks/{hook}/rotate", tag = "hooks",
    request_body = Option<api::RotateHook>,
    params(("room" = String, Path, description = "id or name"), ("hook" = String, Path)),
    security(("access_token" = [])), responses((status = 200, body = api::HookMade))
)]
pub(super) async fn rotate(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, hook)): PathOf<(String, String)>,
    MaybeJson(body): MaybeJson<api::RotateHook>,
) -> Answer<api::HookMade> {
    let room = desk.room(&by, &room).await?;
    let made = desk
        .chat
        .rotate_hook(&by, room, &hook, body.dry_run)
        .await?;
    Ok(Json(made_body(&desk, made, body.dry_run)))
}

/// Deletes a hook: its URL is no good from then on, and its bot is out of the room.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/hooks/{hook}", tag = "hooks",
    params(("room" = String, Path, description = "id or name"), ("hook" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Done))
)]
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, hook)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Done> {
    let (room, dry_run) = (desk.room(&by, &room).await?, query.dry_run);
    desk.chat.delete_hook(&by, room, &hook, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}

fn shown(hook: Hook) -> api::Hook {
    api::Hook {
        user: hook.user.to_string(),
        name: hook.name.into(),
        room: hook.room.to_string(),
        created_at: hook.created_at,
    }
}

fn made_body(desk: &Desk, made: HookSecret, dry_run: bool) -> api::HookMade {
    let token = made.secret.expose();
    let public = desk.ops.config.snapshot();
    let base = public.server.public_url.trim_end_matches('/');
    let url = format!("{base}/v1/hooks/{}/{token}", made.hook.room);
    api::HookMade {
        url: (!dry_run).then_some(url),
        token: (!dry_run).then(|| token.to_owned()),
        hook: shown(made.hook),
        dry_run,
    }
}
