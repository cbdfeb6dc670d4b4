//! `chatd events`: what happens on the server, as it happens.

mod page;

use std::{ops::ControlFlow, time::Duration};

use chatd::{
    admin::{Client, api::EventLine},
    config::Config,
    feed::Kind,
};
use clap::Args;
use tokio::{signal::ctrl_c, time::sleep};

use self::page::Page;
use crate::{
    args::one_of,
    asking::Asking,
    failure::{Exit, Failure},
    settings,
};

/// How many of the past are shown before what is new.
const BEFORE: u64 = 10;
/// From one try to reach the server again to the next.
const AGAIN: Duration = Duration::from_secs(1);

/// Show what happened lately, and follow what happens
///
/// The server remembers some thousands of events since it started, and forgets the oldest; the audit log keeps the
/// acts among them for good (`chatd audit list`). With --follow it goes on until Ctrl-C, also when the server
/// restarts meanwhile. Times are in UTC.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd events
  chatd events --follow
  chatd events --follow --kinds act,login
  chatd events --follow --json | jq -r 'select(.what == \"login.failed\") | .detail'")]
pub(crate) struct Events {
    /// Go on with what happens from now on
    #[arg(short, long)]
    follow: bool,

    /// Only these: act, connection, login, job, store, server
    #[arg(
        long, value_name = "KIND", value_delimiter = ',', hide_possible_values = true,
        value_parser = one_of(&Kind::ALL, Kind::as_str)
    )]
    kinds: Vec<Kind>,

    /// Only the last N of those remembered [default: all; 10 with --follow]
    #[arg(long, value_name = "N", conflicts_with = "after")]
    last: Option<u64>,

    /// Only what came after the event with this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
}

impl Events {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let config = settings::load(&asking.sources)?.config;
        asking.ask_daemon(async |client| {
            let mut page = Page::new(asking.console);
            let mut watch = Watch {
                asking,
                config: &config,
                events: self,
                page: &mut page,
            };
            tokio::select! {
                // Somebody has seen enough, which is no failure.
                _ = ctrl_c() => Ok(()),
                done = watch.run(client) => done,
            }
        })
    }

    /// Where to ask for what came after an event.
    fn path(&self, after: u64, follow: bool) -> String {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let kinds = match kinds.join(",") {
            all if all.is_empty() => all,
            kinds => format!("&kinds={kinds}"),
        };
        format!("/v1/events?after={after}&follow={follow}{kinds}")
    }

    /// How many of the past are shown; all when none is said.
    fn last(&self) -> Option<usize> {
        let default = (self.follow && self.after.is_none()).then_some(BEFORE);
        let last = self.last.or(default)?;
        Some(usize::try_from(last).unwrap_or(usize::MAX))
    }
}

/// Somebody watches.
struct Watch<'a, 'b> {
    asking: &'a Asking<'a>,
    config: &'a Config,
    events: &'a Events,
    page: &'a mut Page<'b>,
}

/// Where a watcher stands.
#[derive(Default)]
struct Place {
    boot: String,
    seq: u64,
}

impl Watch<'_, '_> {
    async fn run(&mut self, client: &Client) -> Result<(), Failure> {
        let mut place = Place {
            boot: String::new(),
            seq: self.events.after.unwrap_or(0),
        };
        self.past(client, &mut place).await?;
        if !self.events.follow {
            return Ok(());
        }
        let mut client = client.clone();
        while self.follow(&client, &mut place).await? {
            client = self.come_back(&mut place).await?;
        }
        Ok(())
    }

    /// Shows what is remembered.
    async fn past(&mut self, client: &Client, place: &mut Place) -> Result<(), Failure> {
        let path = self.events.path(place.seq, false);
        let mut lines = Vec::new();
        client.lines(&path, |line| lines.push(line)).await?;
        for line in &lines {
            place.step(line);
        }
        let shown = self.events.last().unwrap_or(lines.len()).min(lines.len());
        if lines.is_empty() && !self.events.follow {
            self.page.nothing();
        }
        for line in &lines[lines.len() - shown..] {
            if self.page.say(line)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Follows what comes; answers whether to go on once the server is back.
    async fn follow(&mut self, client: &Client, place: &mut Place) -> Result<bool, Failure> {
        let path = self.events.path(place.seq, true);
        let mut ended = Ok(true);
        let page = &mut *self.page;
        let each = |line: EventLine| {
            place.step(&line);
            match page.say(&line) {
                Ok(ControlFlow::Continue(())) => return ControlFlow::Continue(()),
                Ok(ControlFlow::Break(())) => ended = Ok(false),
                Err(e) => ended = Err(e),
            }
            ControlFlow::Break(())
        };
        // Where nothing happens nothing comes, for as long as that takes.
        match client
            .follow(&path, None, each)
            .await
            .map_err(Failure::from)
        {
            Err(e) if e.exit() == Exit::Unreachable => Ok(true),
            Err(e) => Err(e),
            Ok(()) => ended,
        }
    }

    /// Waits until the server answers again.
    async fn come_back(&self, place: &mut Place) -> Result<Client, Failure> {
        let console = self.asking.console;
        console.note("The server is gone; waiting until it is back. Ctrl-C ends this.");
        loop {
            sleep(AGAIN).await;
            let Ok(client) = self.asking.connect(self.config).await else {
                continue;
            };
            let mut now = Place::default();
            // Which process it is shows in whatever it remembers: at least that it started.
            let asked = client
                .lines("/v1/events?after=0&follow=false", |line| now.step(&line))
                .await;
            match asked.map_err(Failure::from) {
                Ok(()) if now.boot == place.boot => console.note("It is back."),
                Ok(()) => {
                    console.note("It is back, and was restarted.");
                    *place = Place {
                        boot: now.boot,
                        seq: 0,
                    };
                }
                Err(e) if e.exit() == Exit::Unreachable => continue,
                Err(e) => return Err(e),
            }
            return Ok(client);
        }
    }
}

impl Place {
    fn step(&mut self, line: &EventLine) {
        match line {
            EventLine::Event { boot, seq, .. } => {
                self.boot.clone_from(boot);
                self.seq = *seq;
            }
            EventLine::Gap { boot, .. } => self.boot.clone_from(boot),
        }
    }
}
