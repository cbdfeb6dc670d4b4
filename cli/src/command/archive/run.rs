//! `chatd archive` itself: one run.

use chatd::admin::api::archive::{self as api, NewRun};
use clap::Args;

use super::{
    age::{Old, plainly},
    follow, ids, page,
};
use crate::{
    args::name,
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
};

/// What is to be archived.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    old: Old,

    /// Only in this room, by name or id; may be repeated
    #[arg(long = "room", value_name = "ROOM", value_parser = name)]
    rooms: Vec<String>,

    /// At most N entries a second, or max [default: archive.rate]
    #[arg(long, value_name = "N|max", value_parser = parse_rate, allow_hyphen_values = true)]
    rate: Option<u32>,

    #[command(flatten)]
    dry: DryRun,
}

impl Run {
    /// A flag of these that was written, if one was.
    pub(super) fn said(&self) -> Option<&'static str> {
        [
            (self.old.is_age(), "--older-than"),
            (self.old.moment().is_some(), "--before"),
            (!self.rooms.is_empty(), "--room"),
            (self.rate.is_some(), "--rate"),
            (self.dry.dry_run, "--dry-run"),
        ]
        .into_iter()
        .find_map(|(said, flag)| said.then_some(flag))
    }

    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Some(before) = self.old.moment() else {
            return Err(Failure::Usage(NOTHING_SAID.into()));
        };
        let (console, dry_run) = (asking.console, self.dry.dry_run);
        let done: Result<api::Run, Failure> = asking.look(async |client| {
            let body = NewRun {
                before,
                rooms: ids(client, &self.rooms).await?,
                rate: self.rate,
                dry_run,
            };
            let begin = async || Ok(client.post("/v1/archive/runs", &body).await?);
            if dry_run {
                return begin().await;
            }
            follow::follow(client, console, begin).await
        });
        let hint = "`chatd archive list` shows the runs; `chatd archive policy show` the ages";
        let done = done.map_err(plainly);
        let done = done.explain(|| "archive".into(), (Exit::Conflict, hint.into()))?;
        if dry_run {
            return follow::tell_plan(console, &done, |now| page::plan(&done, now));
        }
        follow::tell_end(console, &done, |now| page::run(&done, None, now))
    }
}

const NOTHING_SAID: &str = "\
say from which age on messages are archived, or what else is to be done

  chatd archive --older-than 30d --dry-run   what would be archived
  chatd archive --older-than 30d             archive it
  chatd archive --before 2026-01-31          what is from before that day
  chatd archive list                         the runs so far

For more information, try 'chatd archive --help'.";

/// Entries a second; 0, as the API says it, for as many as it can.
fn parse_rate(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        _ if text == "max" => Ok(0),
        Ok(rate @ 1..=1_000_000) => Ok(rate),
        _ => Err("write how many entries a second, from 1 to 1000000, or max".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_max() {
        assert_eq!(parse_rate("max"), Ok(0));
        assert_eq!(parse_rate("5000"), Ok(5000));
        for bad in ["", "0", "-1", "1000001", "fast", "5k", "1.5"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
