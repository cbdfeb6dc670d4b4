//! Deleting messages: an operator one, whoever may all of somebody's, and back again.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{
    By, Desk, Try, api, optional,
    users::{Paging, wrong_cursor},
};
use crate::{
    door::{JsonBody, MaybeJson, PathOf, Problem, QueryOf},
    id::RedactionId,
    model::{Authority, Origin, Reason, Refusal},
    redact::{Listed, Moment, Removal, Restored, Wanted},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Deletes a message.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/messages/{seq}",
    params(("room" = String, Path), ("seq" = u64, Path), Try),
    responses((status = 200, body = api::DeletedMessage))
)]
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf((room, seq)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::DeletedMessage> {
    let removal = Removal {
        room: desk.room(&by, &room).await?,
        target: seq.parse().map_err(|_| Refusal::NotFound("message"))?,
        txn: None,
        reason: optional(query.reason.as_deref(), "reason", Reason::parse)?,
    };
    let done = if query.dry_run {
        desk.redact.check_delete(&by, &removal).await?
    } else {
        desk.redact.delete(&by, &removal).await?
    };
    Ok(Json(api::DeletedMessage {
        room: done.room.to_string(),
        target: done.target,
        seq: done.seq,
        at: done.at,
        already: done.dup,
        erased_from: desk.redact.erased_from(done.at),
        dry_run: query.dry_run,
    }))
}

/// Deletes all that somebody said in some time, in the rooms where one may delete what anybody said.
#[utoipa::path(
    post, path = "/v1/redactions", tag = "moderation", request_body = api::NewRedaction,
    security(("access_token" = [])),
    responses(
        (status = 201, body = api::Redaction),
        (status = 202, body = api::Redaction, description = "it goes on; look again at its id"),
        (status = 200, body = api::Redaction, description = "a dry run")
    )
)]
pub(super) async fn create(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewRedaction>,
) -> Result<(StatusCode, Json<api::Redaction>), Problem> {
    desk.redact.check_permission(&by).await?;
    let mut rooms = Vec::new();
    for room in &body.rooms {
        rooms.push(desk.room(&by, room).await?);
    }
    rooms.sort_unstable();
    rooms.dedup();
    let now = desk.redact.clock.now();
    let since: Moment = body.since.into();
    let until = body.until.map(Moment::from);
    let wanted = Wanted {
        user: desk.user(&body.user).await?,
        since: since.resolve(now, "since")?,
        until: until.map(|u| u.resolve(now, "until")).transpose()?,
        rooms,
        reason: optional(body.reason.as_deref(), "reason", Reason::parse)?,
    };
    let redaction = if body.dry_run {
        desk.redact.preview(&by, wanted).await?
    } else {
        desk.redact.redact(&by, wanted).await?
    };
    let status = match (body.dry_run, redaction.finished_at) {
        (true, _) => StatusCode::OK,
        (false, Some(_)) => StatusCode::CREATED,
        (false, None) => StatusCode::ACCEPTED,
    };
    let listed = desk.redact.describe(&by, redaction).await?;
    Ok((status, Json(shown(&by, listed, body.dry_run))))
}

/// Redactions, the newest first: those that concern rooms where one may delete what anybody said.
#[utoipa::path(
    get, path = "/v1/redactions", tag = "moderation", params(Paging),
    security(("access_token" = [])), responses((status = 200, body = api::List<api::Redaction>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Redaction>> {
    let before = page.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?;
    let (items, next) = desk.redact.list(&by, before, page.limit()?).await?;
    Ok(Json(api::List {
        items: items.into_iter().map(|l| shown(&by, l, false)).collect(),
        next: next.map(|id| id.to_string()),
    }))
}

/// One redaction.
#[utoipa::path(
    get, path = "/v1/redactions/{id}", tag = "moderation", params(("id" = String, Path)),
    security(("access_token" = [])), responses((status = 200, body = api::Redaction))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
) -> Answer<api::Redaction> {
    let listed = desk.redact.show(&by, parse_id(&id)?).await?;
    Ok(Json(shown(&by, listed, false)))
}

/// Makes the messages of a redaction readable again, as far as their text is still there.
#[utoipa::path(
    post, path = "/v1/redactions/{id}/restore", tag = "moderation", params(("id" = String, Path)),
    request_body = Option<api::RestoreRedaction>,
    security(("access_token" = [])), responses((status = 200, body = api::Restored))
)]
pub(super) async fn restore(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    MaybeJson(body): MaybeJson<api::RestoreRedaction>,
) -> Answer<api::Restored> {
    let id = parse_id(&id)?;
    // What one may not see one does not restore either.
    desk.redact.show(&by, id).await?;
    let done = if body.dry_run {
        desk.redact.check_restore(&by, id).await?
    } else {
        desk.redact.restore(&by, id).await?
    };
    let Restored {
        redaction,
        restored,
        erased,
        out_of_reach,
        finished,
    } = done;
    let redaction = desk.redact.describe(&by, redaction).await?;
    Ok(Json(api::Restored {
        redaction: shown(&by, redaction, false),
        restored,
        erased,
        out_of_reach,
        finished,
        dry_run: body.dry_run,
    }))
}

fn shown(by: &Authority, listed: Listed, dry_run: bool) -> api::Redaction {
    let Listed {
        redaction,
        user,
        by: account,
        rooms,
        running,
        restorable_until,
    } = listed;
    let detail = redaction.detail;
    let operator = match (&detail.actor.origin, by) {
        (Origin::Admin { uid, sudo_user, .. }, Authority::Operator(_)) => Some(match sudo_user {
            Some(name) => format!("uid {uid} ({name})"),
            None => format!("uid {uid}"),
        }),
        _ => None,
    };
    let id = detail.actor.user.map(|id| id.to_string());
    api::Redaction {
        id: (!dry_run).then(|| redaction.id.to_string()),
        user: redaction.user.to_string(),
        user_name: user.map(Into::into),
        since: detail.since,
        until: detail.until,
        messages: rooms.iter().map(|(_, _, messages)| messages).sum(),
        rooms: rooms
            .into_iter()
            .map(|(id, name, messages)| api::RedactedRoom {
                id: id.to_string(),
                name: name.map(Into::into),
                messages,
            })
            .collect(),
        reason: detail.reason.map(Into::into),
        by: operator.or(account.map(Into::into)).or(id),
        at: redaction.at,
        finished_at: redaction.finished_at,
        running,
        undone_at: redaction.undone_at,
        restorable_until: restorable_until.filter(|_| !dry_run),
        dry_run,
    }
}

impl From<api::Moment> for Moment {
    fn from(moment: api::Moment) -> Self {
        match moment {
            api::Moment::At(at) => Self::At(at),
            api::Moment::Ago(text) => Self::Ago(text),
        }
    }
}

fn parse_id(id: &str) -> Result<RedactionId, Refusal> {
    id.parse().map_err(|_| Refusal::NotFound("redaction"))
}
