//! The outgoing webhook, as operators see and hold it.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{By, Desk, api, optional};
use crate::{
    door::{MaybeJson, Problem},
    model::Reason,
    webhook::{Decision, Shown},
};

type Answer<T> = Result<Json<T>, Problem>;

/// How the webhook stands.
#[utoipa::path(
    get, path = "/v1/webhook", tag = "server", responses((status = 200, body = api::Webhook))
)]
pub(super) async fn show(State(desk): State<Arc<Desk>>) -> Answer<api::Webhook> {
    Ok(Json(page(desk.webhook.show().await?)))
}

/// Sends something that says nothing to where the webhook leads, now, and tells what came back.
#[utoipa::path(
    post, path = "/v1/webhook/test", tag = "server", request_body = Option<api::WebhookAct>,
    responses((status = 200, body = api::WebhookTest))
)]
pub(super) async fn test(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    MaybeJson(body): MaybeJson<api::WebhookAct>,
) -> Answer<api::WebhookTest> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let tried = desk.webhook.test(&by, reason, body.dry_run).await?;
    let took_ms = tried.took.map(|took| u64::try_from(took.as_millis()));
    Ok(Json(api::WebhookTest {
        place: tried.place,
        id: tried.id,
        ok: tried.error.is_none(),
        error: tried.error,
        status: tried.status,
        body: tried.body,
        took_ms: took_ms.and_then(Result::ok),
        dry_run: body.dry_run,
    }))
}

/// Holds the webhook: nothing is sent until it is resumed, and nothing is lost.
#[utoipa::path(
    post, path = "/v1/webhook/pause", tag = "server", request_body = Option<api::WebhookAct>,
    responses((status = 200, body = api::Webhook))
)]
pub(super) async fn pause(
    State(desk): State<Arc<Desk>>,
    by: By,
    body: MaybeJson<api::WebhookAct>,
) -> Answer<api::Webhook> {
    decide(&desk, by, Decision::Pause, body).await
}

/// Lets the webhook go on.
#[utoipa::path(
    post, path = "/v1/webhook/resume", tag = "server", request_body = Option<api::WebhookAct>,
    responses((status = 200, body = api::Webhook))
)]
pub(super) async fn resume(
    State(desk): State<Arc<Desk>>,
    by: By,
    body: MaybeJson<api::WebhookAct>,
) -> Answer<api::Webhook> {
    decide(&desk, by, Decision::Resume, body).await
}

/// Passes over everything that happened until now and was not taken: it is not sent any more.
#[utoipa::path(
    post, path = "/v1/webhook/skip", tag = "server", request_body = Option<api::WebhookAct>,
    responses((status = 200, body = api::Webhook))
)]
pub(super) async fn skip(
    State(desk): State<Arc<Desk>>,
    by: By,
    body: MaybeJson<api::WebhookAct>,
) -> Answer<api::Webhook> {
    decide(&desk, by, Decision::Skip, body).await
}

async fn decide(
    desk: &Desk,
    By(by): By,
    decision: Decision,
    MaybeJson(body): MaybeJson<api::WebhookAct>,
) -> Answer<api::Webhook> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let shown = desk
        .webhook
        .decide(&by, decision, reason, body.dry_run)
        .await?;
    Ok(Json(page(shown)))
}

pub(crate) fn page(shown: Shown) -> api::Webhook {
    let state = match &shown {
        Shown { place: None, .. } => "off",
        Shown { paused: true, .. } => "paused",
        Shown { rooms_held: 0, .. } => "well",
        _ => "trouble",
    };
    api::Webhook {
        place: shown.place,
        state: state.into(),
        rooms_behind: shown.rooms_behind,
        rooms_held: shown.rooms_held,
        held_since: shown.held_since,
        next_try: shown.next_try,
        last_ok: shown.last_ok,
        failed_at: shown.failed_at,
        error: shown.error,
        delivered: shown.delivered,
        failed: shown.failed,
        skipped: shown.skipped,
    }
}
