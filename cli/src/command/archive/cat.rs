//! `chatd archive cat`: what is archived, as JSON lines.

use chatd::admin::{
    Client,
    api::{
        List,
        archive::{Entry, Range},
    },
};
use clap::Args;

use super::Which;
use crate::{
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
    output::{Lines, count_entries, is_closed},
};

/// Write what is archived to stdout, as JSON lines
///
/// A line for each entry: messages and what else happened in a room, by room and number. What is said is
/// what readers see: later changes are in it, and deleted messages are without their text. Files of
/// `chatd archive export` are read with `tail -n +2 FILE | zstd -dc`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive cat --room general | jq -r 'select(.kind == \"message\") | .data.body'
  chatd archive cat --run 0197c0de-7b1c-7000-8000-000000000001 | wc -l
  chatd archive cat | head")]
pub(super) struct Cat {
    #[command(flatten)]
    which: Which,
}

impl Cat {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let written = asking.look(async |client| self.write(client).await);
        let written = match written {
            Err(e) if is_closed(&e) => return Ok(()),
            Err(e) if e.exit() == Exit::NotFound => {
                let hint = "`chatd archive list` lists the runs with their ids".to_owned();
                Err(e).explain(|| "show what is archived".into(), (Exit::NotFound, hint))
            }
            other => {
                let hint = "`chatd archive list` tells which runs archived".to_owned();
                other.explain(|| "show what is archived".into(), (Exit::Conflict, hint))
            }
        };
        let (written, unread) = written?;
        if written == 0 && unread == 0 {
            asking.console.note("Nothing of that is in the archive.");
        }
        unreadable(unread)
    }

    /// Answers how many lines it wrote, and how many entries did not read.
    async fn write(&self, client: &Client) -> Result<(u64, u64), Failure> {
        let which = self.which.query(client).await?;
        let path = format!("/v1/archive/ranges?{}", which.trim_start_matches('&'));
        let ranges: List<Range> = client.get(&path).await?;
        let (mut out, mut written, mut all) = (Lines::out(), 0, 0);
        for range in ranges.items {
            all += (range.last + 1).saturating_sub(range.first);
            let mut after = (range.first - 1).to_string();
            loop {
                let path = format!(
                    "/v1/rooms/{}/entries?after={after}&upto={}",
                    quote(&range.room),
                    range.last
                );
                let page: List<Entry> = client.get(&path).await?;
                for entry in page.items.iter().filter(|entry| entry.kind != "damaged") {
                    out.line(entry)?;
                    written += 1;
                }
                out.flush()?;
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
        }
        out.finish()?;
        Ok((written, all.saturating_sub(written)))
    }
}

/// Fails when archived entries did not read: what was written is all else.
pub(crate) fn unreadable(entries: u64) -> Result<(), Failure> {
    if entries == 0 {
        return Ok(());
    }
    Err(Failure::Found {
        what: format!(
            "{} cannot be read, and were left out",
            count_entries(entries)
        ),
        hint: "`chatd archive verify` tells which segments are damaged, `chatd store check` what else is",
    })
}
