//! `chatd ban`: who is kept out of the server, people and addresses.

use chatd::{
    admin::api::{self, AddressBan, Done, List, NewAddressBan},
    clock::Millis,
};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::sanction::{Terms, until};
use crate::{
    asking::{Asking, all, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Table, escape},
};

/// Keep addresses out, and see who is muted or banned
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd ban list
  chatd ban add 198.51.100.0/24 --for 7d --reason spam
  chatd user ban eve --for 30d      # a person, not an address")]
pub(crate) enum Ban {
    /// List who is muted or banned on the whole server
    ///
    /// First the address ranges, then the people. Who is muted or banned in one room only is listed by
    /// `chatd room sanctions`.
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd ban list
  chatd ban list --json | jq -r '.addresses[].network'
  chatd ban list --json | jq '.people[] | select(.kind == \"ban\")'"
    )]
    List,

    Add(Add),

    Remove(Remove),
}

/// Ban a range of addresses
///
/// Nothing that comes from there is answered any more, and open connections are closed. A ban of the same
/// range takes the place of the one before.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd ban add 198.51.100.0/24 --for 7d --reason spam
  chatd ban add 2001:db8:1::/48
  chatd ban add 203.0.113.7 --dry-run")]
pub(crate) struct Add {
    /// An address, or a range such as 198.51.100.0/24
    range: String,

    #[command(flatten)]
    terms: Terms,
}

/// Let a range of addresses in again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd ban remove 198.51.100.0/24
  chatd ban remove 203.0.113.7 --dry-run")]
pub(crate) struct Remove {
    /// The range, as `chatd ban list` shows it
    range: String,

    #[command(flatten)]
    dry: DryRun,
}

/// Everybody who is kept out or silent.
#[derive(Serialize)]
struct Kept {
    addresses: Vec<AddressBan>,
    people: Vec<api::Sanction>,
}

/// One of them.
#[derive(Serialize)]
#[serde(untagged)]
enum One<'a> {
    Addresses(&'a AddressBan),
    Person(&'a api::Sanction),
}

impl Ban {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List => list(asking),
            Self::Add(add) => add.run(asking),
            Self::Remove(remove) => remove.run(asking),
        }
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let kept = asking.look(async |client| {
        let addresses: List<AddressBan> = client.get("/v1/address-bans").await?;
        let people: List<api::Sanction> = all(client, "/v1/sanctions").await?;
        Ok(Kept {
            addresses: addresses.items,
            people: people.items,
        })
    })?;
    let addresses = kept.addresses.iter().map(One::Addresses);
    let all: Vec<_> = addresses
        .chain(kept.people.iter().map(One::Person))
        .collect();
    let nothing = "Nobody is banned or muted on the whole server, and no addresses are.";
    asking.console.items(&kept, &all, nothing, table_of)
}

/// A line for each: addresses first.
fn table_of(all: &[One<'_>], now: Millis) -> Table {
    let rows = all.iter().map(|one| {
        let (who, kind, until, at, by, reason) = match one {
            One::Addresses(ban) => (
                &ban.network,
                "addresses",
                ban.until,
                ban.at,
                &ban.by,
                &ban.reason,
            ),
            One::Person(of) => (
                of.name.as_ref().unwrap_or(&of.user),
                of.kind.as_str(),
                of.until,
                of.at,
                &of.by,
                &of.reason,
            ),
        };
        vec![
            Cell::text(who),
            Cell::text(kind),
            Cell::ago_or(until, now, "for good"),
            Cell::ago(at, now),
            Cell::or(by.as_deref(), "operator"),
            Cell::or(reason.as_deref(), ""),
        ]
    });
    let headings = ["WHO", "KIND", "UNTIL", "SINCE", "BY", "REASON"];
    Table::new(&headings, rows)
}

impl Add {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.terms.dry.dry_run;
        let new = NewAddressBan {
            network: self.range.clone(),
            expires_in: self.terms.lifetime,
            reason: self.terms.reason.as_ref().map(ToString::to_string),
            dry_run,
        };
        let made: Result<AddressBan, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post("/v1/address-bans", &new).await?)
        });
        let hint = if self.range.contains(['.', ':', '/']) {
            (
                Exit::Conflict,
                "`chatd ban list` lists the ranges that are banned",
            )
        } else {
            (Exit::Usage, "a person is banned with `chatd user ban NAME`")
        };
        let doing = || format!("ban the addresses `{}`", self.range);
        let made = made.explain(doing, (hint.0, hint.1.into()))?;
        asking.console.answer(&made, |now| {
            let (range, until) = (escape(&made.network), until(made.until, now));
            if dry_run {
                format!("Dry run: {range} can be banned {until}. Nothing was changed.")
            } else {
                format!("{range} is banned {until}.")
            }
        })
    }
}

impl Remove {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let range = quote(&self.range);
        let path = format!("/v1/address-bans?network={range}&dry_run={dry_run}");
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = "`chatd ban list` lists the ranges that are banned".to_owned();
        let doing = || format!("let the addresses `{}` in again", self.range);
        let done = done.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&done, |_| {
            let range = escape(&self.range);
            if dry_run {
                format!("Dry run: {range} can be let in again. Nothing was changed.")
            } else {
                format!("{range} is let in again.")
            }
        })
    }
}
