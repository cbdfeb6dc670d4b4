//! `chatd archive restore`: what a run archived is live again; or what it pruned is kept.

use chatd::{
    admin::api::archive::{OnlyTry, Run},
    clock::Millis,
    model::RunKind,
};
use clap::Args;

use super::{follow, look, page, path, which};
use crate::{
    args::name,
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Facts, bytes, count, count_entries, moment},
};

/// Make live again what a run archived, or keep what it pruned
///
/// Of a run that archived: its entries are live again, as they were. What is live of a room is always the end
/// of it, so what later runs archived of the same rooms is restored, too. Of a run that pruned: what is not
/// purged yet stays in the archive. Like archiving, it can be interrupted at any moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive list
  chatd archive restore 0197c0de-7b1c-7000-8000-000000000001 --dry-run
  chatd archive restore 0197c0de-7b1c-7000-8000-000000000001")]
pub(super) struct Restore {
    /// The run's id
    #[arg(value_parser = name)]
    run: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Restore {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (console, id, dry_run) = (asking.console, &self.run, self.dry.dry_run);
        let path = path(id, "/restore");
        let done: Result<_, Failure> = asking.look(async |client| {
            let of = look(client, id).await?;
            let plan: Run = client.post(&path, &OnlyTry { dry_run: true }).await?;
            if dry_run {
                return Ok((plan, of));
            }
            if let Some(note) = later(&plan) {
                console.note(&note);
            }
            let begin = async || Ok(client.post(&path, &OnlyTry::default()).await?);
            Ok((follow::follow(client, console, begin).await?, of))
        });
        let hint = match &done {
            Err(e) if e.exit() == Exit::Conflict => (
                Exit::Conflict,
                "`chatd archive list` shows what every run did".to_owned(),
            ),
            _ => which(),
        };
        let (run, of) = done.explain(|| format!("restore the run `{id}`"), hint)?;
        if dry_run {
            return follow::tell_plan(console, &run, |now| plan(&run, &of, now));
        }
        follow::tell_end(console, &run, |now| page::run(&run, Some(of.kind), now))
    }
}

/// What would be restored.
fn plan(run: &Run, of: &Run, now: Millis) -> String {
    let (entries, rooms) = (count_entries(run.entries), page::rooms(run));
    let segments = count(run.segments, "segment");
    let facts = Facts::default().with("archived", format!("{segments}, {}", bytes(run.size)));
    if of.kind == RunKind::Prune {
        let facts = facts.maybe("purged else", of.purge_at.map(|at| moment(at, now)));
        let title = format!("Dry run: {entries} in {rooms} would stay in the archive.");
        return page::dry(run, &title, facts);
    }
    let facts = facts
        .with("once live", bytes(run.bytes))
        .maybe("as well", later(run));
    let title = format!("Dry run: {entries} in {rooms} would be live again.");
    page::dry(run, &title, facts)
}

/// That more is restored than what was asked for.
fn later(plan: &Run) -> Option<String> {
    let of = plan.segments;
    match plan.later {
        0 => None,
        later => Some(format!(
            "{later} of the {} are of later runs: of a room, what comes after is restored, too.",
            count(of, "segment")
        )),
    }
}
