//! `chatd user`: accounts.

mod add;
mod change;
mod erase;
mod export;
mod page;

use chatd::admin::api::{self, List, UserDetail};
use clap::{Args, Subcommand};

use self::{
    add::Add,
    change::{Passwd, SetRole, SetStatus},
    erase::Erase,
    export::Export,
};
use crate::{
    asking::{Asking, all, quote},
    failure::{Exit, Explain as _, Failure},
};

/// Add, show and change accounts
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd user add ana --role admin
  chatd user list
  chatd user disable bob")]
pub(crate) enum User {
    Add(Add),

    /// List every account
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd user list
  chatd user list --json | jq -r '.items[] | select(.role == \"admin\") | .name'"
    )]
    List,

    Show(Show),

    Passwd(Passwd),

    Role(SetRole),

    /// Switch an account off: it is logged out at once
    #[command(after_help = "\
Examples:
  chatd user disable bob
  chatd user disable bob --dry-run")]
    Disable(SetStatus),

    /// Switch an account on again
    #[command(after_help = "\
Examples:
  chatd user enable bob
  chatd user enable bob --json")]
    Enable(SetStatus),

    Export(Export),

    Erase(Erase),
}

/// Show an account, its sessions and its rooms
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user show ana
  chatd user show ana --json | jq .sessions")]
pub(crate) struct Show {
    /// Its name or id
    user: String,
}

impl User {
    pub(crate) fn run(self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(asking),
            Self::List => list(asking),
            Self::Show(show) => show.run(asking),
            Self::Passwd(passwd) => passwd.run(asking),
            Self::Role(role) => role.run(asking),
            Self::Disable(user) => user.run(asking, chatd::model::Status::Disabled),
            Self::Enable(user) => user.run(asking, chatd::model::Status::Active),
            Self::Export(export) => export.run(asking),
            Self::Erase(erase) => erase.run(asking),
        }
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let users: List<api::User> = asking.look(async |client| all(client, "/v1/users").await)?;
    if users.items.is_empty() && !asking.console.is_json() {
        asking
            .console
            .note("There are no accounts yet: `chatd user add NAME --role admin` makes the first.");
        return Ok(());
    }
    asking
        .console
        .answer(&users, |now| page::list(&users.items, now))
}

impl Show {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.user, "");
        let detail: Result<UserDetail, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let detail = detail.explain(|| format!("show user `{}`", self.user), who())?;
        asking
            .console
            .answer(&detail, |now| page::detail(&detail, now))
    }
}

/// Where an account is; `act` is empty or begins with a slash.
fn path(user: &str, act: &str) -> String {
    format!("/v1/users/{}{act}", quote(user))
}

/// The advice when there is no such account.
fn who() -> (Exit, String) {
    (
        Exit::NotFound,
        "`chatd user list` lists every account".into(),
    )
}
