//! What all scenarios have in common: say what will be done, set the stage, measure, clear it, say what came of it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueHint};
use serde::Serialize;

use super::{
    accounts::Origin,
    checks::Checks,
    figures::Figures,
    fleet::{Fleet, Seats},
    machine,
    order::Known,
    page,
    process::Process,
    setup::{Left, Need, Setup},
    target::{Target, Where},
};
use crate::{
    asking::{Asking, one_thread},
    cli::DryRun,
    console,
    failure::{Exit, Failure},
    output::number,
    settings,
};

/// Most accounts that are made when nobody says how many: one for each connection up to here.
const ACCOUNTS: usize = 1000;

/// What every scenario takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    to: Where,

    /// How many accounts the connections share [default: one for each, 1000 at most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    accounts: Option<u32>,

    /// Make accounts by the token in FILE, of somebody with the permission user.manage
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,

    /// Register accounts with this code of an invitation
    #[arg(long, value_name = "CODE", conflicts_with = "token_file")]
    invite: Option<String>,

    /// Threads that make the load [default: half the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,

    /// Do not ask before loading a server that is not on this machine
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    dry: DryRun,
}

/// What a scenario is.
pub(super) trait Scenario: Serialize {
    /// Its name.
    const NAME: &str;

    /// What it needs on the server; accounts are filled in.
    fn need(&self) -> Need;

    /// How long a text is, in bytes.
    fn size(&self) -> usize;

    /// What it will do, in words.
    fn plan(&self) -> String;

    /// About how long that takes at least, in seconds.
    fn seconds(&self) -> u64;

    /// Does it.
    async fn measure(&self, fleet: &mut Fleet, server: Option<Process>)
    -> Result<Figures, Failure>;

    /// What came of it, for whoever runs a server.
    fn words(&self, need: &Need, figures: &Figures) -> Vec<String>;
}

/// What is answered.
#[derive(Serialize)]
pub(super) struct Report<'a, S: Scenario> {
    scenario: &'static str,
    /// Whether no check failed.
    ok: bool,
    url: String,
    version: &'a str,
    cores: usize,
    load: &'a S,
    need: Need,
    threads: usize,
    #[serde(flatten)]
    pub(super) figures: Option<Figures>,
    pub(super) words: Vec<String>,
    pub(super) left: Left,
    dry_run: bool,
}

impl Common {
    /// Runs a scenario.
    pub(super) fn run<S: Scenario>(
        &self,
        scenario: &S,
        asking: &Asking<'_>,
    ) -> Result<(), Failure> {
        let mut need = scenario.need();
        let connections = need.connections();
        need.accounts = self
            .accounts
            .map_or(connections.min(ACCOUNTS), |n| n as usize)
            .min(connections);
        machine::open_files(connections)?;
        one_thread()?.block_on(self.rehearse_or_run(scenario, need, asking))
    }

    async fn rehearse_or_run<S: Scenario>(
        &self,
        scenario: &S,
        need: Need,
        asking: &Asking<'_>,
    ) -> Result<(), Failure> {
        let found = self.to.find(asking, need.connections());
        let target = asking.within(found).await?;
        let origin = self.origin(&target)?;
        let console = asking.console;
        let threads = self.threads.map_or(machine::cores() / 2, |n| n as usize);
        let threads = threads.clamp(1, need.rooms.max(1));
        let mut report = Report {
            scenario: S::NAME,
            ok: true,
            url: target.shown(),
            version: &target.info.version,
            cores: machine::cores(),
            load: scenario,
            need,
            threads,
            figures: None,
            words: Vec::new(),
            left: Left::default(),
            dry_run: self.dry.dry_run,
        };
        let config = settings::load(&asking.sources)?.config;
        let open = async || asking.connect(&config).await;
        let origin = if self.dry.dry_run {
            origin
        } else {
            origin.renewed(&open).await?
        };
        let setup = Setup::new(origin, target.rest.clone());
        let plan = plan(scenario, &need, &target, &setup);
        if self.dry.dry_run {
            report.words = plan;
            return console.answer(&report, |_| page::plan(S::NAME, &report.url, &report.words));
        }
        console.note(page::plan(S::NAME, &report.url, &plan).trim_end());
        if !target.is_local() && !self.yes {
            let host = target.host();
            console::confirm(&host, "That is a load on a server elsewhere.")?;
        }
        let run = async {
            let (rooms, further) = setup.make(&need).await?;
            let (tokens, good) = setup.tokens();
            if good < scenario.seconds() + 60 {
                return Err(Failure::Usage(format!(
                    "the tokens of accounts that register are good for {good} s here, less than this takes — make \
                     it shorter, or make accounts by the admin socket or with --token-file"
                )));
            }
            let seats = Seats {
                rooms,
                members: need.members,
                size: scenario.size(),
                threads,
                run: setup.run.clone(),
                sources: target.sources.clone(),
            };
            let known = Known {
                began: std::time::Instant::now(),
                server: target.address,
                host: target.host(),
                tls: target.tls.clone(),
                tokens,
                further,
            };
            let mut fleet = Fleet::start(known, &seats)?;
            scenario.measure(&mut fleet, target.process).await
        };
        let done = tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted").into()),
            // What --timeout ends is cleared up after.
            done = asking.within(run) => done,
        };
        console.note("Clearing up …");
        report.left = tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => {
                let what = format!("interrupted while clearing up; rooms and accounts {}-… may be left", setup.run);
                return Err(anyhow::anyhow!(what).into());
            }
            left = setup.clear(&open) => left,
        };
        let figures = match done {
            Ok(figures) => figures,
            Err(failure) => {
                let left = report.left.words.join("; ");
                console.note(&format!("Cleared up: {left}."));
                return Err(failure);
            }
        };
        report.ok = figures.checks.ok();
        report.words = scenario.words(&need, &figures);
        let faults = (!report.ok).then(|| broken(&figures.checks));
        report.figures = Some(figures);
        console.answer(&report, |_| page::page(&report))?;
        faults.map_or(Ok(()), Err)
    }

    /// Where accounts come from.
    fn origin(&self, target: &Target) -> Result<Origin, Failure> {
        let rest = target.rest.clone();
        if let Some(path) = &self.token_file {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            let token = text.trim().to_owned();
            return Ok(Origin::Manager { rest, token });
        }
        if let Some(invite) = self.invite.clone() {
            let invite = Some(invite);
            return Ok(Origin::Register { rest, invite });
        }
        if let Some(client) = &target.admin {
            return Ok(Origin::socket(client.clone()));
        }
        if target.info.registration == "open" {
            return Ok(Origin::Register { rest, invite: None });
        }
        Err(Failure::Listed {
            what: format!("nobody may register at {}, so there are no accounts to load it with", target.shown()),
            lines: Vec::new(),
            exit: Exit::Permission,
            hint: "run it on the server's machine with the server's --config or --data-dir, or give --token-file or \
                   --invite"
                .into(),
        })
    }
}

/// What will be done, in words.
fn plan<S: Scenario>(scenario: &S, need: &Need, target: &Target, setup: &Setup) -> Vec<String> {
    let mut plan = setup.plan(need);
    let from = match target.sources.len() {
        0 | 1 => String::new(),
        many => format!(" from {many} addresses"),
    };
    plan.push(format!(
        "open {} connections{from}, {} in each of {}",
        number(need.connections() as u64),
        number(need.members as u64),
        crate::output::count(need.rooms as u64, "room"),
    ));
    plan.push(scenario.plan());
    if target.process.is_none() {
        plan.push(
            "measure nothing of the server itself, as its process is not known (--pid)".into(),
        );
    }
    plan
}
/// That a check failed.
fn broken(checks: &Checks) -> Failure {
    Failure::Found {
        what: format!(
            "the server did not keep what it promises — {} ({})",
            checks.words(),
            checks.first.as_deref().unwrap_or_default()
        ),
        hint: "the figures above are worth nothing then; report it with the server's log and --json of this run",
    }
}
