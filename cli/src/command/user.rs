//! `chatd user`: accounts.

mod add;
mod change;
mod erase;
mod export;
mod import;
mod page;
mod sanction;

use chatd::{
    admin::api::{self, List, UserDetail},
    model::SanctionKind,
};
use clap::{Args, Subcommand};

use self::{
    add::Add,
    change::{Passwd, Reset, SetRole, SetStatus},
    erase::Erase,
    export::Export,
    import::Import,
    sanction::{Impose, Lift},
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
  chatd user mute eve --for 2h
  chatd user reset bob
  chatd user import people.csv --dry-run")]
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

    Reset(Reset),

    Import(Import),

    Role(SetRole),

    /// Switch an account off: it is logged out at once
    #[command(after_help = "\
Examples:
  chatd user disable bob --reason 'left the company'
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

    /// Mute somebody on the whole server: they read, and cannot write
    #[command(after_help = "\
Examples:
  chatd user mute eve --for 2h --reason 'calm down'
  chatd room mute general eve        # in one room only")]
    Mute(Impose),

    /// Let somebody write again
    #[command(after_help = "\
Examples:
  chatd user unmute eve
  chatd user unmute eve --dry-run")]
    Unmute(Lift),

    /// Ban somebody from the server: logged out at once
    #[command(after_help = "\
Examples:
  chatd user ban eve --for 30d --reason spam
  chatd room ban general eve         # from one room only
  chatd ban add 198.51.100.0/24      # addresses")]
    Ban(Impose),

    /// Let somebody log in again
    #[command(after_help = "\
Examples:
  chatd user unban eve
  chatd user unban eve --dry-run")]
    Unban(Lift),
}

/// Show an account, its rooms, sessions and sanctions
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
            Self::Reset(reset) => reset.run(asking),
            Self::Import(import) => import.run(asking),
            Self::Role(role) => role.run(asking),
            Self::Disable(user) => user.run(asking, chatd::model::Status::Disabled),
            Self::Enable(user) => user.run(asking, chatd::model::Status::Active),
            Self::Export(export) => export.run(asking),
            Self::Erase(erase) => erase.run(asking),
            Self::Mute(impose) => impose.run(asking, SanctionKind::Mute),
            Self::Unmute(lift) => lift.run(asking, SanctionKind::Mute),
            Self::Ban(impose) => impose.run(asking, SanctionKind::Ban),
            Self::Unban(lift) => lift.run(asking, SanctionKind::Ban),
        }
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let users: List<api::User> = asking.look(async |client| all(client, "/v1/users").await)?;
    let nothing = "There are no accounts yet: `chatd user add NAME --role admin` makes the first.";
    asking.console.list(&users, nothing, page::list)
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
pub(super) fn who() -> (Exit, String) {
    (
        Exit::NotFound,
        "`chatd user list` lists every account".into(),
    )
}
