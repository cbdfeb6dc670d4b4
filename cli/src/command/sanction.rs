//! Mutes and bans of people, as `chatd user`, `chatd room` and `chatd ban` share them.

use chatd::{
    admin::api::{self, Done, NewSanction},
    clock::Millis,
    model::{Reason, SanctionKind},
};
use clap::Args;

use crate::{
    args::seconds,
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Table, escape, moment},
};

/// For how long, and why.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// For how long, such as 2h or 7d; for good when not said
    #[arg(long = "for", value_name = "PERIOD", value_parser = seconds)]
    pub(super) lifetime: Option<u64>,

    /// Why; whoever it stops is told
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<Reason>,

    #[command(flatten)]
    pub(super) dry: DryRun,
}

/// What is taken from whom, and where.
pub(super) struct Target<'a> {
    pub(super) kind: SanctionKind,
    pub(super) user: &'a str,
    /// None for the whole server.
    pub(super) room: Option<&'a str>,
}

impl Target<'_> {
    /// Mutes or bans.
    pub(super) fn impose(&self, asking: &Asking<'_>, terms: &Terms) -> Result<(), Failure> {
        let dry_run = terms.dry.dry_run;
        let new = NewSanction {
            expires_in: terms.lifetime,
            reason: terms.reason.as_ref().map(ToString::to_string),
            dry_run,
        };
        let path = self.path();
        let made: Result<api::Sanction, Failure> =
            asking.act(dry_run, async |client| Ok(client.put(&path, &new).await?));
        let doing = || format!("{} `{}` {}", self.kind, self.user, self.place());
        let made = made.explain(doing, self.who())?;
        asking.console.answer(&made, |now| {
            let name = made.name.as_deref().unwrap_or(self.user);
            let (name, place) = (escape(name), self.place());
            let until = until(made.until, now);
            let is = match self.kind {
                SanctionKind::Mute => "muted",
                SanctionKind::Ban => "banned",
            };
            if dry_run {
                format!("Dry run: {name} can be {is} {place} {until}. Nothing was changed.")
            } else {
                format!("{name} is {is} {place} {until}.")
            }
        })
    }

    /// Lifts a mute or a ban.
    pub(super) fn lift(&self, asking: &Asking<'_>, dry: DryRun) -> Result<(), Failure> {
        let dry_run = dry.dry_run;
        let path = format!("{}?dry_run={dry_run}", self.path());
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let doing = || format!("un{} `{}` {}", self.kind, self.user, self.place());
        let hint = match self.room {
            None => "`chatd ban list` shows who is muted or banned on the whole server".into(),
            Some(room) => format!("`chatd room sanctions {room}` shows who is muted or banned"),
        };
        let done = done.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&done, |_| {
            let (kind, name, place) = (self.kind, escape(self.user), self.place());
            if dry_run {
                format!("Dry run: the {kind} of {name} {place} can be lifted. Nothing was changed.")
            } else {
                format!("Lifted the {kind} of {name} {place}.")
            }
        })
    }

    fn path(&self) -> String {
        let (kind, user) = (self.kind, quote(self.user));
        match self.room {
            None => format!("/v1/users/{user}/{kind}"),
            Some(room) => format!("/v1/rooms/{}/{kind}s/{user}", quote(room)),
        }
    }

    fn place(&self) -> String {
        match (self.kind, self.room) {
            (SanctionKind::Mute, None) => "on the whole server".into(),
            (SanctionKind::Ban, None) => "from the server".into(),
            (SanctionKind::Mute, Some(room)) => format!("in {}", escape(room)),
            (SanctionKind::Ban, Some(room)) => format!("from {}", escape(room)),
        }
    }

    fn who(&self) -> (Exit, String) {
        let hint = match self.room {
            None => "`chatd user list` lists every account",
            Some(_) => "`chatd room list` lists every room, `chatd user list` every account",
        };
        (Exit::NotFound, hint.into())
    }
}

/// A line for each.
pub(super) fn table_of(sanctions: &[api::Sanction], now: Millis) -> Table {
    let rows = sanctions.iter().map(|sanction| {
        vec![
            Cell::text(sanction.name.as_deref().unwrap_or(&sanction.user)),
            Cell::text(sanction.kind.as_str()),
            Cell::ago_or(sanction.until, now, "for good"),
            Cell::ago(sanction.at, now),
            Cell::or(sanction.by.as_deref(), "operator"),
            Cell::or(sanction.reason.as_deref(), ""),
        ]
    });
    Table::new(&["NAME", "KIND", "UNTIL", "SINCE", "BY", "REASON"], rows)
}

/// Until when, as the end of a sentence.
pub(super) fn until(at: Option<Millis>, now: Millis) -> String {
    at.map_or("for good".into(), |at| format!("until {}", moment(at, now)))
}
