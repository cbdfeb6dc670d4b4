//! What was measured, as `--json` says it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    checks::Checks,
    order::Tally,
    process::{Process, Used},
};

/// How long something took, over many times; in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) max_us: u64,
}

impl Latency {
    /// Of a histogram in microseconds; none when nothing was counted.
    pub(super) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        })
    }
}

/// How many connections there were, and what they took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Step {
    pub(super) connections: usize,
    pub(super) memory_bytes: u64,
    /// Of memory for each connection that came since the step before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_each: Option<f64>,
}

/// What a process used while something was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Use {
    /// 100 is one processor all the time.
    pub(super) cpu_percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_delivery: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_message: Option<f64>,
    pub(super) memory_bytes: u64,
}

/// All of it. What a scenario does not measure is left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    /// How long it was measured.
    pub(super) seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) talk: Option<Talked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) returned: Option<Returned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idle: Option<Idled>,
    /// The server; none when its process is not known.
    pub(super) server: Option<Use>,
    /// The load generator itself.
    pub(super) client: Option<Use>,
    #[serde(skip)]
    pub(super) threads: usize,
    pub(super) checks: Checks,
}

/// Messages.
#[derive(Debug, Serialize)]
pub(super) struct Talked {
    pub(super) messages: u64,
    pub(super) messages_per_second: f64,
    pub(super) deliveries: u64,
    pub(super) deliveries_per_second: f64,
    /// To the acknowledgement, from when the message was meant to be sent.
    pub(super) acknowledged: Option<Latency>,
    /// To each delivery, from the same moment.
    pub(super) delivered: Option<Latency>,
    /// Whether the server did what was offered. Always, when the next message waits for the one before.
    pub(super) kept_up: bool,
}

/// Connections that came back.
#[derive(Debug, Serialize)]
pub(super) struct Returned {
    pub(super) connections: u64,
    /// From when it wanted to be back until it had all that it missed.
    pub(super) resumed: Option<Latency>,
    /// Events that were told again for that.
    pub(super) replayed: u64,
    /// How long it took for all of them, in each round of a storm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) all_back_seconds: Vec<f64>,
}

/// Connections that do nothing.
#[derive(Debug, Serialize)]
pub(super) struct Idled {
    pub(super) steps: Vec<Step>,
    /// Memory of each connection, logged in and subscribed, after traffic and a replay.
    pub(super) bytes_per_connection: Option<f64>,
    /// Memory of each further subscription.
    pub(super) bytes_per_subscription: Option<f64>,
    /// The server's CPU time for each connection in each second of rest, its pings included.
    pub(super) cpu_us_per_connection_second: Option<f64>,
    /// From when a connection was begun until it listened.
    pub(super) arrived: Option<Latency>,
}

/// Looks at the two processes over a while.
pub(super) struct Meter {
    server: Option<Process>,
    before: (Option<Used>, Option<Used>),
    began: Instant,
}

/// What a meter saw.
pub(super) struct Seen {
    pub(super) took: Duration,
    pub(super) server: Option<(Duration, u64)>,
    client: Option<(Duration, u64)>,
}

impl Meter {
    pub(super) fn start(server: Option<Process>) -> Self {
        Self {
            server,
            before: (server.and_then(Process::used), Process::own().used()),
            began: Instant::now(),
        }
    }

    pub(super) fn stop(self) -> Seen {
        let took = self.began.elapsed();
        let spent = |before: Option<Used>, after: Option<Used>| {
            let (before, after) = (before?, after?);
            Some((after.cpu.saturating_sub(before.cpu), after.memory))
        };
        let (server, client) = self.before;
        Seen {
            took,
            server: spent(server, self.server.and_then(Process::used)),
            client: spent(client, Process::own().used()),
        }
    }
}

impl Seen {
    /// What the server and the generator used, for so many messages and deliveries.
    pub(super) fn uses(&self, messages: u64, deliveries: u64) -> (Option<Use>, Option<Use>) {
        let seconds = self.took.as_secs_f64().max(1e-9);
        let of = |(cpu, memory_bytes): (Duration, u64)| {
            let each = |count: u64| {
                (count > 0).then(|| round(cpu.as_secs_f64() * 1e6 / count as f64, 100.0))
            };
            Use {
                cpu_percent: round(cpu.as_secs_f64() / seconds * 100.0, 10.0),
                cpu_us_per_delivery: each(deliveries),
                cpu_us_per_message: each(messages),
                memory_bytes,
            }
        };
        (self.server.map(of), self.client.map(of))
    }
}

impl Talked {
    /// Out of what was counted in so much time.
    pub(super) fn of(tally: &Tally, took: Duration) -> Self {
        let seconds = took.as_secs_f64().max(1e-9);
        let rate = |count: u64| round(count as f64 / seconds, 10.0);
        Self {
            messages: tally.messages,
            messages_per_second: rate(tally.messages),
            deliveries: tally.deliveries,
            deliveries_per_second: rate(tally.deliveries),
            acknowledged: Latency::of(&tally.acknowledged),
            delivered: Latency::of(&tally.delivered),
            kept_up: !tally.overrun,
        }
    }
}

/// Rounded to so many parts of one.
pub(super) fn round(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
