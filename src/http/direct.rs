//! Direct conversations over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asker, view::RoomBody};
use crate::door::{App, JsonBody, Problem};

#[derive(Deserialize, ToSchema)]
pub(super) struct DmBody {
    /// The others: ids or names.
    users: Vec<String>,
}

/// Opens the direct conversation of these people and me: the one there is (200), or a new one (201).
#[utoipa::path(
    post, path = "/v1/dm", tag = "rooms", request_body = DmBody, security(("access_token" = [])),
    responses((status = 200, body = RoomBody), (status = 201, body = RoomBody))
)]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    JsonBody(body): JsonBody<DmBody>,
) -> Result<(StatusCode, Json<RoomBody>), Problem> {
    let opened = app.chat.open_direct_with(&caller, &body.users).await?;
    let status = if opened.made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(opened.room.into())))
}
