//! What data-protection requests ask for: everything there is about a person, and forgetting them. Only for
//! operators.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, api, optional, user_ref};
use crate::{
    clock::Millis,
    door::{JsonBody, PathOf, Problem, QueryOf},
    id::{LogId, UserId},
    model::{Authority, Reason, Refusal},
    ops::ExportPart,
    redact::{Reached, Wanted},
};

type Answer<T> = Result<Json<T>, Problem>;

/// From where on.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The `next` of the piece before.
    cursor: Option<String>,
}

/// A piece of everything there is about a person: `profile`, `messages`, `log`, `acts`,
/// `reports` or `files`.
#[utoipa::path(
    get, path = "/v1/users/{user}/export/{part}",
    params(("user" = String, Path), ("part" = String, Path), From),
    responses((status = 200, body = api::List<serde_json::Value>))
)]
pub(super) async fn export(
    State(desk): State<Arc<Desk>>,
    PathOf((user, part)): PathOf<(String, String)>,
    QueryOf(from): QueryOf<From>,
) -> Answer<api::List<serde_json::Value>> {
    let part = part.parse::<ExportPart>();
    let part = part.map_err(|e| Refusal::field("part", e))?;
    let user = user_ref(&user)?;
    let (items, next) = desk.ops.export(&user, part, from.cursor.as_deref()).await?;
    Ok(Json(api::List { items, next }))
}

/// Forgets a person, a step at a time: asked again with the `next` of the answer until there is none. Asking
/// from the start again does no harm.
#[utoipa::path(
    post, path = "/v1/users/{user}/erase", request_body = api::Erase,
    params(("user" = String, Path)), responses((status = 200, body = api::Erased))
)]
pub(super) async fn erase(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<api::Erase>,
) -> Answer<api::Erased> {
    let user = user_ref(&user)?;
    let (dry_run, delete) = (body.dry_run, body.messages == api::EraseMessages::Delete);
    let mut done = api::Erased {
        dry_run,
        ..api::Erased::default()
    };
    let step = body.cursor.as_deref().unwrap_or("begin");
    let (step, at) = step.split_once(':').unwrap_or((step, "0"));
    match step {
        "begin" => {
            let how = if delete { "delete" } else { "keep" };
            let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
            let id = desk.ops.find_user(&user).await?.id;
            desk.redact.check_forget(id, delete).await?;
            let account = desk
                .ops
                .begin_erasure(&by, &user, how, reason, dry_run)
                .await?;
            let step = if delete { "messages" } else { "rooms" };
            done.next = Some(format!("{step}:{}", account.id));
        }
        "messages" => {
            let id = desk.user(at).await?;
            done.messages = delete_all(&desk, &by, id, dry_run).await?;
            done.next = Some(if dry_run {
                format!("rooms:{id}")
            } else {
                "texts:0.0".into()
            });
        }
        "texts" => {
            let id = desk.ops.find_user(&user).await?.id;
            let step = desk.redact.forget_texts(&by, id, reached(at)?).await?;
            done.unread = step.unread.into_iter().map(place).collect();
            done.next = Some(match step.next {
                Some(Reached { room, after }) => format!("texts:{room}.{after}"),
                None => format!("rooms:{id}"),
            });
        }
        "rooms" => {
            let id = desk.user(at).await?;
            let rooms = desk.chat.depart(&by, id, dry_run).await?;
            done.rooms_left = rooms.left;
            done.rooms_passed_on = rooms.passed_on;
            done.rooms_deleted = rooms.deleted;
            done.next = Some("traces:0".into());
        }
        "traces" => {
            let after = at.parse().map_err(|_| wrong_cursor())?;
            let id = desk.ops.find_user(&user).await?.id;
            let (acts, unread, next) = desk.ops.erase_traces(&by, id, after, dry_run).await?;
            done.acts = acts;
            let unread = unread.into_iter().map(|seq| (LogId::Control, seq));
            done.unread = unread.map(place).collect();
            done.next = match next {
                Some(seq) => Some(format!("traces:{seq}")),
                None if dry_run => None,
                None => Some("end".into()),
            };
        }
        "end" => {
            let id = desk.ops.find_user(&user).await?.id;
            let account = desk.ops.finish_erasure(&by, id).await?;
            done.name = Some(account.name.into());
        }
        _ => return Err(wrong_cursor().into()),
    }
    Ok(Json(done))
}

/// Deletes all that somebody said, as one redaction, and waits until that is done; answers how many messages
/// that were.
async fn delete_all(
    desk: &Desk,
    by: &Authority,
    user: UserId,
    dry_run: bool,
) -> Result<u64, Refusal> {
    let wanted = Wanted {
        user,
        since: Millis(0),
        until: None,
        rooms: Vec::new(),
        reason: Reason::parse("erasure of the person").ok(),
    };
    if dry_run {
        return Ok(desk.redact.preview(by, wanted).await?.messages());
    }
    let redaction = desk.redact.redact(by, wanted).await?;
    if redaction.finished_at.is_some() {
        return Ok(redaction.messages());
    }
    Err(Refusal::Conflict(format!(
        "deleting the messages goes on as redaction {}; run the same command again when \
         `chatd message redactions` shows it as done",
        redaction.id
    )))
}

/// A row, for people.
fn place((log, seq): (LogId, u64)) -> String {
    match log {
        LogId::Room(room) => format!("room {room}, entry {seq}"),
        LogId::User(_) => format!("their own log, entry {seq}"),
        LogId::Control => format!("the audit log, entry {seq}"),
    }
}

fn reached(text: &str) -> Result<Reached, Refusal> {
    let parsed = text.split_once('.');
    let parsed = parsed.and_then(|(room, after)| {
        Some(Reached {
            room: room.parse().ok()?,
            after: after.parse().ok()?,
        })
    });
    parsed.ok_or_else(wrong_cursor)
}

fn wrong_cursor() -> Refusal {
    Refusal::field("cursor", "use the `next` of the step before")
}
