//! Reports, for those who moderate.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, api, show, users::wrong_cursor};
use crate::{
    door::{JsonBody, PathOf, Problem, QueryOf},
    id::RoomId,
    model::{Authority, Reason, Refusal, ReportState},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Which reports.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// `open` (the default) or `resolved`.
    state: Option<ReportState>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

async fn listed(
    desk: &Desk,
    by: &Authority,
    room: Option<RoomId>,
    which: &Which,
) -> Answer<api::List<api::Report>> {
    let before = which.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?;
    let limit = which.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Refusal::field("limit", "1 to 200").into());
    }
    let state = which.state.unwrap_or(ReportState::Open);
    let found = desk
        .moderation
        .reports(by, state, room, before, limit)
        .await?;
    let items = show::reports(desk, found.0).await?;
    let next = found.1.map(|id| id.to_string());
    Ok(Json(api::List { items, next }))
}

/// The reports of a room, the newest first; for its moderators.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/reports", tag = "moderation",
    params(("room" = String, Path, description = "id or name"), Which),
    security(("access_token" = [])), responses((status = 200, body = api::List<api::Report>))
)]
pub(super) async fn list_in_room(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    QueryOf(which): QueryOf<Which>,
) -> Answer<api::List<api::Report>> {
    let room = desk.room(&by, &room).await?;
    listed(&desk, &by, Some(room), &which).await
}

/// The reports of all rooms, the newest first. Needs `report.manage`.
#[utoipa::path(
    get, path = "/v1/reports", tag = "moderation", params(Which),
    security(("access_token" = [])), responses((status = 200, body = api::List<api::Report>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<Which>,
) -> Answer<api::List<api::Report>> {
    listed(&desk, &by, None, &which).await
}

/// Says what came of a report. Needs `report.manage`, or to moderate the room it is about.
#[utoipa::path(
    post, path = "/v1/reports/{id}/resolve", tag = "moderation", request_body = api::Resolve,
    params(("id" = String, Path)), security(("access_token" = [])),
    responses((status = 200, body = api::Report))
)]
pub(super) async fn resolve(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    JsonBody(body): JsonBody<api::Resolve>,
) -> Answer<api::Report> {
    let id = id.parse().map_err(|_| Refusal::NotFound("report"))?;
    let resolution = Reason::parse(&body.resolution);
    let resolution = resolution.map_err(|e| Refusal::field("resolution", e))?;
    let report = desk
        .moderation
        .resolve(&by, id, resolution, body.dry_run)
        .await?;
    let mut shown = show::reports(&desk, vec![report]).await?;
    shown.pop().map(Json).ok_or(Refusal::Internal.into())
}
