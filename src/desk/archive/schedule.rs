//! When and by which ages the archive runs by itself.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    super::{By, Desk, api::archive as api, optional},
    Answer,
};
use crate::{
    archive::{NewPolicy, Standing},
    config::Period,
    door::{JsonBody, MaybeJson},
    model::{Age, Authority, Permission, Reason, Refusal},
};

/// How the schedule stands. Needs `archive.run`.
#[utoipa::path(
    get, path = "/v1/archive/schedule", tag = "archive", security(("access_token" = [])),
    responses((status = 200, body = api::Schedule))
)]
pub(in super::super) async fn schedule(
    State(desk): State<Arc<Desk>>,
    By(by): By,
) -> Answer<api::Schedule> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let standing = desk.archive.standing().await?;
    Ok(Json(desk.shown_standing(&by, standing).await?))
}

/// Decides when and by which ages the archive runs by itself: at once and lasting, over what the settings say.
/// What is not said stays. Needs `archive.run`.
#[utoipa::path(
    patch, path = "/v1/archive/schedule", tag = "archive", request_body = api::NewSchedule,
    security(("access_token" = [])), responses((status = 200, body = api::Schedule))
)]
pub(in super::super) async fn set_schedule(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewSchedule>,
) -> Answer<api::Schedule> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let mut new = NewPolicy {
        schedule: body.schedule.map(|text| match text.as_str() {
            "default" => None,
            "never" => Some(String::new()),
            _ => Some(text),
        }),
        paused: body.paused,
        older_than: body
            .older_than
            .as_deref()
            .map(|a| age(a, "older_than"))
            .transpose()?,
        prune_older_than: body
            .prune_older_than
            .as_deref()
            .map(|a| age(a, "prune_older_than"))
            .transpose()?,
        rooms: Vec::new(),
        reason: optional(body.reason.as_deref(), "reason", Reason::parse)?,
    };
    for room in &body.rooms {
        let id = desk.existing_room(&by, &room.room).await?;
        new.rooms.push((id, age(&room.older_than, "rooms")?));
    }
    let standing = desk.archive.set_policy(&by, new, body.dry_run).await?;
    Ok(Json(desk.shown_standing(&by, standing).await?))
}

/// Runs at once what the schedule runs. Needs `archive.run`.
#[utoipa::path(
    post, path = "/v1/archive/schedule/run", tag = "archive", request_body = Option<api::OnlyTry>,
    security(("access_token" = [])), responses((status = 200, body = Option<api::Run>))
)]
pub(in super::super) async fn run_now(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    MaybeJson(body): MaybeJson<api::OnlyTry>,
) -> Answer<Option<api::Run>> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    if body.dry_run {
        let Some(wanted) = desk.archive.scheduled() else {
            return Ok(Json(None));
        };
        let plan = desk.archive.plan(&wanted).await?;
        let mut detail = crate::model::RunDetail::new(by.actor());
        detail.before = Some(plan.before);
        detail.rate = wanted.rate;
        detail.planned = plan.entries();
        detail.rooms = plan.rooms;
        let shown = desk.planned(crate::model::RunKind::Archive, detail).await?;
        return Ok(Json(Some(shown)));
    }
    let begun = desk.archive.run_now(&by).await?;
    Ok(Json(match begun {
        Some(run) => Some(desk.shown(&by, run).await?),
        None => None,
    }))
}

impl Desk {
    async fn shown_standing(
        &self,
        by: &Authority,
        standing: Standing,
    ) -> Result<api::Schedule, Refusal> {
        let Standing {
            schedule,
            paused,
            next_at,
            last,
            older_than,
            prune_older_than,
            rooms,
            decided,
        } = standing;
        let names = self.room_names(rooms.keys().copied()).await?;
        Ok(api::Schedule {
            schedule,
            paused,
            next_at,
            last: match last {
                Some(run) => Some(self.shown(by, run).await?),
                None => None,
            },
            older_than: aged(older_than),
            prune_older_than: aged(prune_older_than),
            rooms: rooms
                .into_iter()
                .map(|(room, age)| api::RoomAge {
                    room: room.to_string(),
                    name: names.get(&room).cloned(),
                    older_than: aged(age),
                })
                .collect(),
            decided: decided.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// `30d`, `never`, or `default`, which is none.
fn age(text: &str, field: &str) -> Result<Option<Age>, Refusal> {
    match text {
        "default" => Ok(None),
        "never" => Ok(Some(Age::Never)),
        _ => match text.parse::<Period>() {
            Ok(period) => Ok(Some(Age::Over(period.get()))),
            Err(e) => Err(Refusal::field(field, format!("{e}; or never, or default"))),
        },
    }
}

fn aged(age: Age) -> String {
    match age {
        Age::Never => "never".into(),
        Age::Over(age) => Period(age).to_string(),
    }
}
