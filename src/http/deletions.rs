//! Deleting a message over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asker, rooms::room_of};
use crate::{
    clock::Millis,
    door::{App, MaybeJson, PathOf, Problem, QueryOf},
    model::{Authority, Reason, Refusal, Txn},
    redact::{Deleted, Removal},
};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Makes repeating the request safe; best a UUID.
    #[param(value_type = Option<String>)]
    txn: Option<Txn>,
    /// Why; kept in the audit log when it is somebody else's message.
    #[param(value_type = Option<String>)]
    reason: Option<Reason>,
}

/// The same as the query, for those who rather send a body.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct DeleteBody {
    txn: Option<Txn>,
    reason: Option<Reason>,
}

/// A message that is deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedBody {
    room: String,
    /// The message's `seq`.
    target: u64,
    /// The `seq` of the entry that deleted it.
    seq: Option<u64>,
    n: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// Whether it was deleted before.
    dup: bool,
}

impl From<Deleted> for DeletedBody {
    fn from(d: Deleted) -> Self {
        Self {
            room: d.room.to_string(),
            target: d.target,
            seq: d.seq,
            n: d.n,
            at: d.at,
            dup: d.dup,
        }
    }
}

/// Deletes a message: one's own, or another's where one moderates. Its text is in no answer any more.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/messages/{seq}", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path), DeleteQuery),
    request_body(content = Option<DeleteBody>, description = "instead of the query"),
    security(("access_token" = [])), responses((status = 200, body = DeletedBody))
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<DeleteQuery>,
    MaybeJson(body): MaybeJson<DeleteBody>,
) -> Result<Json<DeletedBody>, Problem> {
    let room = room_of(&app, &caller, &room).await?;
    let removal = Removal {
        room,
        target: seq.parse().map_err(|_| Refusal::NotFound("message"))?,
        txn: body.txn.or(query.txn),
        reason: body.reason.or(query.reason),
    };
    let deleted = app
        .redact
        .delete(&Authority::Caller(caller), &removal)
        .await?;
    Ok(Json(deleted.into()))
}
