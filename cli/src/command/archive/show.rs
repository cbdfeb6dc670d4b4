//! `chatd archive show` and `stop`: one run.

use chatd::admin::api::archive::{OnlyTry, Run};
use clap::Args;

use super::{look, page, path, which};
use crate::{
    args::name,
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::escape,
};

/// Show a run: what it did in which rooms
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive show 0197c0de-7b1c-7000-8000-000000000001
  chatd archive show 0197c0de-7b1c-7000-8000-000000000001 --json | jq .rooms")]
pub(super) struct Show {
    /// The run's id
    #[arg(value_parser = name)]
    run: String,
}

/// Have a run stop after the segment it is at
///
/// Nothing is lost: the same command that began it goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive stop 0197c0de-7b1c-7000-8000-000000000001
  chatd archive stop 0197c0de-7b1c-7000-8000-000000000001 --dry-run")]
pub(super) struct Stop {
    /// The run's id
    #[arg(value_parser = name)]
    run: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Show {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let id = &self.run;
        let found: Result<_, Failure> = asking.look(async |client| {
            let run = look(client, id).await?;
            // It says more of a restore to know what was restored. That may be too long ago.
            let of = match &run.of {
                Some(of) => look(client, of).await.ok().map(|of| of.kind),
                None => None,
            };
            Ok((run, of))
        });
        let (run, of) = found.explain(|| format!("show the run `{id}`"), which())?;
        asking.console.answer(&run, |now| page::run(&run, of, now))
    }
}

impl Stop {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (id, dry_run) = (&self.run, self.dry.dry_run);
        let told: Result<Run, Failure> = asking.look(async |client| {
            // Of one that is not there it is said that it is not there.
            look(client, id).await?;
            Ok(client
                .post(&path(id, "/stop"), &OnlyTry { dry_run })
                .await?)
        });
        let hint = match &told {
            Err(e) if e.exit() == Exit::Conflict => (
                Exit::Conflict,
                format!("`chatd archive show {id}` shows what it did"),
            ),
            _ => which(),
        };
        let told = told.explain(|| format!("stop the run `{id}`"), hint)?;
        asking.console.answer(&told, |_| {
            let (kind, id) = (told.kind, escape(id));
            if dry_run {
                format!("Dry run: the run {id} ({kind}) can be stopped. Nothing was changed.")
            } else {
                format!("The run {id} ({kind}) stops after the segment it is at.")
            }
        })
    }
}
