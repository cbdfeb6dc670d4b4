//! Finding messages, for operators who may read all of them. Members have a search of their own.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, api, users::Paging};
use crate::{
    chat::{FoundAnywhere, NewSearch},
    clock::Millis,
    door::{Problem, QueryOf},
    model::{Payload, Refusal},
    search::Part,
};

/// How long a command that finds no server may take to bring the index up to date.
const CATCH_UP: Duration = Duration::from_secs(10);

/// What is looked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Words, as `GET /v1/search` takes them from members. May be left out where `from` is given.
    q: Option<String>,
    /// Only in this room: id or name.
    room: Option<String>,
    /// Only what this person said: id or name.
    from: Option<String>,
    /// Said at this moment or later, in milliseconds since 1970.
    since: Option<i64>,
    /// Said at this moment or earlier, in milliseconds since 1970.
    until: Option<i64>,
    /// `newest` first (the default), or what fits best: `relevance`.
    order: Option<String>,
}

/// Messages with these words, of this person and time, in one room or in all that there are. Deleted ones are not
/// found.
#[utoipa::path(
    get, path = "/v1/search", params(Wanted, Paging),
    responses((status = 200, body = api::FoundPage))
)]
pub(super) async fn search(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(wanted): QueryOf<Wanted>,
    QueryOf(page): QueryOf<Paging>,
) -> Result<Json<api::FoundPage>, Problem> {
    let limit = page.limit()?;
    let mut search = NewSearch {
        query: NewSearch::read_query(wanted.q.as_deref(), wanted.from.is_some())?,
        since: wanted.since.map(Millis),
        until: wanted.until.map(Millis),
        order: NewSearch::read_order(wanted.order.as_deref())?,
        ..NewSearch::default()
    };
    if let Some(room) = &wanted.room {
        search.room = Some(desk.room(&by, room).await?);
    }
    if let Some(from) = &wanted.from {
        search.from = Some(desk.user(from).await?);
    }
    if desk.ops.listen.is_none() {
        desk.chat.search.catch_up(CATCH_UP).await;
    }
    let cursor = page.cursor.as_deref();
    let found = desk.chat.search_everywhere(&search, cursor, limit).await?;
    let items = found.items.into_iter().map(body);
    Ok(Json(api::FoundPage {
        items: items.collect::<Result<_, _>>()?,
        next: found.next,
        complete: found.complete,
        behind: found.behind,
    }))
}

fn body(found: FoundAnywhere) -> Result<api::Found, Refusal> {
    let Payload::Message { body, .. } = found.entry.payload else {
        return Err(Refusal::Internal);
    };
    let part = |Part { text, hit }: Part| api::FoundPart { text, hit };
    Ok(api::Found {
        room: found.room.to_string(),
        room_name: found.room_name.into(),
        seq: found.entry.seq,
        id: found.entry.id.to_string(),
        at: found.entry.at,
        from: found.entry.from.map(|id| id.to_string()),
        name: found.name.map(Into::into),
        body,
        edited: found.entry.over.is_some_and(|over| over.edited.is_some()),
        snippet: found.snippet.into_iter().map(part).collect(),
    })
}
