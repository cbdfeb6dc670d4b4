//! Legal holds.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{By, Desk, Try, api::archive as api, optional};
use crate::{
    archive::{HeldThing, NewHold},
    door::{JsonBody, PathOf, Problem, QueryOf},
    model::{HoldOn, Reason, Refusal},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Rooms and people under a legal hold, the oldest first. Needs `hold.manage`.
#[utoipa::path(
    get, path = "/v1/holds", tag = "archive", security(("access_token" = [])),
    responses((status = 200, body = super::api::List<api::Hold>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
) -> Answer<super::api::List<api::Hold>> {
    let holds = desk.archive.holds(&by).await?;
    Ok(Json(super::api::List {
        items: holds.into_iter().map(|h| shown(h, false)).collect(),
        next: None,
    }))
}

/// Puts a room or a person under a legal hold: nothing that was said there, or by them, is taken out of the
/// store. Needs `hold.manage`.
#[utoipa::path(
    post, path = "/v1/holds", tag = "archive", request_body = api::NewHold,
    security(("access_token" = [])), responses((status = 200, body = api::Hold))
)]
pub(super) async fn add(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewHold>,
) -> Answer<api::Hold> {
    desk.archive
        .check(&by, crate::model::Permission::HoldManage)
        .await?;
    let reason = Reason::parse(&body.reason).map_err(|e| Refusal::field("reason", e))?;
    let on = match body.on {
        api::HoldKind::Room => HoldOn::Room(desk.room(&by, &body.target).await?),
        api::HoldKind::User => HoldOn::User(desk.user(&body.target).await?),
    };
    let new = NewHold { on, reason };
    let held = desk.archive.add_hold(&by, new, body.dry_run).await?;
    Ok(Json(shown(held, body.dry_run)))
}

/// Ends a legal hold. Needs `hold.manage`.
#[utoipa::path(
    delete, path = "/v1/holds/{id}", tag = "archive", params(("id" = String, Path), Try),
    security(("access_token" = [])), responses((status = 200, body = api::Hold))
)]
pub(super) async fn release(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::Hold> {
    desk.archive
        .check(&by, crate::model::Permission::HoldManage)
        .await?;
    let id = id.parse().map_err(|_| Refusal::NotFound("hold"))?;
    let reason = optional(query.reason.as_deref(), "reason", Reason::parse)?;
    let held = desk
        .archive
        .release_hold(&by, id, reason, query.dry_run)
        .await?;
    Ok(Json(shown(held, false)))
}

fn shown(held: HeldThing, dry_run: bool) -> api::Hold {
    let HeldThing { hold, name, by } = held;
    let (on, target) = match hold.on {
        HoldOn::Room(room) => (api::HoldKind::Room, room.to_string()),
        HoldOn::User(user) => (api::HoldKind::User, user.to_string()),
    };
    api::Hold {
        id: (!dry_run).then(|| hold.id.to_string()),
        on,
        target,
        name,
        reason: hold.reason.into(),
        by,
        at: hold.at,
    }
}
