//! The store, over the admin socket.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;

use super::Answer;
use crate::{
    admin::api::{self, CheckLine, EpochSet, NewEpoch, StoreInfo, TableCount},
    desk::{By, Desk},
    door::JsonBody,
    id::Epoch,
    ops::Finding,
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

/// Lines of JSON, as they are found: a check of a large store takes longer than one may wait for an answer.
pub(super) async fn check(State(desk): State<Arc<Desk>>) -> Response {
    let lines = stream::unfold(desk.ops.examine(), |mut findings| async {
        let line = line(findings.recv().await?);
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(text)),
            findings,
        ))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
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
