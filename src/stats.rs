//! Counters: what the server has done and how much of it is going on. Absolute numbers; whoever shows
//! rates takes the difference of two readings.

mod histogram;
mod process;
mod stamp;

pub use self::{
    histogram::{Durations, Histogram},
    process::Process,
    stamp::{Stamp, Stopwatch},
};

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only grows, or goes up and down.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn up(&self) {
        self.add(1);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of one server.
#[derive(Debug, Default)]
pub struct Stats {
    /// Runs since the process began.
    pub watch: Stopwatch,
    /// Logged-in web sockets that are open now.
    pub connections: Count,
    /// Sockets that are open now, whatever they speak.
    pub sockets: Count,
    /// TLS handshakes done.
    pub handshakes: Count,
    /// TLS handshakes that came to nothing.
    pub failed_handshakes: Count,
    /// REST requests answered.
    pub requests: Count,
    /// Frames received.
    pub frames: Count,
    /// Messages made durable.
    pub messages: Count,
    /// Messages deleted.
    pub deletions: Count,
    /// Texts of deleted messages that were taken out of the store.
    pub erased: Count,
    /// Entries sealed into segments.
    pub archived: Count,
    /// Entries made durable, of every log.
    pub entries: Count,
    /// Batches committed; entries ÷ batches tells how well commits are shared.
    pub batches: Count,
    /// Events put into an outbox.
    pub deliveries: Count,
    /// Connections closed because they read too slowly.
    pub slow_consumers: Count,
    /// Logins that worked.
    pub logins: Count,
    /// Logins that did not.
    pub failed_logins: Count,
    /// Requests refused by a rate limit.
    pub rate_limited: Count,
    /// Searches made.
    pub searches: Count,
    /// Entries of rooms that were taken into the search index.
    pub indexed: Count,
    /// How long the search index took to answer.
    pub search_time: Histogram,
    /// Deliveries of the webhook that were taken.
    pub webhook_delivered: Count,
    /// Tries of the webhook that were not.
    pub webhook_failed: Count,
    /// Entries that the webhook passed over: too old, or by a decision.
    pub webhook_skipped: Count,
    /// From a message's request to its acknowledgement.
    pub send_time: Histogram,
    /// How long the store took to commit a batch.
    pub commit_time: Histogram,
    /// From an event's publication until the system took it for one connection; of one write in sixteen.
    pub delivery_time: Histogram,
}
