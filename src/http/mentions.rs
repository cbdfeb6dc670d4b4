//! Where one was mentioned, over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Asker,
    view::{List, MessageBody, PageQuery},
};
use crate::{
    chat::MentionView,
    door::{App, Problem, QueryOf},
};

/// A message that mentions me.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MentionBody {
    /// The room's id.
    room: String,
    room_name: String,
    message: MessageBody,
}

impl From<MentionView> for MentionBody {
    fn from(m: MentionView) -> Self {
        Self {
            room: m.room.to_string(),
            room_name: m.room_name.into(),
            message: m.message.into(),
        }
    }
}

/// Messages that mention me, or everyone in a room that I was in then, the newest first: those that I may read now.
#[utoipa::path(
    get, path = "/v1/me/mentions", tag = "messages", params(PageQuery),
    security(("access_token" = [])), responses((status = 200, body = List<MentionBody>))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<List<MentionBody>>, Problem> {
    let (limit, cursor) = (query.limit()?, query.cursor.as_deref());
    Ok(Json(List::of(
        app.chat.mentions(&caller, cursor, limit).await?,
    )))
}
