//! The figures that have a graph: how each is called, and how it is read off two frames.

use chatd::{admin::api::Frame, stats::Durations};

/// A figure that has a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Logged-in web sockets.
    Connections,
    /// Messages made durable in a second.
    Messages,
    /// Events put into outboxes in a second.
    Deliveries,
    /// REST requests in a second.
    Requests,
    /// Frames that clients sent in a second.
    Frames,
    /// Commits in a second.
    Commits,
    /// Entries that shared a commit: what group commit saves.
    Batch,
    /// What 99 of 100 deliveries did not exceed, in microseconds.
    Delivery,
    /// The same of sends.
    Send,
    /// The same of commits.
    Commit,
    /// Cores in use.
    Cpu,
    /// Resident memory.
    Memory,
}

impl Metric {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Connections,
        Self::Messages,
        Self::Deliveries,
        Self::Requests,
        Self::Frames,
        Self::Commits,
        Self::Batch,
        Self::Delivery,
        Self::Send,
        Self::Commit,
        Self::Cpu,
        Self::Memory,
    ];

    /// Its value in a frame, of which the one before was `before`; None when that cannot be said, such as a rate
    /// with nothing before it, or how long commits took when there were none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures to look at; beyond 2^53 nobody counts"
    )]
    pub(super) fn of(self, frame: &Frame, before: Option<&Frame>) -> Option<f64> {
        let seconds = |before: &Frame| {
            let passed = frame.monotonic_us.saturating_sub(before.monotonic_us);
            (passed > 0).then_some(passed as f64 / 1e6)
        };
        let grown = |of: fn(&Frame) -> u64| before.map(|old| of(frame).saturating_sub(of(old)));
        let rate = |of: fn(&Frame) -> u64| Some(grown(of)? as f64 / seconds(before?)?);
        let took = |of: fn(&Frame) -> &Durations| {
            let between = of(frame).since(of(before?));
            between.quantile(0.99).map(|us| us as f64)
        };
        match self {
            Self::Connections => Some(frame.status.counts.connections as f64),
            Self::Memory => Some(frame.status.memory_bytes as f64),
            Self::Messages => rate(|f| f.status.counts.messages),
            Self::Deliveries => rate(|f| f.status.counts.deliveries),
            Self::Requests => rate(|f| f.status.counts.requests),
            Self::Frames => rate(|f| f.status.counts.frames),
            Self::Commits => rate(|f| f.status.counts.batches),
            Self::Batch => {
                let batches = grown(|f| f.status.counts.batches).filter(|n| *n > 0)?;
                Some(grown(|f| f.status.counts.entries)? as f64 / batches as f64)
            }
            Self::Delivery => took(|f| &f.timings.delivery),
            Self::Send => took(|f| &f.timings.send),
            Self::Commit => took(|f| &f.timings.commit),
            Self::Cpu => rate(|f| f.load.cpu_us).map(|us| us / 1e6),
        }
    }
}
