//! `chatd room mute`, `unmute`, `ban`, `unban` and `sanctions`.

use chatd::{
    admin::api::{List, Sanction},
    model::SanctionKind,
};
use clap::Args;

use super::{path, which};
use crate::{
    asking::{Asking, all},
    cli::DryRun,
    command::sanction::{Target, Terms, table_of},
    failure::{Explain as _, Failure},
};

/// Where and to whom, for how long, and why.
#[derive(Debug, Args)]
pub(crate) struct Impose {
    /// The room's name or id
    room: String,

    /// Whom: a name or id
    user: String,

    #[command(flatten)]
    terms: Terms,
}

/// Where and whose.
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The room's name or id
    room: String,

    /// Whose: a name or id
    user: String,

    #[command(flatten)]
    dry: DryRun,
}

/// List who is muted or banned in a room
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room sanctions general
  chatd room sanctions general --json | jq -r '.items[].name'")]
pub(crate) struct ListOf {
    /// Its name or id
    room: String,
}

impl Impose {
    pub(super) fn run(&self, asking: &Asking<'_>, kind: SanctionKind) -> Result<(), Failure> {
        let (user, room) = (&self.user, Some(&*self.room));
        Target { kind, user, room }.impose(asking, &self.terms)
    }
}

impl Lift {
    pub(super) fn run(&self, asking: &Asking<'_>, kind: SanctionKind) -> Result<(), Failure> {
        let (user, room) = (&self.user, Some(&*self.room));
        Target { kind, user, room }.lift(asking, self.dry)
    }
}

impl ListOf {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.room, "/sanctions");
        let found: Result<List<Sanction>, Failure> =
            asking.look(async |client| all(client, &path).await);
        let doing = || format!("list who is muted or banned in room `{}`", self.room);
        let found = found.explain(doing, which())?;
        let nothing = format!("Nobody is muted or banned in {}.", self.room);
        asking.console.list(&found, &nothing, table_of)
    }
}
