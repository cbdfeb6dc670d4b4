//! The archive: runs, and what operators look at besides.

mod look;
mod schedule;
mod show;

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};

pub(super) use self::{
    look::{__path_entries, __path_ranges, __path_segment, __path_segments},
    look::{__path_verify, entries, ranges, segment, segments, verify},
    schedule::{__path_run_now, __path_schedule, __path_set_schedule},
    schedule::{run_now, schedule, set_schedule},
};
use super::{
    By, Desk,
    api::{List, archive as api},
    users::{Paging, wrong_cursor},
};
use crate::{
    archive::{Prune, Wanted},
    clock::Millis,
    door::{JsonBody, MaybeJson, PathOf, Problem, QueryOf},
    id::{RoomId, RunId},
    model::{Authority, Permission, Refusal, RunDetail, RunKind},
    redact::Moment,
};

type Answer<T> = Result<Json<T>, Problem>;

/// Archives what is old enough: seals it into segments, in which it is read as before. It goes on by itself;
/// look again at its id. Needs `archive.run`.
#[utoipa::path(
    post, path = "/v1/archive/runs", tag = "archive", request_body = api::NewRun,
    security(("access_token" = [])),
    responses(
        (status = 202, body = api::Run),
        (status = 200, body = api::Run, description = "a dry run")
    )
)]
pub(super) async fn create(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewRun>,
) -> Result<(StatusCode, Json<api::Run>), Problem> {
    let archive = &desk.archive;
    archive.check(&by, Permission::ArchiveRun).await?;
    let before = desk.old_enough(body.before, "30d")?;
    let wanted = Wanted {
        before,
        rooms: desk.rooms_named(&by, &body.rooms).await?,
        rate: match body.rate {
            None => archive.usual_rate(),
            Some(0) => None,
            rate => rate,
        },
    };
    if body.dry_run {
        let plan = archive.plan(&wanted).await?;
        let mut detail = RunDetail::new(by.actor());
        detail.before = Some(plan.before);
        detail.rate = wanted.rate;
        detail.planned = plan.entries();
        detail.rooms = plan.rooms;
        let shown = desk.planned(RunKind::Archive, detail).await?;
        return Ok((StatusCode::OK, Json(shown)));
    }
    let run = archive.archive(&by, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(desk.shown(&by, run).await?)))
}

/// Runs of the archive, the newest first. Needs `archive.run`.
#[utoipa::path(
    get, path = "/v1/archive/runs", tag = "archive", params(Paging),
    security(("access_token" = [])), responses((status = 200, body = List<api::Run>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<List<api::Run>> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let before = page.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?;
    let limit = page.limit()?;
    let runs = desk.archive.runs(before, limit).await?;
    let next = runs.last().filter(|_| runs.len() == limit);
    let next = next.map(|run| run.id.to_string());
    let mut items = Vec::new();
    for run in runs {
        items.push(desk.shown(&by, run).await?);
    }
    Ok(Json(List { items, next }))
}

/// One run. Needs `archive.run`.
#[utoipa::path(
    get, path = "/v1/archive/runs/{id}", tag = "archive", params(("id" = String, Path)),
    security(("access_token" = [])), responses((status = 200, body = api::Run))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
) -> Answer<api::Run> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let run = desk.archive.find_run(parse_id(&id)?).await?;
    Ok(Json(desk.shown(&by, run).await?))
}

/// Has a run stop after the segment it is at. Needs `archive.run`.
#[utoipa::path(
    post, path = "/v1/archive/runs/{id}/stop", tag = "archive", params(("id" = String, Path)),
    request_body = Option<api::OnlyTry>,
    security(("access_token" = [])), responses((status = 200, body = api::Run))
)]
pub(super) async fn stop(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    MaybeJson(body): MaybeJson<api::OnlyTry>,
) -> Answer<api::Run> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let id = parse_id(&id)?;
    let run = desk.archive.find_run(id).await?;
    desk.archive.stop(&by, id, body.dry_run).await?;
    Ok(Json(desk.shown(&by, run).await?))
}

/// Makes what a run archived live again, with what later runs archived of the same rooms; or takes back what
/// a run pruned, while there is time. It goes on by itself. Needs `archive.run`.
#[utoipa::path(
    post, path = "/v1/archive/runs/{id}/restore", tag = "archive", params(("id" = String, Path)),
    request_body = Option<api::OnlyTry>, security(("access_token" = [])),
    responses(
        (status = 202, body = api::Run),
        (status = 200, body = api::Run, description = "a dry run")
    )
)]
pub(super) async fn restore(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    MaybeJson(body): MaybeJson<api::OnlyTry>,
) -> Result<(StatusCode, Json<api::Run>), Problem> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let id = parse_id(&id)?;
    if body.dry_run {
        let plan = desk.archive.plan_restore(id).await?;
        let mut detail = RunDetail::new(by.actor());
        detail.of = Some(id);
        detail.planned = plan.rooms.iter().map(|r| r.entries).sum();
        detail.rooms = plan.rooms;
        let mut shown = desk.planned(RunKind::Restore, detail).await?;
        shown.later = plan.later;
        return Ok((StatusCode::OK, Json(shown)));
    }
    let run = desk.archive.restore(&by, id).await?;
    Ok((StatusCode::ACCEPTED, Json(desk.shown(&by, run).await?)))
}

/// Decides that old segments are deleted for good once the time of grace is over. Until then they are read as
/// ever, and restoring the run takes it back. Needs `archive.run`.
#[utoipa::path(
    post, path = "/v1/archive/prune", tag = "archive", request_body = api::NewPrune,
    security(("access_token" = [])),
    responses(
        (status = 202, body = api::Run),
        (status = 200, body = api::Run, description = "a dry run")
    )
)]
pub(super) async fn prune(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewPrune>,
) -> Result<(StatusCode, Json<api::Run>), Problem> {
    let archive = &desk.archive;
    archive.check(&by, Permission::ArchiveRun).await?;
    let now = archive.clock.now();
    let before = desk.old_enough(body.before, "365d")?;
    let grace = match body.grace {
        None => archive.config.get().archive.grace.into(),
        Some(seconds) if seconds <= super::LONGEST => Duration::from_secs(seconds),
        Some(_) => {
            let why = format!("seconds, 0 to {}", super::LONGEST);
            return Err(Refusal::field("grace", why).into());
        }
    };
    let prune = Prune {
        before,
        rooms: desk.rooms_named(&by, &body.rooms).await?,
        grace,
    };
    if body.dry_run {
        let plan = archive.plan_prune(&prune).await?;
        let mut detail = RunDetail::new(by.actor());
        detail.before = Some(before);
        detail.purge_at = Some(now.plus(grace));
        detail.planned = plan.rooms.iter().map(|r| r.entries).sum();
        detail.rooms = plan.rooms;
        let mut shown = desk.planned(RunKind::Prune, detail).await?;
        shown.held = plan.held;
        return Ok((StatusCode::OK, Json(shown)));
    }
    let run = archive.prune(&by, prune).await?;
    Ok((StatusCode::ACCEPTED, Json(desk.shown(&by, run).await?)))
}

impl Desk {
    /// The moment before which something is old enough, unless that is too young; with an `example` for people.
    fn old_enough(&self, before: super::api::Moment, example: &str) -> Result<Millis, Refusal> {
        let now = self.archive.clock.now();
        let before = Moment::from(before).resolve(now, "before")?;
        if before >= now {
            let why = format!("must be before now, as in {example}");
            return Err(Refusal::field("before", why));
        }
        self.archive.check_before(before, now, "before")?;
        Ok(before)
    }

    /// The room that somebody names, which there is, though it may be deleted.
    async fn existing_room(&self, by: &Authority, name: &str) -> Result<RoomId, Refusal> {
        let room = self.room(by, name).await?;
        let known = self.archive.log.room(room).await?;
        known.map(|_| room).ok_or(Refusal::NotFound("room"))
    }

    /// The rooms that somebody names, each once.
    async fn rooms_named(&self, by: &Authority, names: &[String]) -> Result<Vec<RoomId>, Refusal> {
        let mut rooms = Vec::new();
        for name in names {
            rooms.push(self.existing_room(by, name).await?);
        }
        rooms.sort_unstable();
        rooms.dedup();
        Ok(rooms)
    }
}

fn parse_id(id: &str) -> Result<RunId, Refusal> {
    id.parse().map_err(|_| Refusal::NotFound("run"))
}
