//! `chatd message restore`.

use std::time::Duration;

use chatd::admin::api::{RestoreRedaction, Restored};
use clap::Args;

use super::{broken_off, look, page, path, which};
use crate::{
    asking::Asking,
    cli::DryRun,
    failure::{Explain as _, Failure},
};

/// How often is looked whether a long one is done.
const LOOK: Duration = Duration::from_millis(500);

/// Undo a redaction
///
/// Its messages can be read again, and clients are told to do so. What was erased meanwhile stays deleted:
/// there is nothing to bring back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd message redactions
  chatd message restore 0197c0de-7b1c-7000-8000-000000000001 --dry-run
  chatd message restore 0197c0de-7b1c-7000-8000-000000000001")]
pub(crate) struct Restore {
    /// The redaction's id
    id: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Restore {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let (id, body) = (&self.id, RestoreRedaction { dry_run });
        let path = format!("{}/restore", path(id));
        let done: Result<Restored, Failure> = asking.act(dry_run, async |client| {
            let mut done: Restored = client.post(&path, &body).await?;
            while !done.finished {
                tokio::time::sleep(LOOK).await;
                done.redaction = look(client, id).await?;
                if done.redaction.undone_at.is_none() && !done.redaction.running {
                    return Err(broken_off());
                }
                done.finished = done.redaction.undone_at.is_some();
            }
            Ok(done)
        });
        let done = done.explain(|| format!("restore `{id}`"), which())?;
        asking.console.answer(&done, |_| page::restored(&done))
    }
}
