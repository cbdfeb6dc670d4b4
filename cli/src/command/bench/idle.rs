//! `chatd bench idle`: what connections take that do nothing.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{
    chat::{AT_ONCE, period, seconds},
    figures::{Figures, Idled, Latency, Meter, Step, round},
    fleet::Fleet,
    order::{Order, Pace, Talk, Tally},
    process::Process,
    room::LEAST,
    scenario::{Common, Scenario},
    setup::Need,
    trouble::Trouble,
    words,
};
use crate::{asking::Asking, failure::Failure, output::number};

/// How long a server has to give back what it needed for traffic, before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// Keep connections that do nothing, and measure what they take
///
/// Connects in three steps: a quarter, a half, all. After each, everybody hears some messages and asks for a replay
/// of them, as in life, and the server's memory is looked at: what a connection takes is the slope over the steps.
/// Then all rest, and the server's CPU time is measured.
#[derive(Debug, Args, Serialize)]
#[command(after_help = "\
Examples:
  chatd bench idle --connections 10000
  chatd bench idle --connections 2000 --subscriptions 51 --rest 60s --json")]
pub(crate) struct Idle {
    #[command(flatten)]
    #[serde(skip)]
    common: Common,

    /// Connections
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    connections: u32,

    /// Connections that listen to one room
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    members: u32,

    /// Rooms each connection listens to; more than one makes a second measurement
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    subscriptions: u32,

    /// Messages that everybody hears, and asks for again, before it is measured
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    traffic: u32,

    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value = "128", value_parser = clap::value_parser!(u32).range(LEAST as i64..=60_000))]
    size: u32,

    /// How long all rest while CPU time is measured; 25s is the usual time between two pings
    #[arg(long, value_name = "PERIOD", default_value = "30s", value_parser = period)]
    #[serde(serialize_with = "seconds")]
    rest: Duration,
}

impl Idle {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        self.common.run(self, asking)
    }

    /// Everybody hears some messages, and asks for them again.
    async fn traffic(&self, fleet: &mut Fleet) -> Result<Tally, Trouble> {
        let talk = Talk {
            pace: Pace::Heard {
                in_flight: 1,
                each: self.traffic.into(),
            },
            from: 0,
            until: u64::MAX,
            churn: None,
        };
        let mut tally = fleet.all(Order::Talk(talk)).await?;
        // A replay holds a thousand entries, or 256 KiB, and the server may be told less.
        let entries = u64::from(self.traffic)
            .min(100_000 / u64::from(self.size + 350))
            .max(1);
        if tally.checks.ok() {
            tally.add(fleet.all(Order::Replay(entries)).await?);
        }
        Ok(tally)
    }
}

impl Scenario for Idle {
    const NAME: &str = "idle";

    fn need(&self) -> Need {
        let members = self.members.min(self.connections);
        Need {
            rooms: (self.connections / members) as usize,
            members: members as usize,
            further: self.subscriptions as usize - 1,
            ..Need::default()
        }
    }

    fn size(&self) -> usize {
        self.size as usize
    }

    fn plan(&self) -> String {
        let further = match self.subscriptions {
            1 => String::new(),
            many => format!(", then let each listen to {} rooms", number(many.into())),
        };
        format!(
            "send {} messages to each room in three steps, then rest for {:?}{further}",
            number(self.traffic.into()),
            self.rest
        )
    }

    fn seconds(&self) -> u64 {
        self.rest.as_secs() + 4 * SETTLE.as_secs()
    }

    async fn measure(
        &self,
        fleet: &mut Fleet,
        server: Option<Process>,
    ) -> Result<Figures, Failure> {
        let all = self.need().connections();
        let mut tally = Tally::default();
        let mut steps: Vec<Step> = Vec::new();
        let memory = || server.and_then(Process::used).map(|used| used.memory);
        for connections in [all.div_ceil(4), all.div_ceil(2), all] {
            tally.add(fleet.open(connections, AT_ONCE, None).await?);
            tally.add(self.traffic(fleet).await?);
            if !tally.checks.ok() {
                break;
            }
            tokio::time::sleep(SETTLE).await;
            if let Some(memory_bytes) = memory() {
                let before = steps.last();
                let bytes_each = before.map(|step| {
                    let step: Step = *step;
                    each(
                        step.memory_bytes,
                        memory_bytes,
                        connections - step.connections,
                    )
                });
                steps.push(Step {
                    connections,
                    memory_bytes,
                    bytes_each,
                });
            }
        }
        let meter = Meter::start(server);
        if tally.checks.ok() {
            tokio::time::sleep(self.rest).await;
        }
        let seen = meter.stop();
        let (server_use, client) = seen.uses(0, 0);
        let per_second = seen.server.map(|(cpu, _)| {
            let waited = seen.took.as_secs_f64() * all as f64;
            round(cpu.as_secs_f64() * 1e6 / waited.max(1e-9), 1000.0)
        });
        let further = self.need().further;
        let mut bytes_per_subscription = None;
        if further > 0 && tally.checks.ok() {
            let before = memory();
            tally.add(fleet.all(Order::Listen).await?);
            tokio::time::sleep(SETTLE).await;
            bytes_per_subscription = before
                .zip(memory())
                .map(|(before, after)| each(before, after, all * further));
        }
        let slope = match steps.as_slice() {
            [first, .., last] => Some(each(
                first.memory_bytes,
                last.memory_bytes,
                last.connections - first.connections,
            )),
            _ => None,
        };
        Ok(Figures {
            seconds: seen.took.as_secs_f64(),
            idle: Some(Idled {
                steps,
                bytes_per_connection: slope,
                bytes_per_subscription,
                cpu_us_per_connection_second: per_second,
                arrived: Latency::of(&tally.returned),
            }),
            server: server_use,
            client,
            threads: fleet.threads(),
            checks: tally.checks,
            ..Figures::default()
        })
    }

    fn words(&self, need: &Need, figures: &Figures) -> Vec<String> {
        words::idle(need, figures)
    }
}

/// How much more there is, for each of so many.
fn each(before: u64, after: u64, many: usize) -> f64 {
    round((after as f64 - before as f64) / many.max(1) as f64, 10.0)
}
