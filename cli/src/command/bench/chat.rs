//! `chatd bench chat`: how many messages, and how soon they are there.

use std::{pin::pin, time::Duration};

use chatd::config::Period;
use clap::Args;
use serde::Serialize;

use super::{
    figures::{Figures, Meter, Talked},
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

/// How many connections are on their way at a time, gently.
pub(super) const AT_ONCE: usize = 64;

/// Let people talk, and measure how much of it and how soon
///
/// Each room has so many people who all listen, and speak in turn. Closed loop: a message is in flight until it has
/// come to all of them, then the next is sent; so the server is given as much as it takes. Open loop, with --rate:
/// messages are sent by the clock, and their time counts from when they were meant to be sent, so that a server that
/// falls behind is not flattered.
#[derive(Debug, Args, Serialize)]
#[command(after_help = "\
Examples:
  chatd bench chat
  chatd bench chat --rooms 10 --members 100 --in-flight 16 --json
  chatd bench chat --rooms 100 --members 2 --rate 2000 --duration 60s
  chatd bench chat https://chat.example.org --token-file token --rate 50")]
pub(crate) struct Chat {
    #[command(flatten)]
    #[serde(skip)]
    common: Common,

    #[command(flatten)]
    #[serde(flatten)]
    shape: Shape,

    /// Messages in flight in each room [default: 1]
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "rate",
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    in_flight: Option<u32>,

    /// Send so many messages a second over all rooms, by the clock
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    #[command(flatten)]
    #[serde(flatten)]
    times: Times,
}

/// Rooms, people, texts.
#[derive(Clone, Copy, Debug, Args, Serialize)]
pub(super) struct Shape {
    /// Rooms
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) rooms: u32,

    /// People in each room, with a connection each
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) members: u32,

    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value = "128", value_parser = clap::value_parser!(u32).range(LEAST as i64..=60_000))]
    pub(super) size: u32,
}

/// How long.
#[derive(Clone, Copy, Debug, Args, Serialize)]
pub(super) struct Times {
    /// How long is measured
    #[arg(long, value_name = "PERIOD", default_value = "10s", value_parser = period)]
    #[serde(serialize_with = "seconds")]
    pub(super) duration: Duration,

    /// How long they talk before
    #[arg(long, value_name = "PERIOD", default_value = "2s", value_parser = period)]
    #[serde(serialize_with = "seconds")]
    pub(super) warm_up: Duration,
}

impl Shape {
    pub(super) fn need(self) -> Need {
        Need {
            rooms: self.rooms as usize,
            members: self.members as usize,
            ..Need::default()
        }
    }

    pub(super) fn connections(self) -> usize {
        self.need().connections()
    }
}

impl Chat {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        self.common.run(self, asking)
    }
}

impl Scenario for Chat {
    const NAME: &str = "chat";

    fn need(&self) -> Need {
        self.shape.need()
    }

    fn size(&self) -> usize {
        self.shape.size as usize
    }

    fn plan(&self) -> String {
        let size = number(self.shape.size.into());
        let pace = match self.rate {
            Some(rate) => format!("send {rate} messages of {size} bytes a second, by the clock"),
            None => format!(
                "send as many messages of {size} bytes as go, {} in flight in each room",
                self.in_flight.unwrap_or(1)
            ),
        };
        let (long, warm) = (self.times.duration, self.times.warm_up);
        format!("{pace}, for {long:?} after {warm:?} to warm up")
    }

    fn seconds(&self) -> u64 {
        (self.times.duration + self.times.warm_up).as_secs()
    }

    async fn measure(
        &self,
        fleet: &mut Fleet,
        server: Option<Process>,
    ) -> Result<Figures, Failure> {
        let all = self.shape.connections();
        fleet.open(all, AT_ONCE, None).await?;
        let pace = Paced {
            rate: self.rate,
            in_flight: self.in_flight.unwrap_or(1) as usize,
            churn: None,
        };
        let (tally, seen) = talk(fleet, pace, self.times, all, server).await?;
        let (server, client) = seen.uses(tally.messages, tally.deliveries);
        Ok(Figures {
            seconds: seen.took.as_secs_f64(),
            talk: Some(Talked::of(&tally, seen.took)),
            server,
            client,
            threads: fleet.threads(),
            checks: tally.checks,
            ..Figures::default()
        })
    }

    fn words(&self, need: &Need, figures: &Figures) -> Vec<String> {
        words::talk(need, self.rate, figures)
    }
}

/// How messages are sent.
#[derive(Clone, Copy)]
pub(super) struct Paced {
    pub(super) rate: Option<f64>,
    pub(super) in_flight: usize,
    /// So many connections leave and come back in a second.
    pub(super) churn: Option<f64>,
}

/// Lets all talk for a while, and measures it.
pub(super) async fn talk(
    fleet: &mut Fleet,
    paced: Paced,
    times: Times,
    connections: usize,
    server: Option<Process>,
) -> Result<(Tally, super::figures::Seen), Trouble> {
    let nanos = |period: Duration| u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    let from = fleet.now() + nanos(times.warm_up);
    let until = from + nanos(times.duration);
    // Each thread does its part of a rate.
    let every = |rate: f64, conns: usize| {
        let own = rate * conns as f64 / connections.max(1) as f64;
        (1e9 / own.max(1e-9)) as u64
    };
    fleet.tell(|_, conns| {
        Order::Talk(Talk {
            pace: match paced.rate {
                Some(rate) => Pace::Every(every(rate, conns)),
                None => Pace::Heard {
                    in_flight: paced.in_flight,
                    each: u64::MAX,
                },
            },
            from,
            until,
            churn: paced.churn.map(|rate| every(rate, conns)),
        })
    })?;
    let mut done = pin!(fleet.done());
    let mut early = None;
    tokio::select! {
        biased;
        tally = &mut done => early = Some(tally),
        () = tokio::time::sleep(times.warm_up) => {}
    }
    let meter = Meter::start(server);
    if early.is_none() {
        tokio::select! {
            biased;
            tally = &mut done => early = Some(tally),
            () = tokio::time::sleep(times.duration) => {}
        }
    }
    let seen = meter.stop();
    let tally = match early {
        Some(tally) => tally,
        None => done.await,
    };
    Ok((tally?, seen))
}

/// A rate: more than nothing.
pub(super) fn rate(text: &str) -> Result<f64, &'static str> {
    let wrong = "write it as a number of times a second, such as 500 or 0.5";
    let rate: f64 = text.parse().map_err(|_| wrong)?;
    if rate.is_finite() && (0.001..=10_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err(wrong)
    }
}

/// A length of time.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    let period: Period = text.parse().map_err(|e| format!("{e}"))?;
    Ok(period.get())
}

/// A length of time in JSON: seconds.
pub(super) fn seconds<S: serde::Serializer>(period: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(period.as_secs_f64())
}
