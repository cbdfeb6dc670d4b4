//! Editing a message over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asker, rooms::room_of};
use crate::{
    chat::{Changed, NewEdit},
    clock::Millis,
    door::{App, JsonBody, PathOf, Problem},
    model::{Body, Refusal, Txn},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct EditBody {
    /// The new text.
    #[schema(example = "hi, all")]
    body: Body,
    /// Makes repeating the request safe; best a UUID.
    txn: Option<Txn>,
}

/// What was done about a message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedBody {
    room: String,
    /// The message's `seq`.
    target: u64,
    /// The `seq` of the entry that did it.
    seq: u64,
    n: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// Whether it was done before.
    dup: bool,
}

impl From<Changed> for ChangedBody {
    fn from(c: Changed) -> Self {
        Self {
            room: c.room.to_string(),
            target: c.target,
            seq: c.seq,
            n: c.n,
            at: c.at,
            dup: c.dup,
        }
    }
}

/// Gives a message of one's own another text.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}/messages/{seq}", tag = "messages", request_body = EditBody,
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path)),
    security(("access_token" = [])), responses((status = 200, body = ChangedBody))
)]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<EditBody>,
) -> Result<Json<ChangedBody>, Problem> {
    let new = NewEdit {
        room: room_of(&app, &caller, &room).await?,
        target: seq.parse().map_err(|_| Refusal::NotFound("message"))?,
        body: body.body,
        txn: body.txn,
    };
    Ok(Json(app.chat.edit(&caller, &new).await?.into()))
}
