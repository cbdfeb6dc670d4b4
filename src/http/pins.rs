//! Pins over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Asker,
    rooms::room_of,
    view::{List, MessageBody},
};
use crate::{
    chat::{NewPin, PinChange},
    clock::Millis,
    door::{App, PathOf, Problem, QueryOf},
    model::{Caller, Refusal, Txn},
};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PinQuery {
    /// Makes repeating the request safe; best a UUID.
    #[param(value_type = Option<String>)]
    txn: Option<Txn>,
}

/// How it stands with a message's pin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PinBody {
    room: String,
    /// The message's `seq`.
    target: u64,
    /// Whether it is pinned now.
    on: bool,
    /// The `seq` of the entry that made it so; null when there was nothing to take down.
    seq: Option<u64>,
    n: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// Whether it was so before.
    dup: bool,
}

impl From<PinChange> for PinBody {
    fn from(p: PinChange) -> Self {
        Self {
            room: p.room.to_string(),
            target: p.target,
            on: p.on,
            seq: p.seq,
            n: p.n,
            at: p.at,
            dup: p.dup,
        }
    }
}

async fn change(
    app: &App,
    caller: &Caller,
    (room, seq): (String, String),
    on: bool,
    txn: Option<Txn>,
) -> Result<Json<PinBody>, Problem> {
    let new = NewPin {
        room: room_of(app, caller, &room).await?,
        target: seq.parse().map_err(|_| Refusal::NotFound("message"))?,
        on,
        txn,
    };
    Ok(Json(app.chat.pin(caller, &new).await?.into()))
}

/// Pins a message. One that is pinned is answered as the first time.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/pins/{seq}", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path), PinQuery),
    security(("access_token" = [])), responses((status = 200, body = PinBody))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(place): PathOf<(String, String)>,
    QueryOf(query): QueryOf<PinQuery>,
) -> Result<Json<PinBody>, Problem> {
    change(&app, &caller, place, true, query.txn).await
}

/// Takes a pinned message down; fine when it is not pinned.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/pins/{seq}", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path), PinQuery),
    security(("access_token" = [])), responses((status = 200, body = PinBody))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(place): PathOf<(String, String)>,
    QueryOf(query): QueryOf<PinQuery>,
) -> Result<Json<PinBody>, Problem> {
    change(&app, &caller, place, false, query.txn).await
}

/// The pinned messages of a room, the one that was pinned last first; at most 50, on one page.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/pins", tag = "messages",
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 200, body = List<MessageBody>))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<Json<List<MessageBody>>, Problem> {
    let room = room_of(&app, &caller, &room).await?;
    let pins = app.chat.pins(&caller, room).await?;
    Ok(Json(List {
        items: pins.into_iter().map(Into::into).collect(),
        next: None,
    }))
}
