//! The last minutes: what changed between one answer and the next, by the server's own clock and counters,
//! so that a late or lost answer bends no rate.

use std::{collections::VecDeque, time::Duration};

use chatd::{
    admin::api::{Counts, Status},
    clock::Millis,
};

/// How far back the history goes: long enough to see an incident begin, short enough that a graph of fifty
/// columns shows single bursts.
pub(crate) const WINDOW: Duration = Duration::from_mins(5);

/// The most samples that are kept, whatever the server's clock does: the window at one a second.
const CAPACITY: usize = 301;

/// One answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    at: Millis,
    /// Logged-in web sockets that were open.
    pub(crate) connections: u64,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
    /// What was counted since the answer before; None for the first one of a server's life.
    pub(crate) step: Option<Step>,
}

/// What was counted in a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// How long it was; never zero.
    pub(crate) seconds: f64,
    /// How much each counter grew.
    pub(crate) grown: Counts,
}

/// The counters that should stand still, and how much they grew within the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Connections closed because they read too slowly.
    pub(crate) slow_consumers: u64,
    /// Requests refused by a rate limit.
    pub(crate) rate_limited: u64,
    /// Logins that did not work.
    pub(crate) failed_logins: u64,
}

/// The answers of the last minutes, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
    /// What the next answer is compared with.
    last: Option<Status>,
}

impl History {
    /// Adds an answer.
    pub(crate) fn record(&mut self, status: &Status) {
        let at = status.at;
        // The server's clock was set back: what lies in its future would be drawn over.
        while self.samples.back().is_some_and(|sample| sample.at >= at) {
            self.samples.pop_back();
        }
        self.samples.push_back(Sample {
            at,
            connections: status.counts.connections,
            memory: status.memory_bytes,
            step: self.last.as_ref().and_then(|last| step(last, status)),
        });
        self.last = Some(status.clone());
        let oldest = at.minus(WINDOW);
        while self.samples.len() > CAPACITY || self.samples[0].at < oldest {
            self.samples.pop_front();
        }
    }

    /// Forgets everything but the newest sample, which is what is so now.
    pub(crate) fn clear(&mut self) {
        self.samples.drain(..self.samples.len().saturating_sub(1));
    }

    /// The samples, the oldest first.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The last sample.
    pub(crate) fn newest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// How much time the samples cover.
    pub(crate) fn span(&self) -> Duration {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => last.at.since(first.at),
            _ => Duration::ZERO,
        }
    }

    /// What went wrong within the history.
    pub(crate) fn trouble(&self) -> Trouble {
        let mut sum = Trouble::default();
        for step in self.samples.iter().filter_map(|sample| sample.step) {
            sum.slow_consumers += step.grown.slow_consumers;
            sum.rate_limited += step.grown.rate_limited;
            sum.failed_logins += step.grown.failed_logins;
        }
        sum
    }

    /// A value per column of a graph, the newest last: each the highest of its `seconds`, because a mean
    /// would hide the burst one is looking for. None where nothing is known. Columns begin at whole multiples
    /// of their width, so that a graph moves on without changing its shape.
    pub(crate) fn columns(
        &self,
        count: usize,
        seconds: u64,
        value: impl Fn(&Sample) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let mut columns: Vec<Option<f64>> = vec![None; count];
        let column = |at: Millis| at.unix_seconds().div_euclid(seconds.cast_signed().max(1));
        let Some(end) = self.samples.back().map(|newest| column(newest.at)) else {
            return columns;
        };
        for sample in &self.samples {
            let back = usize::try_from(end - column(sample.at)).unwrap_or(usize::MAX);
            if let (Some(value), true) = (value(sample), back < count) {
                let highest = &mut columns[count - 1 - back];
                *highest = Some(highest.map_or(value, |before| before.max(value)));
            }
        }
        columns
    }
}

/// What was counted between two answers; None when they are of two lives of the server, or no time passed
/// between them.
fn step(before: &Status, after: &Status) -> Option<Step> {
    let same = before.pid == after.pid && before.started_at == after.started_at;
    let passed = after.at.since(before.at);
    if !same || passed.is_zero() {
        return None;
    }
    let (old, new) = (&before.counts, &after.counts);
    Some(Step {
        seconds: passed.as_secs_f64(),
        grown: Counts {
            requests: new.requests.saturating_sub(old.requests),
            messages: new.messages.saturating_sub(old.messages),
            entries: new.entries.saturating_sub(old.entries),
            batches: new.batches.saturating_sub(old.batches),
            deliveries: new.deliveries.saturating_sub(old.deliveries),
            slow_consumers: new.slow_consumers.saturating_sub(old.slow_consumers),
            failed_logins: new.failed_logins.saturating_sub(old.failed_logins),
            rate_limited: new.rate_limited.saturating_sub(old.rate_limited),
            ..Counts::default()
        },
    })
}
