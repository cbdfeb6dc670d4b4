//! How the server is, as one page.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{Answer, api};
use crate::{
    archive::Standing,
    desk::{Desk, webhook_page},
    files::Figures,
    model::Usage,
    ops::{Disk, Holds},
    webhook::Shown,
};

/// What is asked of the store.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// What it holds, or why it does not answer.
    pub(super) holds: Result<Holds, String>,
    /// How the schedule of the archive stands; none while the store does not answer.
    pub(super) standing: Option<Standing>,
    /// How the webhook stands; none while the store does not answer.
    pub(super) webhook: Option<Shown>,
    /// How much there is of files; none while the store does not answer.
    pub(super) files: Option<Figures>,
    /// How much is free where their bytes lie, if that is told.
    pub(super) shelf_free: Option<u64>,
    /// The disk it lies on, if that is one of this machine.
    pub(super) disk: Option<Disk>,
}

/// Asks the store.
pub(super) async fn ask(desk: &Desk) -> Known {
    let holds = desk.ops.holds().await;
    // Not asked while the store does not answer: then this page is needed all the more.
    let standing = match holds {
        Ok(_) => desk.archive.standing().await.ok(),
        Err(_) => None,
    };
    let webhook = match holds {
        Ok(_) => desk.webhook.show().await.ok(),
        Err(_) => None,
    };
    let files = match holds {
        Ok(_) => desk.files.figures().await.ok(),
        Err(_) => None,
    };
    Known {
        holds,
        standing,
        webhook,
        files,
        shelf_free: desk.files.shelf.free().await,
        disk: desk.ops.disk().await,
    }
}

pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Answer<api::Status> {
    let known = ask(&desk).await;
    Ok(Json(page(&desk, known)))
}

/// The page, with what the store said.
pub(super) fn page(desk: &Desk, known: Known) -> api::Status {
    let ops = &desk.ops;
    let report = ops.report();
    let store = report.store;
    let holds = known.holds.as_ref().ok();
    api::Status {
        version: env!("CARGO_PKG_VERSION").into(),
        running: ops.listen.is_some(),
        pid: std::process::id(),
        listen: ops.listen.map(|a| a.to_string()),
        certificate: ops.tls.identity().map(|it| api::Certificate {
            file: it.file().display().to_string(),
            expires_at: it.expires_at(),
        }),
        started_at: ops.started_at,
        at: report.at,
        registration: ops.registration().map_or_else(
            || ops.config.get().auth.registration.as_str().into(),
            |mode| mode.to_string(),
        ),
        restart_for: ops.reloads.as_ref().map_or_else(Vec::new, |it| {
            it.waiting().into_iter().map(Into::into).collect()
        }),
        memory_bytes: report.memory_bytes,
        store: api::StoreStatus {
            backend: store.backend.into(),
            location: store.location,
            version: store.version,
            schema: store.schema,
            epoch: store.epoch.to_string(),
            bytes: holds.map(|it| it.bytes),
            users: holds.map(|it| it.users),
            rooms: holds.map(|it| it.rooms),
            free: known.disk.map(|it| it.free),
            min_free: known.disk.map(|it| it.least),
            ready: holds.is_some(),
            trouble: known.holds.err(),
        },
        archive: known.standing.map(|it| api::ArchiveStatus {
            running: desk.archive.running().map(|run| run.id.to_string()),
            schedule: it.schedule,
            paused: it.paused,
            next_at: it.next_at,
            last_at: it.last.as_ref().map(|run| run.at),
            last_state: it.last.map(|run| run.state),
        }),
        files: known
            .files
            .map(|it| Box::new(files(desk, &it, known.shelf_free))),
        search: ops.listen.map(|_| search(desk)),
        webhook: known
            .webhook
            .filter(|it| it.place.is_some())
            .map(|it| Box::new(webhook_page(it))),
        counts: counts(desk, report.channels),
    }
}

fn files(desk: &Desk, figures: &Figures, free: Option<u64>) -> api::FilesStatus {
    let total = |usage: Usage| api::FilesTotal {
        files: usage.files,
        bytes: usage.bytes,
    };
    let (files, config) = (&desk.files, desk.ops.config.get());
    api::FilesStatus {
        location: files.shelf.place(),
        attached: total(figures.attached),
        unused: total(figures.unused),
        gone: total(figures.gone),
        uploads: files.uploads.count() as u64,
        uploads_limit: config.files.uploads as u64,
        free,
        min_free: free.map(|_| config.store.min_free.0),
        trouble: files.shelf.trouble(),
        own: files.shelf.is_own(),
    }
}

fn search(desk: &Desk) -> api::SearchStatus {
    let standing = desk.chat.search.standing();
    let (since, trouble) = standing.trouble.unzip();
    api::SearchStatus {
        behind: standing.behind,
        complete: standing.complete,
        bytes: standing.bytes,
        rooms: standing.rooms,
        trouble,
        trouble_since: since,
    }
}

fn counts(desk: &Desk, channels: u64) -> api::Counts {
    let stats = &desk.ops.stats;
    api::Counts {
        connections: stats.connections.get(),
        sockets: stats.sockets.get(),
        channels,
        requests: stats.requests.get(),
        frames: stats.frames.get(),
        messages: stats.messages.get(),
        deletions: stats.deletions.get(),
        erased: stats.erased.get(),
        archived: stats.archived.get(),
        entries: stats.entries.get(),
        batches: stats.batches.get(),
        deliveries: stats.deliveries.get(),
        slow_consumers: stats.slow_consumers.get(),
        logins: stats.logins.get(),
        failed_logins: stats.failed_logins.get(),
        rate_limited: stats.rate_limited.get(),
    }
}
