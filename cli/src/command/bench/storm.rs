//! `chatd bench storm`: everybody comes back at once.

use std::{
    net::SocketAddr,
    process,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueHint};
use serde::Serialize;
use tokio::{net::TcpStream, time::sleep};

use super::{
    chat::{AT_ONCE, Shape},
    figures::{Figures, Latency, Meter, Returned, round},
    fleet::Fleet,
    order::{Order, Pace, Talk, Tally},
    process::Process,
    scenario::{Common, Scenario},
    setup::Need,
    words,
};
use crate::{
    asking::Asking,
    failure::Failure,
    output::{escape, number},
};

/// How long a server that was restarted may take to listen again.
const RESTART: Duration = Duration::from_mins(1);

/// Break all connections, and let everybody come back at once
///
/// As after a restart, or when a network comes back: in each room all but one lose their connection, that one says
/// something meanwhile, and then all connect, log in and resume at the same moment. Measured is how long it takes
/// until each has what it missed. Clients that keep the rules come back spread over some time; this is the worst that
/// can be. With --restart it is the server that goes: what it had in memory is gone as well, and everybody loses the
/// connection.
#[derive(Debug, Args, Serialize)]
#[command(after_help = "\
Examples:
  chatd bench storm
  chatd bench storm --rooms 100 --members 100 --missed 200 --rounds 5 --json
  chatd bench storm --rooms 100 --members 100 --restart 'systemctl restart chatd'")]
pub(crate) struct Storm {
    #[command(flatten)]
    #[serde(skip)]
    common: Common,

    #[command(flatten)]
    #[serde(flatten)]
    shape: Shape,

    /// Messages that everybody misses
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    missed: u32,

    /// How often
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Restart the server with this command of the shell, instead of breaking connections
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    restart: Option<String>,
}

impl Storm {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        if self.shape.members < 2 {
            let why = "--members: in a storm one of a room stays, so there have to be two";
            return Err(Failure::Usage(why.into()));
        }
        self.common.run(self, asking)
    }
}

impl Scenario for Storm {
    const NAME: &str = "storm";

    fn need(&self) -> Need {
        self.shape.need()
    }

    fn size(&self) -> usize {
        self.shape.size as usize
    }

    fn plan(&self) -> String {
        let away = self.shape.connections() - self.shape.rooms as usize;
        let restart = self.restart.as_ref();
        let restart = restart.map_or(String::new(), |it| format!(" run `{it}`,"));
        format!(
            "break {} of them, send {} messages to each room,{restart} and connect all again at once, {} times",
            number(away as u64),
            number(self.missed.into()),
            self.rounds
        )
    }

    fn seconds(&self) -> u64 {
        u64::from(self.rounds) * 2
    }

    async fn measure(
        &self,
        fleet: &mut Fleet,
        server: Option<Process>,
    ) -> Result<Figures, Failure> {
        let all = self.shape.connections();
        let said = |pace| {
            Order::Talk(Talk {
                pace,
                from: 0,
                until: u64::MAX,
                churn: None,
            })
        };
        fleet.open(all, AT_ONCE, None).await?;
        let mut tally = Tally::default();
        let warm = Pace::Heard {
            in_flight: 1,
            each: 5,
        };
        tally.add(fleet.all(said(warm)).await?);
        let missed = Pace::Acknowledged {
            in_flight: 1,
            each: self.missed.into(),
        };
        // A restarted server is another process.
        let meter = Meter::start(server.filter(|_| self.restart.is_none()));
        let mut back = Vec::new();
        for _ in 0..self.rounds {
            if !tally.checks.ok() {
                break;
            }
            tally.add(fleet.all(Order::Break { first: false }).await?);
            tally.add(fleet.all(said(missed)).await?);
            if let Some(command) = &self.restart {
                tally.add(fleet.all(Order::Break { first: true }).await?);
                restart(command, fleet.server()).await?;
            }
            let began = Instant::now();
            let now = fleet.now();
            tally.add(fleet.open(all, all, Some(now)).await?);
            back.push(round(began.elapsed().as_secs_f64(), 1000.0));
        }
        let seen = meter.stop();
        let (server, client) = seen.uses(0, 0);
        Ok(Figures {
            seconds: seen.took.as_secs_f64(),
            returned: Some(Returned {
                connections: tally.returned.len(),
                resumed: Latency::of(&tally.returned),
                replayed: tally.replayed,
                all_back_seconds: back,
            }),
            server,
            client,
            threads: fleet.threads(),
            checks: tally.checks,
            ..Figures::default()
        })
    }

    fn words(&self, _need: &Need, figures: &Figures) -> Vec<String> {
        words::storm(figures)
    }
}

/// Runs what restarts the server, and waits until it accepts connections again.
async fn restart(command: &str, server: SocketAddr) -> Result<(), Failure> {
    let run = command.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let mut shell = process::Command::new("/bin/sh");
        shell
            .args(["-c", &run])
            .stdin(process::Stdio::null())
            .output()
    });
    let output = ran.await.context("cannot wait for the command")?;
    let output = output.context("cannot start /bin/sh")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let what = format!("`{command}`: {}: {}", output.status, escape(said.trim()));
        return Err(anyhow!(what).into());
    }
    let until = Instant::now() + RESTART;
    while let Err(e) = TcpStream::connect(server).await {
        if Instant::now() > until {
            let what = format!("nobody listens at {server} after `{command}`: {e}");
            return Err(anyhow!(what).into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
