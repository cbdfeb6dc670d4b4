//! Saying something to everyone who is connected.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{By, Desk, api};
use crate::{
    door::{JsonBody, Problem},
    model::{NoticeText, Refusal},
};

/// Says something to everyone who is connected, or who listens to a room. It is kept nowhere: who is not there misses
/// it. Needs `notice.send`.
#[utoipa::path(
    post, path = "/v1/notices", tag = "server", request_body = api::Notice,
    security(("access_token" = [])), responses((status = 200, body = api::Noticed))
)]
pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::Notice>,
) -> Result<Json<api::Noticed>, Problem> {
    let text = NoticeText::parse(&body.text).map_err(|e| Refusal::field("text", e))?;
    let room = match &body.room {
        Some(room) => Some(desk.room(&by, room).await?),
        None => None,
    };
    let told = desk.ops.send_notice(&by, text, room, body.dry_run).await?;
    Ok(Json(api::Noticed { told }))
}
