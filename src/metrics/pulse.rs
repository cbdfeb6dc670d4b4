//! How the store and the archive were a moment ago: asked by a task, so that nobody who scrapes waits for them.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{clock::Millis, desk::Desk, files::Figures, model::RunState};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(15);
/// How long it waits for an answer before it takes the store for not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// When; none before the first look.
    pub(super) at: Option<Millis>,
    /// What the store holds; none when it did not answer.
    pub(super) holds: Option<Holds>,
    /// How much there is of files; none while the store does not answer.
    pub(super) files: Option<Figures>,
    /// Bytes that are free where those lie.
    pub(super) shelf_free: Option<u64>,
    /// Bytes that are free where the data are.
    pub(super) free: Option<u64>,
    /// When the schedule of the archive runs next.
    pub(super) next_run: Option<Millis>,
    /// When it ran last, and what came of it.
    pub(super) last_run: Option<(Millis, RunState)>,
}

/// What the store holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holds {
    pub(super) bytes: u64,
    pub(super) users: u64,
    pub(super) rooms: u64,
}

/// Looks now and then.
#[derive(Debug)]
pub struct Pulse {
    pub(super) desk: Desk,
    seen: Mutex<Seen>,
}

impl Pulse {
    /// One that has not looked yet.
    pub fn new(desk: Desk) -> Arc<Self> {
        Arc::new(Self {
            desk,
            seen: Mutex::default(),
        })
    }

    /// Looks until the server stops.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = self.look() => {}
            }
        }
    }

    async fn look(&self) {
        let ops = &self.desk.ops;
        let holds = timeout(PATIENCE, ops.holds())
            .await
            .ok()
            .and_then(Result::ok);
        let mut seen = *self.seen.lock();
        seen.holds = holds.map(|it| Holds {
            bytes: it.bytes,
            users: it.users,
            rooms: it.rooms,
        });
        // Not asked while the store does not answer; what was known of the archive is so still.
        if seen.holds.is_some()
            && let Ok(Ok(archive)) = timeout(PATIENCE, self.desk.archive.standing()).await
        {
            seen.next_run = archive.next_at;
            seen.last_run = archive.last.map(|run| (run.at, run.state));
        }
        seen.files = match seen.holds {
            Some(_) => timeout(PATIENCE, self.desk.files.figures())
                .await
                .ok()
                .and_then(Result::ok),
            None => None,
        };
        seen.shelf_free = self.desk.files.shelf.free().await;
        seen.free = free(&ops.config.get().server.data_dir);
        seen.at = Some(ops.clock.now());
        *self.seen.lock() = seen;
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock()
    }
}

fn free(dir: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
