//! How the server is.

use super::Ops;
use crate::{
    clock::Millis,
    log::refuse,
    model::Refusal,
    store::{self, Info},
};

/// How the server is, beside the counters in `stats`.
#[derive(Clone, Debug)]
pub struct Report {
    /// The store.
    pub store: Info,
    /// Whether it answers.
    pub ready: Result<(), String>,
    /// The time of this report.
    pub at: Millis,
    /// Resident memory of this process, in bytes.
    pub memory_bytes: u64,
    /// Logs that somebody listens to.
    pub channels: u64,
}

impl Ops {
    /// How the server is.
    pub async fn report(&self) -> Result<Report, Refusal> {
        let ready = self.store.ping().await;
        Ok(Report {
            store: self.store.info().await.map_err(|e| refuse(&e))?,
            ready: ready.map_err(|e: store::Error| e.to_string()),
            at: self.clock.now(),
            memory_bytes: resident_bytes(),
            channels: self.hub.channels() as u64,
        })
    }
}

/// The second field of `/proc/self/statm` is resident pages; 0 where there is no such file.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
