//! What holds for the whole server.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{By, Desk, api, optional};
use crate::{
    door::{JsonBody, Problem},
    model::{Permission, Reason},
};

type Answer<T> = Result<Json<T>, Problem>;

fn shown(desk: &Desk, mode: Option<crate::model::Registration>) -> api::Registration {
    api::Registration {
        mode,
        configured: desk.ops.config.get().auth.registration.as_str().to_owned(),
    }
}

/// Who may register, as it was decided at run time. Needs `server.manage`.
#[utoipa::path(
    get, path = "/v1/registration", tag = "server", security(("access_token" = [])),
    responses((status = 200, body = api::Registration))
)]
pub(super) async fn registration(
    State(desk): State<Arc<Desk>>,
    By(by): By,
) -> Answer<api::Registration> {
    desk.ops.check(&by, Permission::ServerManage).await?;
    Ok(Json(shown(&desk, desk.ops.registration())))
}

/// Decides who may register: at once and lasting, over what the settings say. Needs `server.manage`.
#[utoipa::path(
    put, path = "/v1/registration", tag = "server", request_body = api::NewRegistration,
    security(("access_token" = [])), responses((status = 200, body = api::Registration))
)]
pub(super) async fn set_registration(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewRegistration>,
) -> Answer<api::Registration> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    desk.ops
        .set_registration(&by, body.mode, reason, body.dry_run)
        .await?;
    Ok(Json(shown(&desk, body.mode)))
}
