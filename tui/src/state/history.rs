//! The last minutes: what changed between one frame and the next, by the server's own clock and counters, so that a
//! late or lost frame bends no rate.

use std::{collections::VecDeque, time::Duration};

use chatd::{
    admin::api::{Frame, Timings},
    stats::Durations,
};

use super::Metric;

/// How far back the history goes: long enough to see an incident begin, short enough that a graph of fifty columns
/// shows single bursts.
pub(crate) const WINDOW: Duration = Duration::from_mins(5);
/// The most samples that are kept: the window at one a second.
const CAPACITY: usize = 301;
/// Frames that follow each other sooner are one sample: a question that took the place of another is answered at once.
const SOONEST_US: u64 = 250_000;
/// How many frames quantiles are taken over.
const TIMED: usize = 10;

/// One frame's figures.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Since the server's start.
    at_us: u64,
    values: [Option<f64>; Metric::ALL.len()],
    trouble: Trouble,
}

/// The counters that should stand still, and how much they grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Connections closed because they read too slowly.
    pub(crate) slow_consumers: u64,
    /// Requests refused by a rate limit.
    pub(crate) rate_limited: u64,
    /// Logins that did not work.
    pub(crate) failed_logins: u64,
}

impl Trouble {
    /// As a frame has it, from the server's start.
    pub(crate) fn of(frame: &Frame) -> Self {
        let counts = &frame.status.counts;
        Self {
            slow_consumers: counts.slow_consumers,
            rate_limited: counts.rate_limited,
            failed_logins: counts.failed_logins,
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            slow_consumers: self.slow_consumers.saturating_sub(before.slow_consumers),
            rate_limited: self.rate_limited.saturating_sub(before.rate_limited),
            failed_logins: self.failed_logins.saturating_sub(before.failed_logins),
        }
    }
}

/// How long something took: what half, 99 of 100 and 999 of 1000 did not exceed, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latency {
    /// Half of them.
    pub(crate) p50: Option<u64>,
    /// 99 of 100.
    pub(crate) p99: Option<u64>,
    /// 999 of 1000.
    pub(crate) p999: Option<u64>,
}

/// What the next frame is compared with. Without rows, events and the rest, of which a frame has many.
#[derive(Clone, Debug)]
struct Base(Frame);

/// The frames of the last minutes, the oldest first, all of one life of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
    base: Option<Base>,
    timed: VecDeque<Timings>,
}

impl History {
    /// Adds a frame. One of another life of the server makes all before it void.
    pub(crate) fn record(&mut self, frame: &Frame) {
        let another = self.base.as_ref().is_some_and(|Base(old)| {
            old.boot != frame.boot || old.monotonic_us > frame.monotonic_us
        });
        if another {
            *self = Self::default();
        }
        let at_us = frame.monotonic_us;
        let before = self.base.as_ref().map(|Base(old)| old);
        if before.is_some_and(|old| at_us - old.monotonic_us < SOONEST_US) {
            return;
        }
        let old = before.map(Trouble::of);
        let now = Trouble::of(frame);
        self.samples.push_back(Sample {
            at_us,
            values: Metric::ALL.map(|metric| metric.of(frame, before)),
            trouble: old.map_or(Trouble::default(), |old| now.since(old)),
        });
        self.timed.push_back(frame.timings.clone());
        if self.timed.len() > TIMED + 1 {
            self.timed.pop_front();
        }
        self.base = Some(Base(Frame {
            rooms: None,
            conns: None,
            events: None,
            log: None,
            jobs: Vec::new(),
            ..frame.clone()
        }));
        let oldest = at_us.saturating_sub(micros(WINDOW));
        while self.samples.len() > CAPACITY || self.samples[0].at_us < oldest {
            self.samples.pop_front();
        }
    }

    /// Forgets everything but the newest sample, which is what is so now.
    pub(crate) fn clear(&mut self) {
        self.samples.drain(..self.samples.len().saturating_sub(1));
    }

    /// How many samples there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// A figure now.
    pub(crate) fn now(&self, metric: Metric) -> Option<f64> {
        self.samples.back()?.values[metric as usize]
    }

    /// Its highest value.
    pub(crate) fn peak(&self, metric: Metric) -> Option<f64> {
        let values = self.samples.iter();
        let values = values.filter_map(|sample| sample.values[metric as usize]);
        values.reduce(f64::max)
    }

    /// How long something took, over the last frames.
    pub(crate) fn latency(&self, of: fn(&Timings) -> &Durations) -> Latency {
        let (Some(first), Some(last)) = (self.timed.front(), self.timed.back()) else {
            return Latency::default();
        };
        if self.timed.len() < 2 {
            return Latency::default();
        }
        let between = of(last).since(of(first));
        Latency {
            p50: between.quantile(0.5),
            p99: between.quantile(0.99),
            p999: between.quantile(0.999),
        }
    }

    /// What was counted over the last frames, by how long it took.
    pub(crate) fn spread(&self, of: fn(&Timings) -> &Durations) -> Durations {
        match (self.timed.front(), self.timed.back()) {
            (Some(first), Some(last)) if self.timed.len() > 1 => of(last).since(of(first)),
            _ => Durations::default(),
        }
    }

    /// What went wrong within the history.
    pub(crate) fn trouble(&self) -> Trouble {
        let mut sum = Trouble::default();
        for Sample { trouble, .. } in &self.samples {
            sum.slow_consumers += trouble.slow_consumers;
            sum.rate_limited += trouble.rate_limited;
            sum.failed_logins += trouble.failed_logins;
        }
        sum
    }

    /// A value per column of a graph, the newest last: each the highest of its `seconds`, because a mean would hide
    /// the burst one is looking for. None where nothing is known. Columns begin at whole multiples of their width, so
    /// that a graph moves on without changing its shape.
    pub(crate) fn columns(&self, count: usize, seconds: u64, metric: Metric) -> Vec<Option<f64>> {
        let mut columns: Vec<Option<f64>> = vec![None; count];
        let column = |at_us: u64| at_us / 1_000_000 / seconds.max(1);
        let Some(end) = self.samples.back().map(|newest| column(newest.at_us)) else {
            return columns;
        };
        for sample in &self.samples {
            let back = usize::try_from(end - column(sample.at_us)).unwrap_or(usize::MAX);
            if let (Some(value), true) = (sample.values[metric as usize], back < count) {
                let highest = &mut columns[count - 1 - back];
                *highest = Some(highest.map_or(value, |before| before.max(value)));
            }
        }
        columns
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}
