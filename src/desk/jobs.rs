//! Work in the background: runs of the archive, and long redactions.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, api};
use crate::{
    archive::totals,
    door::{MaybeJson, PathOf, Problem},
    id::RoomId,
    model::{Redaction, Refusal, Run, RunState},
    ops::BackupUnderWay,
    redact::UnderWay,
};

type Answer<T> = Result<Json<T>, Problem>;

/// What goes on at this moment, the oldest first.
pub(crate) fn jobs(desk: &Desk) -> Vec<api::Job> {
    let runs = desk.archive.running().into_iter().map(|r| of_run(desk, &r));
    let backup = desk.ops.backups.under_way().map(of_backup);
    let others = desk.redact.under_way();
    let others = others.iter();
    let mut jobs: Vec<_> = runs
        .chain(others.map(|work| of_redaction(desk, work)))
        .chain(backup)
        .collect();
    jobs.sort_by_key(|job| job.since);
    jobs
}

/// What ended lately, the newest first.
pub(crate) async fn ended(desk: &Desk, limit: usize) -> Result<Vec<api::EndedJob>, Refusal> {
    let runs = desk.archive.runs(None, limit).await?;
    let redactions = desk.redact.ended(limit).await?;
    let runs = runs.iter().filter(|run| run.state != RunState::Running);
    let mut ended: Vec<_> = runs
        .map(ended_run)
        .chain(redactions.iter().map(ended_redaction))
        .collect();
    ended.sort_by_key(|job| std::cmp::Reverse(job.ended_at.unwrap_or(job.since)));
    ended.truncate(limit);
    Ok(ended)
}

fn ended_run(run: &Run) -> api::EndedJob {
    let of_room = || run.detail.rooms.iter().find_map(|room| room.error.clone());
    api::EndedJob {
        kind: run.kind.to_string(),
        id: run.id.to_string(),
        since: run.at,
        ended_at: run.finished_at,
        state: run.state.to_string(),
        done: totals(&run.detail).0,
        unit: "entries".into(),
        trouble: run.detail.error.clone().or_else(of_room),
    }
}

fn ended_redaction(redaction: &Redaction) -> api::EndedJob {
    let undone = redaction.undone_at.is_some();
    api::EndedJob {
        kind: "redaction".into(),
        id: redaction.id.to_string(),
        since: redaction.at,
        ended_at: redaction.undone_at.or(redaction.finished_at),
        state: if undone { "undone" } else { "done" }.into(),
        done: redaction.messages(),
        unit: "messages".into(),
        trouble: None,
    }
}

fn of_run(desk: &Desk, run: &Run) -> api::Job {
    let (entries, _) = totals(&run.detail);
    let room = run.detail.rooms.last().map(|room| room.room);
    api::Job {
        kind: run.kind.to_string(),
        id: Some(run.id.to_string()),
        since: run.at,
        done: entries,
        total: Some(run.detail.planned).filter(|planned| *planned > 0),
        unit: "entries".into(),
        at: room.map(|room| name_of(desk, room)),
        stoppable: true,
    }
}

fn of_redaction(desk: &Desk, work: &UnderWay) -> api::Job {
    api::Job {
        kind: work.kind.into(),
        id: work.id.map(|id| id.to_string()),
        since: work.since,
        done: work.done,
        total: None,
        unit: "messages".into(),
        at: work.room.map(|room| name_of(desk, room)),
        stoppable: false,
    }
}

fn of_backup(backup: BackupUnderWay) -> api::Job {
    api::Job {
        kind: "backup".into(),
        id: None,
        since: backup.since,
        done: backup.done,
        total: Some(backup.of).filter(|of| *of > 0),
        unit: backup.unit.into(),
        at: None,
        stoppable: false,
    }
}

/// The name of a room, or its id where no name is at hand.
fn name_of(desk: &Desk, room: RoomId) -> String {
    let live = desk.ops.log.room_in_memory(room);
    live.map_or_else(
        || room.to_string(),
        |live| live.facts().room.name.as_str().to_owned(),
    )
}

/// What goes on in the background.
#[utoipa::path(get, path = "/v1/jobs", responses((status = 200, body = api::List<api::Job>)))]
pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Answer<api::List<api::Job>> {
    Ok(Json(api::List {
        items: jobs(&desk),
        next: None,
    }))
}

/// Whether it is only to be tried.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StopJob {
    /// Only say whether it can be stopped.
    dry_run: bool,
}

/// Has a job stop after what it is at.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/stop", request_body = StopJob, params(("id" = String, Path)),
    responses((status = 200, body = api::Job))
)]
pub(super) async fn stop(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    MaybeJson(body): MaybeJson<StopJob>,
) -> Answer<api::Job> {
    let found = jobs(&desk).into_iter();
    let mut named = found.filter(|job| job.id.as_deref() == Some(id.as_str()));
    let job = named.next().ok_or(Refusal::NotFound("job under way"))?;
    if !job.stoppable {
        let why = format!(
            "a {} is not stopped in the middle; it ends by itself",
            job.kind
        );
        return Err(Refusal::Conflict(why).into());
    }
    let run = id.parse().map_err(|_| Refusal::NotFound("job under way"))?;
    desk.archive.stop(&by, run, body.dry_run).await?;
    Ok(Json(job))
}
