//! Which lines the server logs.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};

use super::{By, Desk, api, optional};
use crate::{
    config::LogFilter,
    door::{JsonBody, Problem},
    logging::LevelState,
    model::{Permission, Reason, Refusal},
};

type Answer<T> = Result<Json<T>, Problem>;

/// The longest that a level is set for: thirty days, in seconds. What is to last longer is a setting.
const LONGEST: u64 = 30 * 24 * 60 * 60;

fn shown(state: LevelState, recorded: Option<bool>) -> Json<api::LogLevel> {
    Json(api::LogLevel {
        level: state.level,
        configured: state.configured,
        until: state.until,
        recorded,
    })
}

/// Which lines are logged.
#[utoipa::path(
    get, path = "/v1/log-level", tag = "server",
    responses((status = 200, body = api::LogLevel))
)]
pub(super) async fn show(State(desk): State<Arc<Desk>>, By(by): By) -> Answer<api::LogLevel> {
    desk.ops.check(&by, Permission::ServerManage).await?;
    Ok(shown(desk.ops.log_level()?, None))
}

/// Sets which lines are logged, at once: for some time, or until the server stops.
#[utoipa::path(
    put, path = "/v1/log-level", tag = "server", request_body = api::NewLogLevel,
    responses((status = 200, body = api::LogLevel))
)]
pub(super) async fn set(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewLogLevel>,
) -> Answer<api::LogLevel> {
    let filter = body.level.as_deref().map(LogFilter::parse).transpose();
    let filter = filter.map_err(|why| Refusal::field("level", why))?;
    let lasts = match body.lasts {
        None => None,
        Some(_) if filter.is_none() => {
            let why = "what the settings say holds without an end; leave it out";
            return Err(Refusal::field("for", why).into());
        }
        Some(seconds @ 1..=LONGEST) => Some(Duration::from_secs(seconds)),
        Some(_) => {
            let why =
                format!("seconds, 1 to {LONGEST}; what is to last longer belongs in log.level");
            return Err(Refusal::field("for", why).into());
        }
    };
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let ops = &desk.ops;
    let set = ops
        .set_log_level(&by, filter, lasts, reason, body.dry_run)
        .await?;
    Ok(shown(set.state, (!body.dry_run).then_some(set.recorded)))
}
