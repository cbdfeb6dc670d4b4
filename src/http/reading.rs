//! How far one has read, that one types, and who is there, over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asker, rooms::room_of, view::List};
use crate::{
    chat::{HasRead, NewRead, State as Here},
    door::{App, JsonBody, PathOf, Problem},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct NewReadBody {
    /// The `seq` of the last entry I have seen.
    seq: u64,
    /// Whether it may go back to there, so that what comes after it is unread again.
    #[serde(default)]
    back: bool,
}

/// How far I have read a room.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadBody {
    /// The room's id.
    room: String,
    /// The `seq` of its last entry.
    head: u64,
    /// How many messages it has.
    n: u64,
    /// The `seq` up to which I have read.
    read: u64,
    /// How many messages there are up to there.
    read_n: u64,
    /// How many came since.
    unread: u64,
}

impl From<HasRead> for ReadBody {
    fn from(has: HasRead) -> Self {
        Self {
            room: has.room.to_string(),
            head: has.head.seq,
            n: has.head.n,
            read: has.read.seq,
            read_n: has.read.n,
            unread: has.read.unread(has.head.n),
        }
    }
}

/// Notes how far I have read a room, on all my devices. It does not go back unless `back` says so. What I say
/// within a second is written down once; the answer comes when it is durable.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/read", tag = "rooms", request_body = NewReadBody,
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 200, body = ReadBody))
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<NewReadBody>,
) -> Result<Json<ReadBody>, Problem> {
    let room = room_of(&app, &caller, &room).await?;
    let new = NewRead {
        room,
        seq: body.seq,
        back: body.back,
    };
    Ok(Json(app.chat.read(&caller, new).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct TypingBody {
    /// False when I do not any more; true when not said.
    on: Option<bool>,
}

/// Tells those who listen to a room that I am typing there. At most once in three seconds; more is taken, and told
/// to nobody.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/typing", tag = "rooms", request_body = TypingBody,
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 204))
)]
pub(super) async fn typing(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<TypingBody>,
) -> Result<StatusCode, Problem> {
    let room = room_of(&app, &caller, &room).await?;
    app.chat
        .typing(&caller, room, body.on.unwrap_or(true))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How somebody is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PresenceBody {
    /// The person's id.
    user: String,
    state: Here,
}

/// Who of a room's members is there. Who keeps it to themselves is `offline`.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/presence", tag = "rooms",
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 200, body = List<PresenceBody>))
)]
pub(super) async fn presence(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
) -> Result<Json<List<PresenceBody>>, Problem> {
    let room = room_of(&app, &caller, &room).await?;
    let states = app.chat.presence(&caller, room, None).await?;
    let body = |(user, state): (crate::id::UserId, Here)| PresenceBody {
        user: user.to_string(),
        state,
    };
    Ok(Json(List {
        items: states.into_iter().map(body).collect(),
        next: None,
    }))
}
