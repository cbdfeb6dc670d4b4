//! Taking away how others react, over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Asker, reactions::emoji_of, rooms::room_of};
use crate::{
    chat::TakeAway,
    door::{App, PathOf, Problem},
    model::{Caller, Refusal, UserRef},
};

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TakenBody {
    room: String,
    /// The message's `seq`.
    target: u64,
    emoji: String,
    /// How many reactions that were; 0 when there were none.
    taken: u64,
}

async fn take_away(
    app: &App,
    caller: &Caller,
    (room, seq, emoji): (String, String, String),
    user: Option<&str>,
) -> Result<Json<TakenBody>, Problem> {
    let emoji = emoji_of(&emoji)?;
    let room = room_of(app, caller, &room).await?;
    let target = seq.parse().map_err(|_| Refusal::NotFound("message"))?;
    let user = match user {
        Some(user) => Some(app.chat.resolve_user(&UserRef::parse(user)?).await?),
        None => None,
    };
    let what = TakeAway {
        room,
        target,
        emoji,
        user,
    };
    let taken = app.chat.take_away(caller, &what).await?;
    Ok(Json(TakenBody {
        room: room.to_string(),
        target,
        emoji: what.emoji.into(),
        taken,
    }))
}

/// Takes away what everybody reacts with to a message; for those who may delete it.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/messages/{seq}/reactors/{emoji}", tag = "messages",
    params(
        ("room" = String, Path, description = "id or name"), ("seq" = u64, Path),
        ("emoji" = String, Path, description = "one emoji, or `:name:`")
    ),
    security(("access_token" = [])), responses((status = 200, body = TakenBody))
)]
pub(super) async fn remove_all(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(place): PathOf<(String, String, String)>,
) -> Result<Json<TakenBody>, Problem> {
    take_away(&app, &caller, place, None).await
}

/// Takes away what one person reacts with to a message; for those who may delete it.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/messages/{seq}/reactors/{emoji}/{user}", tag = "messages",
    params(
        ("room" = String, Path, description = "id or name"), ("seq" = u64, Path),
        ("emoji" = String, Path, description = "one emoji, or `:name:`"),
        ("user" = String, Path, description = "id or name")
    ),
    security(("access_token" = [])), responses((status = 200, body = TakenBody))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq, emoji, user)): PathOf<(String, String, String, String)>,
) -> Result<Json<TakenBody>, Problem> {
    take_away(&app, &caller, (room, seq, emoji), Some(&user)).await
}
