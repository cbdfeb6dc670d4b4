//! Bots' tokens.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{By, Desk, api, lifetime, show, user_ref};
use crate::{
    door::{JsonBody, PathOf, Problem},
    model::{DeviceName, Refusal},
    ops::NewToken,
};

/// A bot's tokens, the newest first. Needs `user.read`.
#[utoipa::path(
    get, path = "/v1/users/{user}/tokens", tag = "users",
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::List<api::Session>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
) -> Result<Json<api::List<api::Session>>, Problem> {
    let tokens = desk.ops.tokens(&by, &user_ref(&user)?).await?;
    let items = tokens.into_iter().map(show::session).collect();
    Ok(Json(api::List { items, next: None }))
}

/// Issues a token for a bot. It is revoked as a session is ended. Needs `user.manage`, and everything that
/// the token is good for.
#[utoipa::path(
    post, path = "/v1/users/{user}/tokens", tag = "users", request_body = api::NewToken,
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 201, body = api::TokenIssued))
)]
pub(super) async fn issue(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::NewToken>,
) -> Result<(StatusCode, Json<api::TokenIssued>), Problem> {
    let new = NewToken {
        name: DeviceName::parse(&body.name).map_err(|e| Refusal::field("name", e))?,
        scopes: body.scopes,
        lifetime: lifetime(body.expires_in)?,
    };
    let user = user_ref(&user)?;
    let issued = desk.ops.issue_token(&by, &user, new, body.dry_run).await?;
    let token = (!body.dry_run).then(|| issued.secret.expose().to_owned());
    Ok((
        StatusCode::CREATED,
        Json(api::TokenIssued {
            token,
            session: show::session(issued.session),
            dry_run: body.dry_run,
        }),
    ))
}
