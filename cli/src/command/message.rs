//! `chatd message`: finding what was said, writing it out, deleting it, and undoing that.

mod delete;
mod export;
mod page;
mod redact;
mod restore;
mod search;

use chatd::{
    admin::{
        Client,
        api::{List, Moment, Redaction},
    },
    clock::Millis,
    config::Period,
};
use clap::Subcommand;

use self::{delete::Delete, export::Export, redact::Redact, restore::Restore, search::Search};
use crate::{
    asking::{Asking, all, quote},
    failure::{Exit, Failure},
};

/// Find messages, write them out; delete one, or all of somebody's
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd message search deploy failed --since 7d
  chatd message export --room general --out general.jsonl
  chatd message delete general 4711
  chatd message redact --user spammer --since 2h --dry-run
  chatd message redactions
  chatd message restore 0197c0de-7b1c-7000-8000-000000000001")]
pub(crate) enum Message {
    Search(Search),
    Export(Export),
    Delete(Delete),
    Redact(Redact),

    /// List what was redacted, the newest first
    #[command(after_help = "\
Examples:
  chatd message redactions
  chatd message redactions --json | jq -r '.items[] | select(.undone_at == null) | .id'")]
    Redactions,

    Restore(Restore),
}

impl Message {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Search(search) => search.run(asking),
            Self::Export(export) => export.run(asking),
            Self::Delete(delete) => delete.run(asking),
            Self::Redact(redact) => redact.run(asking),
            Self::Redactions => redactions(asking),
            Self::Restore(restore) => restore.run(asking),
        }
    }
}

fn redactions(asking: &Asking<'_>) -> Result<(), Failure> {
    let found: List<Redaction> = asking.look(async |client| all(client, "/v1/redactions").await)?;
    let nothing = "Nothing was redacted yet: see `chatd message redact --help`.";
    asking.console.list(&found, nothing, page::list)
}

/// Where a redaction is asked for.
fn path(id: &str) -> String {
    format!("/v1/redactions/{}", quote(id))
}

/// A redaction as it stands.
async fn look(client: &Client, id: &str) -> Result<Redaction, Failure> {
    Ok(client.get(&path(id)).await?)
}

/// It began, and did not come to its end.
fn broken_off() -> Failure {
    Failure::Other(anyhow::anyhow!(
        "it was broken off: the server stopped, or its store did not answer — run the same command again, \
         and it goes on where it was"
    ))
}

/// What to try when there is no such redaction.
fn which() -> (Exit, String) {
    let hint = "`chatd message redactions` lists them with their ids";
    (Exit::NotFound, hint.to_owned())
}

/// Reads `2h` or `2026-11-24T10:00:00Z`.
fn parse_moment(text: &str) -> Result<Moment, String> {
    if text.parse::<Period>().is_ok() {
        return Ok(Moment::Ago(text.to_owned()));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(Moment::At(Millis(at.as_millisecond()))),
        Err(_) => Err(
            "write how long ago, as in 2h or 1h30m, or a time as in 2026-11-24T10:00:00Z".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_two_ways() {
        assert!(matches!(parse_moment("1h30m"), Ok(Moment::Ago(t)) if t == "1h30m"));
        let at = parse_moment("1970-01-01T00:00:01+00:00");
        assert!(matches!(at, Ok(Moment::At(Millis(1000)))), "{at:?}");
        for bad in ["", "2", "yesterday", "2026-11-24"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
