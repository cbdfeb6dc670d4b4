//! The table of all there is.

use super::reading::Reading;
use crate::{clock::Millis, files::Figures, model::RunState, stats::Durations};

/// One figure, or one for each value of a label.
pub(super) struct Metric {
    /// Its whole name, with unit and `_total`.
    pub(super) name: &'static str,
    /// What it tells.
    pub(super) help: &'static str,
    pub(super) read: Read,
}

/// How it is read, and so what it is.
pub(super) enum Read {
    /// Only grows.
    Counter(fn(&Reading<'_>) -> f64),
    /// Only grows; one for each value of a label.
    Counters(&'static str, fn(&Reading<'_>) -> Vec<(&'static str, f64)>),
    /// Goes up and down; left out while it is not known.
    Gauge(fn(&Reading<'_>) -> Option<f64>),
    /// The same; one for each value of a label.
    Gauges(&'static str, fn(&Reading<'_>) -> Vec<(&'static str, f64)>),
    /// How long something took.
    Timing(for<'a> fn(&'a Reading<'_>) -> &'a Durations),
    /// What does not change while the process runs.
    Info(fn(&Reading<'_>) -> Vec<(&'static str, String)>),
}

const fn counter(name: &'static str, help: &'static str, read: fn(&Reading<'_>) -> f64) -> Metric {
    let read = Read::Counter(read);
    Metric { name, help, read }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    read: fn(&Reading<'_>) -> Option<f64>,
) -> Metric {
    let read = Read::Gauge(read);
    Metric { name, help, read }
}

const fn timing(
    name: &'static str,
    help: &'static str,
    read: for<'a> fn(&'a Reading<'_>) -> &'a Durations,
) -> Metric {
    let read = Read::Timing(read);
    Metric { name, help, read }
}

/// A count as Prometheus has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, as everything in Prometheus"
)]
pub(super) fn number(n: u64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds stay far below 2^53"
)]
fn seconds(at: Millis) -> f64 {
    at.0 as f64 / 1000.0
}

fn is(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// All of them, in the order in which they are told.
pub(super) const TABLE: &[Metric] = &[
    Metric {
        name: "chatd_build_info",
        help: "Which chatd runs, and on what store",
        read: Read::Info(|r| {
            vec![
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("store", r.backend.to_owned()),
            ]
        }),
    },
    gauge(
        "chatd_connections",
        "Logged-in web sockets that are open",
        |r| Some(number(r.stats.connections.get())),
    ),
    gauge(
        "chatd_sockets",
        "Sockets of clients that are open, whatever they speak",
        |r| Some(number(r.stats.sockets.get())),
    ),
    gauge(
        "chatd_sockets_limit",
        "How many may be (server.max_connections)",
        |r| Some(number(r.config.server.max_connections as u64)),
    ),
    counter("chatd_tls_handshakes_total", "TLS handshakes done", |r| {
        number(r.stats.handshakes.get())
    }),
    counter(
        "chatd_tls_handshakes_failed_total",
        "TLS handshakes that came to nothing: garbage, too slow, too old a version",
        |r| number(r.stats.failed_handshakes.get()),
    ),
    gauge(
        "chatd_tls_certificate_expires_timestamp_seconds",
        "When the certificate runs out; left out where the server speaks plain HTTP",
        |r| r.certificate_expires.map(seconds),
    ),
    gauge(
        "chatd_channels",
        "Rooms and own logs that somebody listens to",
        |r| Some(number(r.channels)),
    ),
    counter("chatd_requests_total", "REST requests answered", |r| {
        number(r.stats.requests.get())
    }),
    counter(
        "chatd_frames_total",
        "Frames received from web sockets",
        |r| number(r.stats.frames.get()),
    ),
    counter("chatd_messages_total", "Messages made durable", |r| {
        number(r.stats.messages.get())
    }),
    counter(
        "chatd_deliveries_total",
        "Events put into the outbox of a connection",
        |r| number(r.stats.deliveries.get()),
    ),
    counter(
        "chatd_entries_total",
        "Entries made durable, of every log",
        |r| number(r.stats.entries.get()),
    ),
    counter(
        "chatd_commits_total",
        "Batches of entries that the store committed",
        |r| number(r.stats.batches.get()),
    ),
    counter("chatd_deletions_total", "Messages deleted", |r| {
        number(r.stats.deletions.get())
    }),
    counter(
        "chatd_erased_total",
        "Texts of deleted messages that were taken out of the store",
        |r| number(r.stats.erased.get()),
    ),
    counter(
        "chatd_archived_entries_total",
        "Entries sealed into segments of the archive",
        |r| number(r.stats.archived.get()),
    ),
    counter("chatd_searches_total", "Searches made", |r| {
        number(r.stats.searches.get())
    }),
    counter(
        "chatd_indexed_total",
        "Entries of rooms that were taken into the search index",
        |r| number(r.stats.indexed.get()),
    ),
    Metric {
        name: "chatd_logins_total",
        help: "Logins, by their outcome",
        read: Read::Counters("outcome", |r| {
            vec![
                ("taken", number(r.stats.logins.get())),
                ("refused", number(r.stats.failed_logins.get())),
            ]
        }),
    },
    counter(
        "chatd_hashes_total",
        "Passwords that were put through a hash, to keep or to check them",
        |r| number(r.hashed),
    ),
    counter(
        "chatd_rate_limited_total",
        "Requests refused by a rate limit",
        |r| number(r.stats.rate_limited.get()),
    ),
    counter(
        "chatd_slow_consumers_total",
        "Connections closed because they read too slowly",
        |r| number(r.stats.slow_consumers.get()),
    ),
    timing(
        "chatd_send_duration_seconds",
        "From a message's request to its acknowledgement",
        |r| &r.send,
    ),
    timing(
        "chatd_commit_duration_seconds",
        "How long the store took to commit a batch",
        |r| &r.commit,
    ),
    timing(
        "chatd_delivery_duration_seconds",
        "From an event's publication until the system took it for one connection; of one write in sixteen",
        |r| &r.delivery,
    ),
    timing(
        "chatd_search_duration_seconds",
        "How long the search index took to answer",
        |r| &r.search,
    ),
    gauge(
        "chatd_search_behind_entries",
        "Entries that cannot be found yet, as they are not in the search index",
        |r| Some(number(r.searching.behind)),
    ),
    gauge(
        "chatd_search_complete",
        "Whether the search index is made: 1 or 0",
        |r| Some(is(r.searching.complete)),
    ),
    gauge(
        "chatd_search_failing",
        "Whether something is in the way of the search index: 1 or 0",
        |r| Some(is(r.searching.trouble.is_some())),
    ),
    gauge(
        "chatd_search_size_bytes",
        "What the search index takes on disk",
        |r| Some(number(r.searching.bytes)),
    ),
    gauge(
        "chatd_append_queue",
        "Requests that wait for the appender, to become durable",
        |r| Some(number(r.append.0)),
    ),
    gauge("chatd_append_queue_limit", "How many may", |r| {
        Some(number(r.append.1))
    }),
    gauge(
        "chatd_hash_queue",
        "Passwords that are hashed or wait for it",
        |r| Some(number(r.hash.0)),
    ),
    gauge(
        "chatd_hash_queue_limit",
        "How many may; one more login is refused as busy",
        |r| Some(number(r.hash.1)),
    ),
    gauge(
        "chatd_outbox_bytes",
        "Bytes that wait for all connections",
        |r| Some(number(r.outboxes.0)),
    ),
    gauge(
        "chatd_outbox_longest_bytes",
        "Bytes that wait for the one connection that has most to wait for",
        |r| Some(number(r.outboxes.1)),
    ),
    gauge(
        "chatd_outbox_limit_bytes",
        "How many may wait for one before it is closed (ws.outbox)",
        |r| Some(number(r.config.ws.outbox.0)),
    ),
    gauge(
        "chatd_store_ready",
        "Whether the store answered when it was last asked: 1 or 0",
        |r| r.seen.at.map(|_| is(r.seen.holds.is_some())),
    ),
    gauge(
        "chatd_store_checked_timestamp_seconds",
        "When it was last asked",
        |r| r.seen.at.map(seconds),
    ),
    gauge(
        "chatd_store_size_bytes",
        "What the store takes on disk; left out while it does not answer",
        |r| r.seen.holds.map(|it| number(it.bytes)),
    ),
    gauge(
        "chatd_store_size_limit_bytes",
        "How much it may (store.max_size); left out when there is no limit",
        |r| Some(number(r.config.store.max_size.0)).filter(|it| *it > 0.0),
    ),
    gauge(
        "chatd_data_free_bytes",
        "What is free on the disk of the data directory",
        |r| r.seen.free.map(number),
    ),
    gauge(
        "chatd_data_free_limit_bytes",
        "Below how much messages are refused (store.min_free)",
        |r| Some(number(r.config.store.min_free.0)),
    ),
    gauge(
        "chatd_users",
        "Accounts; left out while the store does not answer",
        |r| r.seen.holds.map(|it| number(it.users)),
    ),
    gauge(
        "chatd_rooms",
        "Rooms; left out while the store does not answer",
        |r| r.seen.holds.map(|it| number(it.rooms)),
    ),
    Metric {
        name: "chatd_files",
        help: "Files: of messages, of none yet, and on their way out; left out while the store does not answer",
        read: Read::Gauges("state", |r| {
            let all = r.seen.files.iter().flat_map(Figures::by_state);
            all.map(|(state, it)| (state.as_str(), number(it.files)))
                .collect()
        }),
    },
    Metric {
        name: "chatd_files_size_bytes",
        help: "What they take where they lie",
        read: Read::Gauges("state", |r| {
            let all = r.seen.files.iter().flat_map(Figures::by_state);
            all.map(|(state, it)| (state.as_str(), number(it.bytes)))
                .collect()
        }),
    },
    gauge(
        "chatd_files_free_bytes",
        "What is free on the disk where they lie; left out where that is no disk",
        |r| r.seen.shelf_free.map(number),
    ),
    gauge(
        "chatd_files_ready",
        "Whether the place where they lie answered when it was last asked: 1 or 0",
        |r| Some(is(r.shelf_ready)),
    ),
    gauge("chatd_uploads", "Uploads that are under way", |r| {
        Some(number(r.uploads))
    }),
    gauge(
        "chatd_uploads_limit",
        "How many may be (files.uploads); one more is refused as busy",
        |r| Some(number(r.config.files.uploads as u64)),
    ),
    gauge(
        "chatd_archive_running",
        "Whether a run of the archive is under way: 1 or 0",
        |r| Some(is(r.archiving)),
    ),
    gauge(
        "chatd_archive_next_run_timestamp_seconds",
        "When the schedule runs the archive next; left out when it does not",
        |r| r.seen.next_run.map(seconds),
    ),
    gauge(
        "chatd_archive_last_run_timestamp_seconds",
        "When the schedule last began a run",
        |r| r.seen.last_run.map(|(at, _)| seconds(at)),
    ),
    Metric {
        name: "chatd_archive_last_run_state",
        help: "How that run stands: 1 for what it is, 0 for what it is not",
        read: Read::Gauges("state", |r| {
            let Some((_, state)) = r.seen.last_run else {
                return Vec::new();
            };
            let all = RunState::ALL.iter();
            all.map(|it| (it.as_str(), is(*it == state))).collect()
        }),
    },
    counter(
        "chatd_webhook_deliveries_total",
        "Deliveries of the webhook that were taken",
        |r| number(r.stats.webhook_delivered.get()),
    ),
    counter(
        "chatd_webhook_failures_total",
        "Tries of the webhook that were not taken",
        |r| number(r.stats.webhook_failed.get()),
    ),
    counter(
        "chatd_webhook_skipped_entries_total",
        "Entries of rooms that the webhook passed over: too old, or skipped by somebody",
        |r| number(r.stats.webhook_skipped.get()),
    ),
    gauge(
        "chatd_webhook_rooms_behind",
        "Rooms that the webhook has not told to their end; left out where there is none",
        |r| r.webhook.map(|(rooms, _)| number(rooms)),
    ),
    gauge(
        "chatd_webhook_held_seconds",
        "How old the oldest event is that was refused and waits; 0 while none does",
        |r| {
            let held = r.webhook?.1;
            Some(held.map_or(0.0, |since| r.at.since(since).as_secs_f64()))
        },
    ),
    counter(
        "process_cpu_seconds_total",
        "Processor time that the process has used, on all cores",
        |r| r.process.cpu.as_secs_f64(),
    ),
    gauge(
        "process_resident_memory_bytes",
        "Resident memory of the process",
        |r| Some(number(r.process.resident_bytes)),
    ),
    gauge("process_open_fds", "Files and sockets it has open", |r| {
        Some(number(r.process.open_files))
    }),
    gauge("process_max_fds", "How many it may have open", |r| {
        Some(number(r.process.max_files))
    }),
    gauge(
        "process_start_time_seconds",
        "When it began, in seconds since 1970",
        |r| Some(seconds(r.started_at)),
    ),
];
