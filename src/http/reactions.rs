//! Reactions over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Asker,
    rooms::room_of,
    view::{List, NamedBody, check_limit},
};
use crate::{
    chat::{NewReaction, Reacted, Reactor},
    clock::Millis,
    door::{App, PathOf, Problem, QueryOf},
    model::{Caller, Emoji, Refusal, Txn},
};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReactQuery {
    /// Makes repeating the request safe; best a UUID.
    #[param(value_type = Option<String>)]
    txn: Option<Txn>,
}

/// How it stands with one's reaction.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReactedBody {
    room: String,
    /// The message's `seq`.
    target: u64,
    emoji: String,
    /// Whether one reacts now.
    on: bool,
    /// The `seq` of the entry that made it so; null when there was nothing to take back.
    seq: Option<u64>,
    n: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// Whether it was so before.
    dup: bool,
}

impl From<Reacted> for ReactedBody {
    fn from(r: Reacted) -> Self {
        Self {
            room: r.room.to_string(),
            target: r.target,
            emoji: r.emoji.into(),
            on: r.on,
            seq: r.seq,
            n: r.n,
            at: r.at,
            dup: r.dup,
        }
    }
}

/// Where a reaction is to: room, `seq`, emoji.
type Place = (String, String, String);

async fn change(
    app: &App,
    caller: &Caller,
    (room, seq, emoji): Place,
    on: bool,
    txn: Option<Txn>,
) -> Result<Json<ReactedBody>, Problem> {
    let new = NewReaction {
        room: room_of(app, caller, &room).await?,
        target: seq.parse().map_err(|_| Refusal::NotFound("message"))?,
        emoji: emoji_of(&emoji)?,
        on,
        txn,
    };
    Ok(Json(app.chat.react(caller, &new).await?.into()))
}

pub(super) fn emoji_of(text: &str) -> Result<Emoji, Refusal> {
    Emoji::parse(text).map_err(|e| Refusal::field("emoji", e.to_string()))
}

/// Reacts to a message. Whoever does so already is answered as the first time.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/messages/{seq}/reactions/{emoji}", tag = "messages",
    params(
        ("room" = String, Path, description = "id or name"), ("seq" = u64, Path),
        ("emoji" = String, Path, description = "one emoji, or `:name:`"), ReactQuery
    ),
    security(("access_token" = [])), responses((status = 200, body = ReactedBody))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(place): PathOf<Place>,
    QueryOf(query): QueryOf<ReactQuery>,
) -> Result<Json<ReactedBody>, Problem> {
    change(&app, &caller, place, true, query.txn).await
}

/// Takes back a reaction of one's own; fine when there is none.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/messages/{seq}/reactions/{emoji}", tag = "messages",
    params(
        ("room" = String, Path, description = "id or name"), ("seq" = u64, Path),
        ("emoji" = String, Path, description = "one emoji, or `:name:`"), ReactQuery
    ),
    security(("access_token" = [])), responses((status = 200, body = ReactedBody))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(place): PathOf<Place>,
    QueryOf(query): QueryOf<ReactQuery>,
) -> Result<Json<ReactedBody>, Problem> {
    change(&app, &caller, place, false, query.txn).await
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReactorsQuery {
    /// Only those who react with this one.
    emoji: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// One of those who react to a message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReactorBody {
    emoji: String,
    user: NamedBody,
    /// The `seq` of the entry by which they do.
    seq: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<Reactor> for ReactorBody {
    fn from(r: Reactor) -> Self {
        Self {
            emoji: r.emoji.into(),
            user: NamedBody {
                id: r.user.to_string(),
                name: r.name.map(Into::into),
            },
            seq: r.seq,
            at: r.at,
        }
    }
}

/// Who reacts to a message: emoji by emoji, in the order in which they did.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/messages/{seq}/reactions", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path), ReactorsQuery),
    security(("access_token" = [])), responses((status = 200, body = List<ReactorBody>))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<ReactorsQuery>,
) -> Result<Json<List<ReactorBody>>, Problem> {
    let limit = check_limit(query.limit)?;
    let emoji = query.emoji.as_deref().map(emoji_of).transpose()?;
    let room = room_of(&app, &caller, &room).await?;
    let target = seq.parse().map_err(|_| Refusal::NotFound("message"))?;
    let cursor = query.cursor.as_deref();
    let found = app
        .chat
        .reactors(&caller, (room, target), emoji.as_ref(), cursor, limit)
        .await?;
    Ok(Json(List::of(found)))
}
