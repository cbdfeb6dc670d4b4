//! The store, over the admin socket.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::Answer;
use crate::{
    admin::api::{
        self, BackupLine, CheckLine, EpochSet, IndexChecked, NewBackup, NewEpoch, NewIndex,
        ReindexLine, StoreInfo, TableCount,
    },
    chat::{Checking, Compared, Reindexed},
    desk::{By, Desk},
    door::{JsonBody, Problem, QueryOf},
    id::Epoch,
    ops::{BackupStep, Finding},
};

pub(super) async fn info(State(desk): State<Arc<Desk>>) -> Answer<StoreInfo> {
    let found = desk.ops.holdings().await?;
    let room = desk.ops.disk().await;
    let (store, holds) = (found.info.about.clone(), found.info);
    let tables = found.counts.into_iter().map(|(table, records)| TableCount {
        table: table.to_string(),
        records,
    });
    Ok(Json(StoreInfo {
        epoch_at: store.epoch.made_at(),
        running: desk.ops.listen.is_some(),
        tables: tables.collect(),
        store: api::StoreStatus {
            backend: store.backend.into(),
            location: store.location,
            version: store.version,
            schema: store.schema,
            epoch: store.epoch.to_string(),
            bytes: Some(holds.bytes),
            users: Some(holds.users),
            rooms: Some(holds.rooms),
            free: room.map(|it| it.free),
            min_free: room.map(|it| it.least),
            ready: true,
            trouble: None,
        },
    }))
}

/// How closely to look.
#[derive(Debug, Deserialize)]
pub(super) struct CheckWanted {
    /// Compare the whole search index with the store, and not only some of it.
    #[serde(default)]
    full: bool,
}

/// Lines of JSON, as they are found: a check of a large store takes longer than one may wait for an answer.
pub(super) async fn check(
    State(desk): State<Arc<Desk>>,
    QueryOf(CheckWanted { full }): QueryOf<CheckWanted>,
) -> Response {
    let (say, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        // Whoever reads them may have gone away; then the checks end, too.
        let _gone = check_all(&desk, full, &say).await;
    });
    lines(taken, |line| line)
}

/// The store first, then the index that is made of it.
async fn check_all(
    desk: &Desk,
    full: bool,
    say: &mpsc::Sender<CheckLine>,
) -> Result<(), mpsc::error::SendError<CheckLine>> {
    let mut findings = desk.ops.examine();
    let (mut records, mut problems) = (0, 0);
    while let Some(finding) = findings.recv().await {
        match line(finding) {
            CheckLine::Done {
                records: read,
                problems: found,
            } => (records, problems) = (read, found),
            failed @ CheckLine::Failed { .. } => return say.send(failed).await,
            line => say.send(line).await?,
        }
    }
    let mut findings = Arc::clone(&desk.chat.search).check(full);
    while let Some(finding) = findings.recv().await {
        let line = index_line(finding);
        if let CheckLine::Index(index) = &line {
            problems += index.problems;
        }
        let failed = matches!(line, CheckLine::Failed { .. });
        say.send(line).await?;
        if failed {
            return Ok(());
        }
    }
    say.send(CheckLine::Done { records, problems }).await
}

fn index_line(finding: Checking) -> CheckLine {
    match finding {
        Checking::Progress { done, of } => CheckLine::Progress {
            table: "search index".into(),
            done,
            of,
        },
        Checking::Problem { place, what } => CheckLine::Problem(api::Problem { place, what }),
        Checking::Done(Compared {
            messages,
            compared,
            behind,
            problems,
        }) => CheckLine::Index(IndexChecked {
            messages,
            compared,
            behind,
            problems,
        }),
        Checking::Failed(why) => CheckLine::Failed {
            why: format!("the search index: {why}"),
        },
    }
}

/// A line of JSON for each thing that comes.
fn lines<T: Send + 'static, L: Serialize>(
    taken: mpsc::Receiver<T>,
    line: impl Fn(T) -> L + Clone + Send + 'static,
) -> Response {
    let lines = stream::unfold(taken, move |mut taken| {
        let line = line.clone();
        async move {
            let next = taken.recv().await?;
            let line = line(next);
            let mut text = serde_json::to_vec(&line).unwrap_or_default();
            text.push(b'\n');
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), taken))
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

/// Lines of JSON, as it goes on; a server goes on without anybody who reads them.
pub(super) async fn reindex(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(NewIndex { dry_run }): JsonBody<NewIndex>,
) -> Result<Response, Problem> {
    desk.ops.note_reindex(&by, dry_run).await?;
    if dry_run {
        let rooms = desk.ops.holdings().await?.info.rooms;
        let (plan, taken) = mpsc::channel(1);
        let _room_for_one = plan.try_send(ReindexLine::Plan { rooms, dry_run });
        return Ok(lines(taken, |line| line));
    }
    let steps = Arc::clone(&desk.chat.search).reindex();
    Ok(lines(steps, |step| match step {
        Reindexed::Moved { done, of } => ReindexLine::Progress { done, of },
        Reindexed::Done { entries, bytes } => ReindexLine::Done { entries, bytes },
        Reindexed::Failed(why) => ReindexLine::Failed { why },
    }))
}

fn line(finding: Finding) -> CheckLine {
    match finding {
        Finding::Progress { table, done, of } => CheckLine::Progress {
            table: table.to_string(),
            done,
            of,
        },
        Finding::Problem { place, what } => CheckLine::Problem(api::Problem { place, what }),
        Finding::Done { records, problems } => CheckLine::Done { records, problems },
        Finding::Failed(why) => CheckLine::Failed { why },
    }
}

pub(super) async fn new_epoch(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(NewEpoch { dry_run }): JsonBody<NewEpoch>,
) -> Answer<EpochSet> {
    let (before, after) = desk.ops.new_epoch(&by, dry_run).await?;
    let after = Some(after).filter(|_| !dry_run);
    Ok(Json(EpochSet {
        before: before.to_string(),
        epoch: after.as_ref().map(Epoch::to_string),
        dry_run,
    }))
}

/// Lines of JSON, as it goes on; who drops the answer ends it.
pub(super) async fn back_up(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(wanted): JsonBody<NewBackup>,
) -> Result<Response, Problem> {
    let NewBackup { to, force, dry_run } = wanted;
    let unit = desk.ops.backup_unit();
    let steps = desk.ops.back_up(&by, to.clone(), force, dry_run).await?;
    let planned = dry_run.then_some(to);
    Ok(lines(steps, move |step| {
        backup_line(step, planned.as_ref(), unit)
    }))
}

fn backup_line(step: BackupStep, planned: Option<&PathBuf>, unit: &str) -> BackupLine {
    match (step, planned) {
        (BackupStep::Copied { of, .. }, Some(to)) => BackupLine::Plan {
            to: to.clone(),
            bytes: of,
            dry_run: true,
        },
        (BackupStep::Copied { done, of }, None) => BackupLine::Copied {
            done,
            of,
            unit: unit.to_owned(),
        },
        (BackupStep::Checked { table, done, of }, _) => BackupLine::Checked {
            table: table.to_string(),
            done,
            of,
        },
        (BackupStep::Problem { place, what }, _) => {
            BackupLine::Problem(api::Problem { place, what })
        }
        (BackupStep::Done { path, manifest }, _) => BackupLine::Done { path, manifest },
        (BackupStep::Failed { code, why }, _) => BackupLine::Failed {
            code: code.to_owned(),
            why,
        },
    }
}
