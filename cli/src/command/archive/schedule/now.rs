//! `chatd archive schedule run-now`: what the schedule does, at once.

use std::time::Duration;

use chatd::{
    admin::{
        Client,
        api::{
            List, Moment,
            archive::{self as api, NewPrune, OnlyTry, Run},
        },
    },
    model::RunKind,
};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{
    super::{follow, page, prune},
    PATH,
};
use crate::{
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
};

/// How often it is looked for the pruning that follows.
const LOOK: Duration = Duration::from_millis(100);
/// For how long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Do at once what the schedule does
///
/// Archives what is older than the policy says, and then prunes what is older still, when there is an age for
/// that. A schedule that is paused, or never runs, is no hindrance. Goes on and stops as `chatd archive` does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive schedule run-now --dry-run
  chatd archive schedule run-now")]
pub(in super::super) struct RunNow {
    #[command(flatten)]
    dry: DryRun,
}

impl RunNow {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (console, dry_run) = (asking.console, self.dry.dry_run);
        let done: Result<Vec<Run>, Failure> = asking.look(async |client| {
            let standing: api::Schedule = client.get(PATH).await?;
            let newest = runs(client, 1).await?.into_iter().next();
            let begun = begin(client, dry_run).await?;
            if dry_run {
                let pruned = plan_prune(client, &standing).await?;
                return Ok(begun.into_iter().chain(pruned).collect());
            }
            let mut ended = Vec::new();
            if let Some(run) = begun {
                ended.push(follow::follow(client, console, async || Ok(run)).await?);
            }
            let before = newest.and_then(|run| run.id);
            if let Some(run) = pruning(client, &standing, before.as_deref()).await? {
                ended.push(follow::follow(client, console, async || Ok(run)).await?);
            }
            Ok(ended)
        });
        let hint = "`chatd archive list` shows the runs".to_owned();
        let done = done.explain(
            || "run what the schedule runs".into(),
            (Exit::Conflict, hint),
        )?;
        if done.is_empty() {
            let dry = if dry_run { "Dry run: by" } else { "By" };
            return console.answer(&None::<Run>, |_| {
                format!(
                    "{dry} the policy there is nothing to do; `chatd archive policy show` shows it."
                )
            });
        }
        let mut ended = Ok(());
        for (i, run) in done.iter().enumerate() {
            if i > 0 && console.is_words() {
                console.words("\n")?;
            }
            let told = match (dry_run, run.kind) {
                (true, RunKind::Prune) => {
                    follow::tell_plan(console, run, |now| prune::plan(run, true, now))
                }
                (true, _) => follow::tell_plan(console, run, |now| page::plan(run, now)),
                (false, _) => follow::tell_end(console, run, |now| page::run(run, None, now)),
            };
            ended = ended.and(told);
        }
        ended
    }
}

/// Begins what the schedule archives; none when that is nothing, by the policy.
async fn begin(client: &Client, dry_run: bool) -> Result<Option<Run>, Failure> {
    Ok(client
        .post(&format!("{PATH}/run"), &OnlyTry { dry_run })
        .await?)
}

/// The last runs, the newest first.
async fn runs(client: &Client, many: u32) -> Result<Vec<Run>, Failure> {
    let list: List<Run> = client
        .get(&format!("/v1/archive/runs?limit={many}"))
        .await?;
    Ok(list.items)
}

/// What the schedule would prune at this moment; none when that is nothing, by the policy.
async fn plan_prune(client: &Client, standing: &api::Schedule) -> Result<Option<Run>, Failure> {
    if standing.prune_older_than == "never" {
        return Ok(None);
    }
    let plan = NewPrune {
        before: Moment::Ago(standing.prune_older_than.clone()),
        rooms: Vec::new(),
        grace: None,
        dry_run: true,
    };
    Ok(Some(client.post("/v1/archive/prune", &plan).await?))
}

/// The run that prunes after the one that archived, if the policy wants one and it finds something. The server
/// begins it by itself; it is newer than the run `before`.
async fn pruning(
    client: &Client,
    standing: &api::Schedule,
    before: Option<&str>,
) -> Result<Option<Run>, Failure> {
    let began = Instant::now();
    loop {
        // In this order: one that begins in between is found. Ids are in the order of time.
        let plan = plan_prune(client, standing).await?;
        let mut newer = runs(client, 5)
            .await?
            .into_iter()
            .filter(|run| run.id.as_deref() > before);
        if let Some(run) = newer.find(|run| run.kind == RunKind::Prune) {
            return Ok(Some(run));
        }
        if plan.is_none_or(|plan| plan.entries == 0) || began.elapsed() >= PATIENCE {
            return Ok(None);
        }
        sleep(LOOK).await;
    }
}
