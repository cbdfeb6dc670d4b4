//! Accounts and their sessions.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, Try, api, optional, show, user_ref};
use crate::{
    auth::Secret,
    door::{JsonBody, PathOf, Problem, QueryOf},
    model::{Builtin, DisplayName, Email, Reason, Refusal, RoleName, Status, Username},
    ops::{Access, NewAccount},
    store::RoomRow,
};

type Answer<T> = Result<Json<T>, Problem>;

/// How much of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// The `next` of the page before.
    pub(super) cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    limit: Option<usize>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            _ => Err(Refusal::field("limit", "1 to 200")),
        }
    }
}

pub(super) fn wrong_cursor() -> Refusal {
    Refusal::field("cursor", "use the `next` of the page before")
}

pub(super) fn given_role(role: Option<&str>) -> Result<RoleName, Refusal> {
    let role = optional(role, "role", RoleName::parse)?;
    Ok(role.unwrap_or_else(|| Builtin::Member.into()))
}

/// Accounts, by name. Needs `user.read`.
#[utoipa::path(
    get, path = "/v1/users", tag = "users", params(Paging), security(("access_token" = [])),
    responses((status = 200, body = api::List<api::User>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::User>> {
    let after = page.cursor.as_deref().map(Username::parse).transpose();
    let after = after.map_err(|_| wrong_cursor())?;
    let limit = page.limit()?;
    let mut users = desk.ops.users(&by, after.as_ref(), limit + 1).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|u| u.name.to_string());
    let items = users.into_iter().map(show::user).collect();
    Ok(Json(api::List { items, next }))
}

/// An account with its sessions and sanctions. Needs `user.read`.
#[utoipa::path(
    get, path = "/v1/users/{user}", tag = "users",
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::UserDetail))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
) -> Answer<api::UserDetail> {
    let found = desk.ops.user(&by, &user_ref(&user)?).await?;
    let membership = |row: RoomRow| {
        row.member.map(|m| api::Membership {
            room: row.room.id.to_string(),
            name: row.room.name.to_string(),
            role: m.role,
        })
    };
    let sanctions = show::holding(found.sanctions, desk.ops.clock.now());
    Ok(Json(api::UserDetail {
        user: show::user(found.user),
        sessions: found.sessions.into_iter().map(show::session).collect(),
        rooms: found.rooms.into_iter().filter_map(membership).collect(),
        sanctions: show::sanctions(&desk, sanctions).await?,
    }))
}

/// Makes an account, a person's or a bot's. Needs `user.manage`.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", request_body = api::NewUser,
    security(("access_token" = [])), responses((status = 200, body = api::NewUserMade))
)]
pub(super) async fn add(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewUser>,
) -> Answer<api::NewUserMade> {
    let name = body.display_name.as_deref();
    let new = NewAccount {
        name: Username::parse(&body.name).map_err(|e| Refusal::field("name", e))?,
        role: given_role(body.role.as_deref())?,
        bot: body.bot,
        display_name: optional(name, "display_name", DisplayName::parse)?,
        email: optional(body.email.as_deref(), "email", Email::parse)?,
        password: body.password.map(Secret::from),
    };
    let Access { user, code, .. } = desk.ops.add_user(&by, new, body.dry_run).await?;
    let code = code.filter(|_| !body.dry_run);
    Ok(Json(api::NewUserMade {
        user: show::user(user),
        code_expires_at: code.as_ref().map(|c| c.code.expires_at),
        code: code.map(|c| c.secret.to_string()),
        dry_run: body.dry_run,
    }))
}

/// Sets a password, or makes a code with which the owner does; all sessions end. Needs `user.manage`.
#[utoipa::path(
    post, path = "/v1/users/{user}/password", tag = "users", request_body = api::NewPassword,
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::PasswordSet))
)]
pub(super) async fn password(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::NewPassword>,
) -> Answer<api::PasswordSet> {
    let (user, password) = (user_ref(&user)?, body.password.map(Secret::from));
    let set = desk
        .ops
        .set_password(&by, &user, password, body.dry_run)
        .await?;
    let code = set.code.filter(|_| !body.dry_run);
    Ok(Json(api::PasswordSet {
        user: show::user(set.user),
        code_expires_at: code.as_ref().map(|c| c.code.expires_at),
        code: code.map(|c| c.secret.to_string()),
        sessions_ended: set.sessions_ended,
        dry_run: body.dry_run,
    }))
}

/// Gives an account another role, at once. Needs `user.manage`, and everything that either role includes.
#[utoipa::path(
    put, path = "/v1/users/{user}/role", tag = "users", request_body = api::GiveRole,
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::User))
)]
pub(super) async fn role(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::GiveRole>,
) -> Answer<api::User> {
    let (user, role) = (user_ref(&user)?, given_role(Some(&body.role))?);
    let user = desk.ops.set_role(&by, &user, role, body.dry_run).await?;
    Ok(Json(show::user(user)))
}

/// Switches an account off, which ends its sessions, or on again. Needs `user.manage`.
#[utoipa::path(
    put, path = "/v1/users/{user}/status", tag = "users", request_body = api::GiveStatus,
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::User))
)]
pub(super) async fn status(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::GiveStatus>,
) -> Answer<api::User> {
    let enabled = match body.status {
        Status::Active => true,
        Status::Disabled => false,
        Status::Invited | Status::Erased => {
            return Err(Refusal::field("status", "one of: active, disabled").into());
        }
    };
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let user = desk
        .ops
        .set_enabled(&by, &user_ref(&user)?, enabled, reason, body.dry_run)
        .await?;
    Ok(Json(show::user(user)))
}

/// Somebody's sessions, the newest first. Needs `user.read`.
#[utoipa::path(
    get, path = "/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, description = "id or name")), security(("access_token" = [])),
    responses((status = 200, body = api::List<api::Session>))
)]
pub(super) async fn sessions(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
) -> Answer<api::List<api::Session>> {
    let sessions = desk.ops.sessions(&by, &user_ref(&user)?).await?;
    let items = sessions.into_iter().map(show::session).collect();
    Ok(Json(api::List { items, next: None }))
}

/// Ends all of somebody's sessions; a bot's tokens too. Needs `user.manage`.
#[utoipa::path(
    delete, path = "/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, description = "id or name"), Try), security(("access_token" = [])),
    responses((status = 200, body = api::Ended))
)]
pub(super) async fn end_sessions(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Ended> {
    let reason = optional(query.reason.as_deref(), "reason", Reason::parse)?;
    let (user, dry_run) = (user_ref(&user)?, query.dry_run);
    let sessions_ended = desk.ops.end_sessions(&by, &user, reason, dry_run).await?;
    Ok(Json(api::Ended {
        sessions_ended,
        dry_run,
    }))
}

/// Ends one session, or revokes one token. Needs `user.manage`.
#[utoipa::path(
    delete, path = "/v1/users/{user}/sessions/{id}", tag = "users",
    params(("user" = String, Path, description = "id or name"), ("id" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Session))
)]
pub(super) async fn end_session(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((user, id)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Session> {
    let id = id.parse().map_err(|_| Refusal::NotFound("session"))?;
    let reason = optional(query.reason.as_deref(), "reason", Reason::parse)?;
    let user = user_ref(&user)?;
    let ended = desk
        .ops
        .end_session(&by, &user, id, reason, query.dry_run)
        .await?;
    Ok(Json(show::session(ended)))
}
