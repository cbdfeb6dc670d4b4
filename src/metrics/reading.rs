//! Everything that is told, read at one moment.

use std::sync::Arc;

use super::pulse::{Pulse, Seen};
use crate::{
    chat::Standing,
    clock::Millis,
    config::Config,
    hub::Hub,
    stats::{Durations, Process, Stats},
};

/// Everything that is told, but for the counters, read at one moment.
pub(super) struct Reading<'a> {
    pub(super) stats: &'a Stats,
    pub(super) config: Arc<Config>,
    pub(super) process: Process,
    /// When the certificate runs out, where there is one.
    pub(super) certificate_expires: Option<Millis>,
    pub(super) started_at: Millis,
    /// `sqlite` or `mongodb`.
    pub(super) backend: &'static str,
    /// Rooms and own logs that somebody listens to.
    pub(super) channels: u64,
    /// Requests that wait for the appender, and how many may.
    pub(super) append: (u64, u64),
    /// Passwords that are hashed or wait for it, and how many may.
    pub(super) hash: (u64, u64),
    /// How often a password was put through a hash.
    pub(super) hashed: u64,
    /// Bytes that wait in all outboxes, and in the longest.
    pub(super) outboxes: (u64, u64),
    /// Rooms that the webhook has not told to their end, and of when the oldest event is that was refused; none
    /// where there is no webhook.
    pub(super) webhook: Option<(u64, Option<Millis>)>,
    /// The time.
    pub(super) at: Millis,
    /// How many uploads are under way.
    pub(super) uploads: u64,
    /// Whether the place where files lie answered the last time.
    pub(super) shelf_ready: bool,
    /// Whether a run of the archive is under way.
    pub(super) archiving: bool,
    pub(super) send: Durations,
    pub(super) commit: Durations,
    pub(super) delivery: Durations,
    pub(super) search: Durations,
    /// How the search index stands.
    pub(super) searching: Standing,
    /// How the store and the archive were a moment ago.
    pub(super) seen: Seen,
}

impl<'a> Reading<'a> {
    pub(super) fn take(pulse: &'a Pulse) -> Self {
        let ops = &pulse.desk.ops;
        let stats = &*ops.stats;
        Self {
            stats,
            config: ops.config.snapshot(),
            process: Process::read(),
            certificate_expires: ops.tls.identity().map(|it| it.expires_at()),
            started_at: ops.started_at,
            backend: ops.store.about().backend,
            channels: ops.hub.channels() as u64,
            append: ops.log.queue(),
            hash: ops.passwords.queue(),
            hashed: ops.passwords.hashed(),
            outboxes: outboxes(&ops.hub, stats),
            webhook: (!ops.config.get().webhook.url.is_empty())
                .then(|| pulse.desk.webhook.behind()),
            at: ops.clock.now(),
            uploads: pulse.desk.files.uploads.count() as u64,
            shelf_ready: pulse.desk.files.shelf.trouble().is_none(),
            archiving: pulse.desk.archive.running().is_some(),
            send: stats.send_time.read(),
            commit: stats.commit_time.read(),
            delivery: stats.delivery_time.read(),
            search: stats.search_time.read(),
            searching: pulse.desk.chat.search.standing(),
            seen: pulse.seen(),
        }
    }
}

fn outboxes(hub: &Hub, stats: &Stats) -> (u64, u64) {
    let now = stats.watch.stamp();
    let waiting = hub.connections().into_iter();
    waiting
        .map(|connection| connection.outbox.waiting(now).bytes)
        .fold((0, 0), |(all, longest), bytes| {
            (all + bytes, longest.max(bytes))
        })
}
