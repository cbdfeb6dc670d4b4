//! Messages over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::{
    Asker,
    rooms::room_of,
    view::{MessageBody, PageQuery, check_limit},
};
use crate::{
    chat::{NewMessage, Sent},
    clock::Millis,
    door::{App, JsonBody, PathOf, Problem, QueryOf},
    id::FileId,
    model::{Body, Reason, Refusal, Txn, text::maybe_body},
    store::{Gap, Lack, Page},
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// The last messages with a `seq` under this. Without any of the three: the newest.
    before: Option<u64>,
    /// The first messages with a `seq` over this.
    after: Option<u64>,
    /// Messages on both sides of this `seq`.
    around: Option<u64>,
    /// How many, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl HistoryQuery {
    fn page(&self) -> Result<Page, Refusal> {
        match (self.before, self.after, self.around) {
            (None, None, None) => Ok(Page::Before(u64::MAX)),
            (Some(seq), None, None) => Ok(Page::Before(seq)),
            (None, Some(seq), None) => Ok(Page::After(seq)),
            (None, None, Some(seq)) => Ok(Page::Around(seq)),
            _ => Err(Refusal::field(
                "before",
                "give one of before, after and around",
            )),
        }
    }
}

/// A page of a room's messages, in `seq` order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryBody {
    items: Vec<MessageBody>,
    /// The `seq` of the room's last entry.
    head: u64,
    /// How many messages the room has.
    n: u64,
    /// The store's incarnation; positions of another one mean nothing.
    epoch: String,
    /// Ranges of `seq` whose messages cannot be read any more.
    gaps: Vec<GapBody>,
    /// Always null: pages follow by `before` and `after`.
    next: Option<String>,
}

/// A range of a room's log.
#[derive(Debug, Serialize, ToSchema)]
struct GapBody {
    /// The first `seq`.
    first: u64,
    /// The last `seq`.
    last: u64,
    /// `purged`, or `damaged` when the archive of it does not read.
    why: &'static str,
}

impl From<Gap> for GapBody {
    fn from(gap: Gap) -> Self {
        Self {
            first: gap.first,
            last: gap.last,
            why: match gap.why {
                Lack::Purged => "purged",
                Lack::Damaged => "damaged",
            },
        }
    }
}

/// Messages of a room; empty only at the end.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/messages", tag = "messages", security(("access_token" = [])),
    params(("room" = String, Path, description = "id or name"), HistoryQuery),
    responses((status = 200, body = HistoryBody))
)]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    QueryOf(query): QueryOf<HistoryQuery>,
) -> Result<Json<HistoryBody>, Problem> {
    let (page, limit) = (query.page()?, check_limit(query.limit)?);
    let id = room_of(&app, &caller, &room).await?;
    let page = app.chat.history(&caller, id, page, limit).await?;
    Ok(Json(HistoryBody {
        items: page.items.into_iter().map(Into::into).collect(),
        head: page.head,
        n: page.n,
        epoch: page.epoch.to_string(),
        gaps: page.gaps.into_iter().map(Into::into).collect(),
        next: None,
    }))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SendBody {
    /// May be left out where there are files.
    #[serde(default, deserialize_with = "maybe_body")]
    #[schema(example = "hi")]
    body: Option<Body>,
    /// Makes repeating the request safe; best a UUID.
    txn: Option<Txn>,
    /// The `seq` of the message this answers.
    reply_to: Option<u64>,
    /// The ids of files that I have uploaded and not used yet, at most ten.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10)]
    files: Vec<FileId>,
}

/// A message that is durable.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SentBody {
    room: String,
    seq: u64,
    n: u64,
    /// Its id.
    message: String,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// Whether the same `txn` had made it before.
    dup: bool,
}

impl From<Sent> for SentBody {
    fn from(sent: Sent) -> Self {
        Self {
            room: sent.room.to_string(),
            seq: sent.seq,
            n: sent.n,
            message: sent.message.to_string(),
            at: sent.at,
            dup: sent.dup,
        }
    }
}

/// Says something in a room.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/messages", tag = "messages", request_body = SendBody,
    params(("room" = String, Path, description = "id or name")),
    security(("access_token" = [])), responses((status = 201, body = SentBody))
)]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(room): PathOf<String>,
    JsonBody(body): JsonBody<SendBody>,
) -> Result<(StatusCode, Json<SentBody>), Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let new = NewMessage {
        body: body.body,
        txn: body.txn,
        reply_to: body.reply_to,
        files: body.files,
    };
    let new = app.chat.ready(&caller, id, new).await?;
    let (tx, rx) = oneshot::channel();
    app.chat
        .send(&caller, id, new, move |sent| drop(tx.send(sent)));
    let sent = rx.await.unwrap_or(Err(Refusal::Unavailable))?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}

/// One message.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/messages/{seq}", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path)),
    security(("access_token" = [])), responses((status = 200, body = MessageBody))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
) -> Result<Json<MessageBody>, Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let seq = seq.parse().map_err(|_| Refusal::NotFound("message"))?;
    Ok(Json(app.chat.message(&caller, id, seq).await?.into()))
}

/// A page of the answers to a message, in `seq` order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ThreadBody {
    items: Vec<MessageBody>,
    /// Answers that cannot be read any more.
    gaps: Vec<GapBody>,
    /// Give it as `cursor` for the next page; null on the last.
    next: Option<String>,
}

/// What was said in answer to a message, deleted or not.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/messages/{seq}/replies", tag = "messages",
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path), PageQuery),
    security(("access_token" = [])), responses((status = 200, body = ThreadBody))
)]
pub(super) async fn replies(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<ThreadBody>, Problem> {
    let limit = query.limit()?;
    let id = room_of(&app, &caller, &room).await?;
    let seq = seq.parse().map_err(|_| Refusal::NotFound("message"))?;
    let cursor = query.cursor.as_deref();
    let page = app.chat.replies(&caller, (id, seq), cursor, limit).await?;
    Ok(Json(ThreadBody {
        items: page.items.into_iter().map(Into::into).collect(),
        gaps: page.gaps.into_iter().map(Into::into).collect(),
        next: page.next,
    }))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct ReportBody {
    /// Why, in a few words.
    reason: Reason,
}

/// A report that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportedBody {
    id: String,
}

/// Reports a message to those who moderate.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/messages/{seq}/report", tag = "moderation",
    request_body = ReportBody,
    params(("room" = String, Path, description = "id or name"), ("seq" = u64, Path)),
    security(("access_token" = [])), responses((status = 201, body = ReportedBody))
)]
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf((room, seq)): PathOf<(String, String)>,
    JsonBody(body): JsonBody<ReportBody>,
) -> Result<(StatusCode, Json<ReportedBody>), Problem> {
    let id = room_of(&app, &caller, &room).await?;
    let seq = seq.parse().map_err(|_| Refusal::NotFound("message"))?;
    let report = app.moderation.report(&caller, id, seq, body.reason).await?;
    let id = report.id.to_string();
    Ok((StatusCode::CREATED, Json(ReportedBody { id })))
}
