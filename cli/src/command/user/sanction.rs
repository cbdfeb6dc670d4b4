//! `chatd user mute`, `unmute`, `ban` and `unban`.

use chatd::model::SanctionKind;
use clap::Args;

use crate::{
    asking::Asking,
    cli::DryRun,
    command::sanction::{Target, Terms},
    failure::Failure,
};

/// To whom, for how long, and why.
#[derive(Debug, Args)]
pub(crate) struct Impose {
    /// Its name or id
    user: String,

    #[command(flatten)]
    terms: Terms,
}

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// Its name or id
    user: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Impose {
    pub(super) fn run(&self, asking: &Asking<'_>, kind: SanctionKind) -> Result<(), Failure> {
        let (user, room) = (&self.user, None);
        Target { kind, user, room }.impose(asking, &self.terms)
    }
}

impl Lift {
    pub(super) fn run(&self, asking: &Asking<'_>, kind: SanctionKind) -> Result<(), Failure> {
        let (user, room) = (&self.user, None);
        Target { kind, user, room }.lift(asking, self.dry)
    }
}
