//! Searching, over REST.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Asker,
    rooms::room_of,
    view::{MessageBody, check_limit},
};
use crate::{
    chat::{FoundKind, FoundView, NewSearch},
    clock::Millis,
    door::{App, Problem, QueryOf},
    model::{Refusal, UserRef},
    search::Part,
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Words that must all be there; `"a phrase"`; `begin*` for what begins so; `-word` for what must not be there.
    /// May be left out where `from` or `kind` is given.
    #[param(example = "\"deploy failed\" stag* -test")]
    q: Option<String>,
    /// Only in this room: id or name.
    room: Option<String>,
    /// Only what this person said: id or name.
    from: Option<String>,
    /// Only messages of this kind: `mention` (of me by others, by name or with everyone), `reply`, `pinned` or `edited`.
    kind: Option<String>,
    /// Said at this moment or later, in milliseconds since 1970.
    since: Option<i64>,
    /// Said at this moment or earlier, in milliseconds since 1970.
    until: Option<i64>,
    /// `newest` first (the default), or what fits best: `relevance`.
    order: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl SearchQuery {
    fn kind(&self) -> Result<Option<FoundKind>, Refusal> {
        Ok(Some(match self.kind.as_deref() {
            None => return Ok(None),
            Some("mention") => FoundKind::Mention,
            Some("reply") => FoundKind::Reply,
            Some("pinned") => FoundKind::Pinned,
            Some("edited") => FoundKind::Edited,
            Some(_) => {
                let why = "one of: mention, reply, pinned, edited";
                return Err(Refusal::field("kind", why));
            }
        }))
    }
}

/// A page of what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundPageBody {
    items: Vec<FoundBody>,
    /// Give it as `cursor` for the next page; null on the last.
    next: Option<String>,
    /// False while the index is being made, or cannot go on: more may be there than is found.
    complete: bool,
}

/// A message that was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundBody {
    /// The room's id.
    room: String,
    room_name: String,
    message: MessageBody,
    /// The piece of the text around what was found: the parts, put together.
    snippet: Vec<PartBody>,
}

/// A part of a piece.
#[derive(Debug, Serialize, ToSchema)]
struct PartBody {
    text: String,
    /// Whether it is what was looked for.
    hit: bool,
}

impl From<FoundView> for FoundBody {
    fn from(f: FoundView) -> Self {
        let part = |Part { text, hit }: Part| PartBody { text, hit };
        Self {
            room: f.room.to_string(),
            room_name: f.room_name.into(),
            message: f.message.into(),
            snippet: f.snippet.into_iter().map(part).collect(),
        }
    }
}

/// Messages that I may read: with these words, of this person, time and kind, in one room or in all of mine.
#[utoipa::path(
    get, path = "/v1/search", tag = "messages", params(SearchQuery),
    security(("access_token" = [])), responses((status = 200, body = FoundPageBody))
)]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    QueryOf(asked): QueryOf<SearchQuery>,
) -> Result<Json<FoundPageBody>, Problem> {
    let limit = check_limit(asked.limit)?;
    let narrowed = asked.from.is_some() || asked.kind.is_some();
    let mut search = NewSearch {
        query: NewSearch::read_query(asked.q.as_deref(), narrowed)?,
        kind: asked.kind()?,
        since: asked.since.map(Millis),
        until: asked.until.map(Millis),
        order: NewSearch::read_order(asked.order.as_deref())?,
        ..NewSearch::default()
    };
    if let Some(room) = &asked.room {
        search.room = Some(room_of(&app, &caller, room).await?);
    }
    if let Some(from) = &asked.from {
        let from = UserRef::parse(from).map_err(|_| Refusal::NotFound("user"))?;
        search.from = Some(app.chat.resolve_user(&from).await?);
    }
    let cursor = asked.cursor.as_deref();
    let page = app.chat.search(&caller, search, cursor, limit).await?;
    Ok(Json(FoundPageBody {
        items: page.items.into_iter().map(Into::into).collect(),
        next: page.next,
        complete: page.complete,
    }))
}
