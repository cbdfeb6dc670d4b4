//! Accounts, over the admin socket.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{Answer, Operator, Paging, cursor};
use crate::{
    admin::api,
    auth::Secret,
    door::{JsonBody, PathOf, QueryOf},
    model::{DisplayName, Email, Invalid, Refusal, Role, Status, User, UserRef, Username},
    ops::{Access, NewAccount, Ops},
    store::RoomRow,
};

pub(super) async fn users(
    State(ops): State<Arc<Ops>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::User>> {
    let after = page.cursor.as_deref().map(Username::parse).transpose();
    let after = after.map_err(|_| cursor())?;
    let limit = page.limit();
    let mut users = ops.users(after.as_ref(), limit + 1).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|u| u.name.to_string());
    let items = users.into_iter().map(user_body).collect();
    Ok(Json(api::List { items, next }))
}

pub(super) async fn user(
    State(ops): State<Arc<Ops>>,
    PathOf(user): PathOf<String>,
) -> Answer<api::UserDetail> {
    let found = ops.user(&user_ref(&user)?).await?;
    let session = |s: crate::model::Session| api::Session {
        id: s.id.to_string(),
        device: s.device.map(Into::into),
        address: s.address,
        created_at: s.created_at,
        used_at: s.used_at,
    };
    let membership = |row: RoomRow| {
        row.member.map(|m| api::Membership {
            room: row.room.id.to_string(),
            name: row.room.name.to_string(),
            role: m.role,
        })
    };
    Ok(Json(api::UserDetail {
        user: user_body(found.user),
        sessions: found.sessions.into_iter().map(session).collect(),
        rooms: found.rooms.into_iter().filter_map(membership).collect(),
    }))
}

pub(super) async fn add_user(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    JsonBody(body): JsonBody<api::NewUser>,
) -> Answer<api::NewUserMade> {
    let new = NewAccount {
        name: Username::parse(&body.name).map_err(|e| in_field("name", &e))?,
        role: body.role.unwrap_or(Role::Member),
        display_name: optional(
            body.display_name.as_deref(),
            "display_name",
            DisplayName::parse,
        )?,
        email: optional(body.email.as_deref(), "email", Email::parse)?,
        password: body.password.map(Secret::from),
    };
    let Access { user, code, .. } = ops.add_user(&actor, new, body.dry_run).await?;
    Ok(Json(api::NewUserMade {
        user: user_body(user),
        code_expires_at: code.as_ref().map(|c| c.expires_at),
        code: code.filter(|_| !body.dry_run).map(|c| c.code.to_string()),
        dry_run: body.dry_run,
    }))
}

pub(super) async fn password(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::NewPassword>,
) -> Answer<api::PasswordSet> {
    let password = body.password.map(Secret::from);
    let set = ops
        .set_password(&actor, &user_ref(&user)?, password, body.dry_run)
        .await?;
    Ok(Json(api::PasswordSet {
        user: user_body(set.user),
        code_expires_at: set.code.as_ref().map(|c| c.expires_at),
        code: set
            .code
            .filter(|_| !body.dry_run)
            .map(|c| c.code.to_string()),
        sessions_ended: set.sessions_ended,
        dry_run: body.dry_run,
    }))
}

#[derive(Deserialize)]
pub(super) struct RoleBody {
    role: Role,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn role(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<RoleBody>,
) -> Answer<api::User> {
    let user = user_ref(&user)?;
    let user = ops.set_role(&actor, &user, body.role, body.dry_run).await?;
    Ok(Json(user_body(user)))
}

#[derive(Deserialize)]
pub(super) struct StatusBody {
    status: Status,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn user_status(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<StatusBody>,
) -> Answer<api::User> {
    let enabled = match body.status {
        Status::Active => true,
        Status::Disabled => false,
        Status::Invited => {
            return Err(Refusal::field("status", "one of: active, disabled").into());
        }
    };
    let user = user_ref(&user)?;
    let user = ops
        .set_enabled(&actor, &user, enabled, body.dry_run)
        .await?;
    Ok(Json(user_body(user)))
}

fn user_body(u: User) -> api::User {
    api::User {
        id: u.id.to_string(),
        name: u.name.into(),
        display_name: u.display_name.map(Into::into),
        email: u.email.map(Into::into),
        email_login: u.email_login,
        role: u.role,
        status: u.status,
        created_at: u.created_at,
    }
}

fn user_ref(text: &str) -> Result<UserRef, Refusal> {
    UserRef::parse(text).map_err(|_| Refusal::NotFound("user"))
}

fn optional<T>(
    text: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Option<T>, Refusal> {
    let parsed = text.map(parse).transpose();
    parsed.map_err(|e| in_field(field, &e))
}

fn in_field(field: &str, why: &Invalid) -> Refusal {
    Refusal::field(field, why)
}
