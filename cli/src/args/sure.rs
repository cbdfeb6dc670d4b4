//! Confirming by danger: what no command brings back takes `--yes`, or on a terminal the name of what goes typed out.
//! What another command takes back is never asked about.

use clap::Args;

use crate::{
    console::{confirm, is_interactive},
    failure::Failure,
};

/// The flag of everything that destroys something.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Sure {
    /// Do not ask; where nobody sits at a terminal it has to be said
    #[arg(short, long)]
    yes: bool,
}

impl Sure {
    /// Refuses where nobody could be asked: before anything else, so that a script learns of it whatever the store
    /// has. A dry run destroys nothing.
    pub(crate) fn begin(self, dry_run: bool) -> Result<(), Failure> {
        if self.yes || dry_run || is_interactive() {
            Ok(())
        } else {
            Err(Failure::Unconfirmed)
        }
    }

    /// Has `name` typed by whoever sits in front of it. `what` is a sentence that says what goes.
    pub(crate) fn confirm(self, dry_run: bool, name: &str, what: &str) -> Result<(), Failure> {
        if self.yes || dry_run {
            return Ok(());
        }
        confirm(name, what)
    }
}
