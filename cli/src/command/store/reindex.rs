//! `chatd store reindex`: making the search index anew.

use chatd::admin::api::{NewIndex, ReindexLine};
use clap::Args;
use indicatif::ProgressBar;

use crate::{
    asking::Asking,
    cli::DryRun,
    console::Console,
    failure::Failure,
    output::{bar, bytes, count, count_entries},
};

const TEMPLATE: &str = "indexing  [{bar:30}] {percent:>3} %  {pos} of {len} entries, {eta} to go";

/// Make the search index anew
///
/// The index (`search.db`, beside the data) is made and kept up to date by the server itself, and is made anew by
/// itself when it is missing or damaged; it may also be deleted. This begins it anew, while the server runs or not,
/// and shows how far it is. Until it is made, searches find only what is in it already. A running server goes on
/// with it when this is interrupted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store reindex
  chatd store reindex --dry-run")]
pub(crate) struct Reindex {
    #[command(flatten)]
    dry: DryRun,
}

impl Reindex {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let wanted = NewIndex {
            dry_run: self.dry.dry_run,
        };
        let mut last = None;
        asking.look(async |client| {
            let watch = Watch::new(asking.console);
            let take = |line| {
                watch.take(&line);
                last = Some(line);
            };
            Ok(client
                .post_lines("/v1/store/reindex", &wanted, take)
                .await?)
        })?;
        match last {
            Some(line @ (ReindexLine::Done { .. } | ReindexLine::Plan { .. })) => {
                asking.console.answer(&line, |_| words(&line))
            }
            Some(ReindexLine::Failed { why }) => Err(anyhow::anyhow!(
                "the search index could not be made: {why}; when that is mended, the server goes on by itself"
            )
            .into()),
            Some(ReindexLine::Progress { .. }) | None => {
                let why = "the answer broke off: the server stopped; it goes on when it starts again";
                Err(anyhow::anyhow!(why).into())
            }
        }
    }
}

fn words(line: &ReindexLine) -> String {
    match line {
        ReindexLine::Plan { rooms, .. } => format!(
            "Dry run: the search index of {} would be made anew. Nothing was changed.",
            count(*rooms, "room")
        ),
        ReindexLine::Done {
            entries,
            bytes: size,
        } => format!(
            "The search index is made: {}, {}.",
            count_entries(*entries),
            bytes(*size)
        ),
        _ => String::new(),
    }
}

/// A bar for people.
struct Watch {
    bar: ProgressBar,
}

impl Watch {
    fn new(console: &Console) -> Self {
        Self {
            bar: bar(console, TEMPLATE),
        }
    }

    fn take(&self, line: &ReindexLine) {
        if let ReindexLine::Progress { done, of } = line {
            self.bar.set_length(*of);
            self.bar.set_position(*done);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
