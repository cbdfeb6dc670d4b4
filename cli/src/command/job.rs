//! `chatd job`: what goes on in the background.

use chatd::{
    admin::{
        self, Client,
        api::{self, Job as Work, Refused, archive::OnlyTry},
    },
    clock::Millis,
};
use clap::{Args, Subcommand};

use crate::{
    args::name,
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Facts, Table, escape, moment, number},
};

/// See and stop what goes on in the background
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd job list
  chatd job stop 0197c0de-7b1c-7000-8000-000000000001")]
pub(crate) enum Job {
    /// List what goes on in the background now
    ///
    /// Runs of the archive, redactions, erasing, imports. What is over is in `chatd archive list`,
    /// `chatd message redactions` and the audit log.
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd job list
  chatd job list --json | jq -r '.items[] | .kind'"
    )]
    List,

    Show(Show),
    Stop(Stop),
}

/// Show how far a job is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd job show 0197c0de-7b1c-7000-8000-000000000001
  chatd job show 0197c0de-7b1c-7000-8000-000000000001 --json | jq .done")]
pub(crate) struct Show {
    /// Its id, as `chatd job list` shows it
    #[arg(value_parser = name)]
    job: String,
}

/// Have a job stop
///
/// It stops where nothing is half done. What it did stays; the command that began it goes on from there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd job stop 0197c0de-7b1c-7000-8000-000000000001
  chatd job stop 0197c0de-7b1c-7000-8000-000000000001 --dry-run")]
pub(crate) struct Stop {
    /// Its id, as `chatd job list` shows it
    #[arg(value_parser = name)]
    job: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Job {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List => {
                let jobs = asking.ask_daemon(async |client| jobs(client).await)?;
                asking
                    .console
                    .list(&jobs, "Nothing goes on in the background.", table)
            }
            Self::Show(show) => show.run(asking),
            Self::Stop(stop) => stop.run(asking),
        }
    }
}

async fn jobs(client: &Client) -> Result<api::List<Work>, Failure> {
    Ok(client.get("/v1/jobs").await?)
}

/// A line for each.
fn table(jobs: &[Work], now: Millis) -> Table {
    let rows = jobs.iter().map(|job| {
        vec![
            Cell::or(job.id.as_deref(), "-"),
            Cell::text(&job.kind),
            Cell::ago(job.since, now),
            Cell::number(job.done),
            job.total.map_or_else(Cell::default, Cell::number),
            Cell::text(&job.unit),
            Cell::flag(job.stoppable, "yes"),
            Cell::or(job.at.as_deref(), ""),
        ]
    });
    let headings = ["ID", "KIND", "SINCE", "#DONE", "#OF", "UNIT", "STOPS", "AT"];
    Table::new(&headings, rows)
}

impl Show {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let found = asking.ask_daemon(async |client| {
            let jobs = jobs(client).await?;
            let found = jobs
                .items
                .into_iter()
                .find(|job| job.id.as_ref() == Some(&self.job));
            found.ok_or_else(|| {
                Failure::Admin(admin::Error::Refused(Refused {
                    code: "not_found".into(),
                    detail: "no such job is under way".into(),
                    field: None,
                }))
            })
        });
        let found = found.explain(|| format!("show job `{}`", self.job), which())?;
        asking.console.answer(&found, |now| page(&found, now))
    }
}

impl Stop {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let path = format!("/v1/jobs/{}/stop", quote(&self.job));
        let told: Result<Work, Failure> =
            asking.ask_daemon(async |client| Ok(client.post(&path, &OnlyTry { dry_run }).await?));
        let told = told.explain(|| format!("stop job `{}`", self.job), which())?;
        asking.console.answer(&told, |_| {
            let (kind, id) = (escape(&told.kind), escape(&self.job));
            if dry_run {
                format!("Dry run: the {kind} {id} can be stopped. Nothing was changed.")
            } else {
                format!("The {kind} {id} stops as soon as nothing is half done.")
            }
        })
    }
}

fn page(job: &Work, now: Millis) -> String {
    let (done, unit) = (number(job.done), escape(&job.unit));
    let done = match job.total {
        Some(total) => format!("{done} of {} {unit}", number(total)),
        None => format!("{done} {unit}"),
    };
    Facts::default()
        .maybe("id", job.id.as_deref().map(escape))
        .with("since", moment(job.since, now))
        .with("done", done)
        .maybe("at", job.at.as_deref().map(escape))
        .with("can be stopped", if job.stoppable { "yes" } else { "no" })
        .under(&escape(&job.kind))
}

/// The advice when there is no such job.
fn which() -> (Exit, String) {
    let hint = "`chatd job list` lists what is under way; what is over is in `chatd archive list`";
    (Exit::NotFound, hint.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;

    #[test]
    fn a_job_says_how_far_it_is() {
        let mut job = Work {
            kind: "archive".into(),
            id: Some("r1".into()),
            since: Millis(0),
            done: 1500,
            total: Some(3000),
            unit: "entries".into(),
            at: Some("gen\u{1b}eral".into()),
            stoppable: true,
        };
        let now = Millis(60_000);
        let text = plain(&table(std::slice::from_ref(&job), now).words()).into_owned();
        let row = "r1   archive   1 min ago   1,500   3,000   entries   yes     gen\\u{1b}eral";
        assert_eq!(text.lines().last(), Some(row), "{text}");
        assert!(page(&job, now).contains("1,500 of 3,000 entries"));
        job.total = None;
        assert!(page(&job, now).contains("1,500 entries"));
    }
}
