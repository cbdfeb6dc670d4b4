//! `chatd archive list`.

use std::fmt::Write as _;

use chatd::admin::api::{self, archive::Run};
use clap::Args;

use super::page;
use crate::{
    asking::{Asking, quote},
    failure::Failure,
};

/// As many as the server gives at once.
const PAGE: u64 = 200;

/// List the runs of the archive, the newest first
///
/// Whoever began them: you, somebody else or the schedule. A run archives, restores, prunes, purges what was
/// pruned, or erases texts of deleted messages.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive list
  chatd archive list --json | jq -r '.items[] | select(.state == \"failed\") | .id'")]
pub(super) struct List {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
}

impl List {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let found = asking.look(async |client| {
            let (mut items, mut next): (Vec<Run>, Option<String>) = (Vec::new(), None);
            loop {
                let have = u64::try_from(items.len()).unwrap_or(u64::MAX);
                let limit = self.limit.saturating_sub(have).min(PAGE);
                let mut path = format!("/v1/archive/runs?limit={limit}");
                if let Some(cursor) = &next {
                    write!(path, "&cursor={}", quote(cursor)).expect("a String takes it");
                }
                let list: api::List<Run> = client.get(&path).await?;
                items.extend(list.items);
                next = list.next;
                if next.is_none() || items.len() as u64 >= self.limit {
                    return Ok(api::List { items, next });
                }
            }
        })?;
        let nothing = "Nothing was archived yet: see `chatd archive --help`.";
        console.list(&found, nothing, page::list)?;
        if found.next.is_some() && console.is_words() {
            console.note("There are more: say how many with --limit.");
        }
        Ok(())
    }
}
