//! `chatd room invite`: codes with which people come into a room.

use chatd::{
    admin::api::{self, Done, List, NewInvite},
    clock::Millis,
};
use clap::{Args, Subcommand};

use super::{path, which};
use crate::{
    args::seconds,
    asking::{Asking, quote},
    cli::DryRun,
    command::invite::show,
    failure::{Exit, Explain as _, Failure},
    output::{Facts, escape, moment, number},
};

/// Make, list and revoke codes that lead into a room
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd room invite create plans --uses 5 --for 7d
  chatd room invite list plans")]
pub(crate) enum Invite {
    Create(Create),
    List(ListOf),
    Revoke(Revoke),
}

/// Make a code with which people come into a room
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room invite create plans
  chatd room invite create plans --uses 5 --for 7d --json | jq -r .code")]
pub(crate) struct Create {
    /// The room's name or id
    room: String,

    /// How many people can come in with it
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,

    /// How long it is good, such as 12h or 7d [default: 72h, or auth.code]
    #[arg(long = "for", value_name = "PERIOD", value_parser = seconds)]
    lifetime: Option<u64>,

    #[command(flatten)]
    dry: DryRun,
}

/// List the codes of a room that can still be used
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd room invite list plans
  chatd room invite list plans --json | jq -r '.items[].id'"
)]
pub(crate) struct ListOf {
    /// The room's name or id
    room: String,
}

/// Take a code of a room back
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room invite revoke plans 9f8e7d6c5b4a3921
  chatd room invite revoke plans 9f8e7d6c5b4a3921 --dry-run")]
pub(crate) struct Revoke {
    /// The room's name or id
    room: String,

    /// Its id, as `chatd room invite list` shows it
    id: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Invite {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(asking),
            Self::List(list) => list.run(asking),
            Self::Revoke(revoke) => revoke.run(asking),
        }
    }
}

impl Create {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let new = NewInvite {
            role: None,
            uses: Some(self.uses),
            expires_in: self.lifetime,
            dry_run,
        };
        let path = path(&self.room, "/invites");
        let made: Result<api::Invite, Failure> =
            asking.act(dry_run, async |client| Ok(client.post(&path, &new).await?));
        let doing = || format!("make a code for room `{}`", self.room);
        let made = made.explain(doing, which())?;
        let code = made.code.as_deref();
        asking
            .console
            .answer_secret(&made, code, |now| self.page(&made, now))?;
        if code.is_some() {
            asking
                .console
                .note("The code is shown this once. It goes into `code` of POST /v1/join.");
        }
        Ok(())
    }

    fn page(&self, made: &api::Invite, now: Millis) -> String {
        let room = escape(&self.room);
        let Some(code) = made.code.as_deref() else {
            return format!("Dry run: a code for {room} can be made. Nothing was changed.");
        };
        let title = match made.uses {
            1 => format!("A code into {room} for one person"),
            uses => format!("A code into {room} for {} people", number(uses.into())),
        };
        Facts::default()
            .with("code", escape(code))
            .with("id", escape(&made.id))
            .with("good until", moment(made.expires_at, now))
            .under(&title)
    }
}

impl ListOf {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.room, "/invites");
        let codes: Result<List<api::Invite>, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let doing = || format!("list the codes of room `{}`", self.room);
        let codes = codes.explain(doing, which())?;
        show(asking.console, &codes, "chatd room invite create")
    }
}

impl Revoke {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let rest = format!("/invites/{}?dry_run={dry_run}", quote(&self.id));
        let path = path(&self.room, &rest);
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = format!("`chatd room invite list {}` lists its codes", self.room);
        let doing = || format!("revoke code `{}` of room `{}`", self.id, self.room);
        let done = done.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&done, |_| {
            let (id, room) = (escape(&self.id), escape(&self.room));
            if dry_run {
                format!("Dry run: code {id} of {room} can be revoked. Nothing was changed.")
            } else {
                format!("Revoked code {id}: nobody comes into {room} with it any more.")
            }
        })
    }
}
