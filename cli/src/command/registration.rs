//! `chatd registration`: who may make themselves an account.

use chatd::{
    admin::api::{self, NewRegistration},
    model,
};
use clap::{Args, Subcommand};

use crate::{args::Noted, asking::Asking, failure::Failure, output::escape};

/// Show or decide who may register
///
/// What is decided here holds at once and stays, over what `auth.registration` says in the settings,
/// until it is given back to them with `auto`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd registration
  chatd registration closed --reason 'a wave of spam'
  chatd registration auto")]
pub(crate) struct Registration {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show who may register; the same without a word
    #[command(after_help = "\
Examples:
  chatd registration show
  chatd registration show --json | jq -r .mode")]
    Show,

    /// Let whoever reaches the server register
    #[command(after_help = "\
Examples:
  chatd registration open
  chatd registration open --dry-run")]
    Open(Noted),

    /// Let people register who have a code
    #[command(after_help = "\
Examples:
  chatd registration invite
  chatd invite create --uses 20      # a code for twenty people")]
    Invite(Noted),

    /// Let nobody register
    #[command(after_help = "\
Examples:
  chatd registration closed --reason 'a wave of spam'
  chatd registration closed --dry-run")]
    Closed(Noted),

    /// Go by the settings again
    #[command(after_help = "\
Examples:
  chatd registration auto
  chatd config show --origin         # what the settings say")]
    Auto(Noted),
}

impl Registration {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        use model::Registration as Mode;
        match &self.act {
            None | Some(Act::Show) => show(asking),
            Some(Act::Open(noted)) => set(asking, Some(Mode::Open), noted),
            Some(Act::Invite(noted)) => set(asking, Some(Mode::Invite), noted),
            Some(Act::Closed(noted)) => set(asking, Some(Mode::Closed), noted),
            Some(Act::Auto(noted)) => set(asking, None, noted),
        }
    }
}

fn show(asking: &Asking<'_>) -> Result<(), Failure> {
    let shown: api::Registration =
        asking.look(async |client| Ok(client.get("/v1/registration").await?))?;
    asking.console.answer(&shown, |_| {
        format!("Registration is {}.", words(&shown, ""))
    })
}

fn set(
    asking: &Asking<'_>,
    mode: Option<model::Registration>,
    noted: &Noted,
) -> Result<(), Failure> {
    let dry_run = noted.dry.dry_run;
    let new = NewRegistration {
        mode,
        reason: noted.reason(),
        dry_run,
    };
    let set: api::Registration = asking.act(dry_run, async |client| {
        Ok(client.put("/v1/registration", &new).await?)
    })?;
    asking.console.answer(&set, |_| {
        if dry_run {
            let words = words(&set, "");
            format!("Dry run: registration would be {words}. Nothing was changed.")
        } else {
            format!("Registration is {}.", words(&set, " now"))
        }
    })
}

fn words(shown: &api::Registration, now: &str) -> String {
    let configured = escape(&shown.configured);
    match shown.mode {
        Some(mode) => format!("{mode}{now}, whatever the settings say ({configured})"),
        None => format!("{configured}{now}, as the settings say"),
    }
}
