//! `chatd bench churn`: people come and go while others talk.

use clap::Args;
use serde::Serialize;

use super::{
    chat::{AT_ONCE, Paced, Shape, Times, rate, talk},
    figures::{Figures, Latency, Returned, Talked},
    fleet::Fleet,
    process::Process,
    scenario::{Common, Scenario},
    setup::Need,
    words,
};
use crate::{asking::Asking, failure::Failure};

/// Let connections break and come back while people talk
///
/// So many connections a second end without a word, come back at once, log in and resume, while messages are sent by
/// the clock. Measured is how soon each is back with all that it missed, and what the others notice. Half the
/// promise of a chat server is in this: nothing is lost or told twice over a lost connection.
#[derive(Debug, Args, Serialize)]
#[command(after_help = "\
Examples:
  chatd bench churn
  chatd bench churn --rooms 50 --members 40 --returns 200 --rate 100 --duration 1h")]
pub(crate) struct Churn {
    #[command(flatten)]
    #[serde(skip)]
    common: Common,

    #[command(flatten)]
    #[serde(flatten)]
    shape: Shape,

    /// Connections that break and come back, a second
    #[arg(long, value_name = "N", default_value = "50", value_parser = rate)]
    returns: f64,

    /// Messages a second over all rooms, by the clock
    #[arg(long, value_name = "N", default_value = "100", value_parser = rate)]
    rate: f64,

    #[command(flatten)]
    #[serde(flatten)]
    times: Times,
}

impl Churn {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        self.common.run(self, asking)
    }
}

impl Scenario for Churn {
    const NAME: &str = "churn";

    fn need(&self) -> Need {
        self.shape.need()
    }

    fn size(&self) -> usize {
        self.shape.size as usize
    }

    fn plan(&self) -> String {
        format!(
            "send {} messages of {} bytes a second while {} connections a second break and come back, for {:?} \
             after {:?} to warm up",
            self.rate, self.shape.size, self.returns, self.times.duration, self.times.warm_up
        )
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
        let paced = Paced {
            rate: Some(self.rate),
            in_flight: 0,
            churn: Some(self.returns),
        };
        let (tally, seen) = talk(fleet, paced, self.times, all, server).await?;
        let (server, client) = seen.uses(tally.messages, tally.deliveries);
        Ok(Figures {
            seconds: seen.took.as_secs_f64(),
            talk: Some(Talked::of(&tally, seen.took)),
            returned: Some(Returned {
                connections: tally.returned.len(),
                resumed: Latency::of(&tally.returned),
                replayed: tally.replayed,
                all_back_seconds: Vec::new(),
            }),
            server,
            client,
            threads: fleet.threads(),
            checks: tally.checks,
            ..Figures::default()
        })
    }

    fn words(&self, need: &Need, figures: &Figures) -> Vec<String> {
        words::churn(need, self.rate, figures)
    }
}
