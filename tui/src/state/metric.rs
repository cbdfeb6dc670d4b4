//! The figures that have a graph: how each is called, and how it is read off a sample.

use super::history::{History, Sample, Step};

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
    /// Entries that shared a commit: what group commit saves.
    Batch,
    /// Resident memory.
    Memory,
}

impl Metric {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 6] = [
        Self::Connections,
        Self::Messages,
        Self::Deliveries,
        Self::Requests,
        Self::Batch,
        Self::Memory,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Messages => "messages/s",
            Self::Deliveries => "deliveries/s",
            Self::Requests => "requests/s",
            Self::Batch => "entries/commit",
            Self::Memory => "memory",
        }
    }

    /// Its value in a sample; None when that cannot be said, such as a rate with nothing before it or the
    /// size of the commits when there were none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures to look at; beyond 2^53 nobody counts"
    )]
    pub(crate) fn of(self, sample: &Sample) -> Option<f64> {
        let rate = |of: fn(&Step) -> u64| sample.step.map(|step| of(&step) as f64 / step.seconds);
        match self {
            Self::Connections => Some(sample.connections as f64),
            Self::Memory => Some(sample.memory as f64),
            Self::Messages => rate(|step| step.grown.messages),
            Self::Deliveries => rate(|step| step.grown.deliveries),
            Self::Requests => rate(|step| step.grown.requests),
            Self::Batch => sample
                .step
                .filter(|step| step.grown.batches > 0)
                .map(|step| step.grown.entries as f64 / step.grown.batches as f64),
        }
    }

    /// Its value now.
    pub(crate) fn now(self, history: &History) -> Option<f64> {
        history.newest().and_then(|sample| self.of(sample))
    }

    /// Its highest value in the history.
    pub(crate) fn peak(self, history: &History) -> Option<f64> {
        history
            .samples()
            .filter_map(|sample| self.of(sample))
            .reduce(f64::max)
    }
}
