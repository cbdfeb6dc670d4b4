//! Roles and permissions.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{By, Desk, Try, api, optional, show};
use crate::{
    door::{JsonBody, PathOf, Problem, QueryOf},
    model::{Builtin, Permission, Refusal, RoleName, Title},
    ops::NewRole,
};

type Answer<T> = Result<Json<T>, Problem>;

fn role_name(text: &str) -> Result<RoleName, Refusal> {
    RoleName::parse(text).map_err(|_| Refusal::NotFound("role"))
}

/// Everything that can be done, by name.
#[utoipa::path(
    get, path = "/v1/permissions", tag = "roles", security(("access_token" = [])),
    responses((status = 200, body = api::List<api::PermissionInfo>))
)]
pub(super) async fn permissions(_by: By) -> Json<api::List<api::PermissionInfo>> {
    let info = |p: &Permission| api::PermissionInfo {
        name: p.to_string(),
        what: p.what().to_owned(),
        roles: Builtin::ALL
            .iter()
            .filter(|b| b.permissions().has(*p))
            .map(ToString::to_string)
            .collect(),
    };
    let items = Permission::ALL.iter().map(info).collect();
    Json(api::List { items, next: None })
}

/// Every role: the built-in ones from least to most, then the others by name.
#[utoipa::path(
    get, path = "/v1/roles", tag = "roles", security(("access_token" = [])),
    responses((status = 200, body = api::List<api::Role>))
)]
pub(super) async fn list(State(desk): State<Arc<Desk>>, _by: By) -> Answer<api::List<api::Role>> {
    let roles = desk.ops.roles().await?;
    let items = roles.into_iter().map(show::role).collect();
    Ok(Json(api::List { items, next: None }))
}

/// One role.
#[utoipa::path(
    get, path = "/v1/roles/{role}", tag = "roles", security(("access_token" = [])),
    params(("role" = String, Path)), responses((status = 200, body = api::Role))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    _by: By,
    PathOf(role): PathOf<String>,
) -> Answer<api::Role> {
    Ok(Json(show::role(desk.ops.role(&role_name(&role)?).await?)))
}

fn change_of(body: &api::RoleChange) -> Result<NewRole, Refusal> {
    let description = match body.description.as_deref() {
        Some("") => Some(None),
        text => optional(text, "description", Title::parse)?.map(Some),
    };
    Ok(NewRole {
        description,
        permissions: body.permissions,
        add: body.add,
        remove: body.remove,
    })
}

/// Makes a role.
#[utoipa::path(
    post, path = "/v1/roles", tag = "roles", request_body = api::RoleChange,
    security(("access_token" = [])), responses((status = 201, body = api::Role))
)]
pub(super) async fn add(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::RoleChange>,
) -> Result<(StatusCode, Json<api::Role>), Problem> {
    let name = optional(body.name.as_deref(), "name", RoleName::parse)?;
    let name = name.ok_or_else(|| Refusal::field("name", "a role has a name"))?;
    let new = change_of(&body)?;
    let row = desk.ops.add_role(&by, name, new, body.dry_run).await?;
    Ok((StatusCode::CREATED, Json(show::role(row))))
}

/// Changes a role that was made, for everyone who has it, at once.
#[utoipa::path(
    patch, path = "/v1/roles/{role}", tag = "roles", request_body = api::RoleChange,
    params(("role" = String, Path)), security(("access_token" = [])),
    responses((status = 200, body = api::Role))
)]
pub(super) async fn edit(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(role): PathOf<String>,
    JsonBody(body): JsonBody<api::RoleChange>,
) -> Answer<api::Role> {
    let (name, changes) = (role_name(&role)?, change_of(&body)?);
    let row = desk.ops.edit_role(&by, name, changes, body.dry_run).await?;
    Ok(Json(show::role(row)))
}

/// Deletes a role that was made and that nobody has.
#[utoipa::path(
    delete, path = "/v1/roles/{role}", tag = "roles", params(("role" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Role))
)]
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(role): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Role> {
    let name = role_name(&role)?;
    let row = desk.ops.delete_role(&by, name, query.dry_run).await?;
    Ok(Json(show::role(row)))
}
