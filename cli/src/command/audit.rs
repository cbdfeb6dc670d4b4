//! `chatd audit`: who did what. The control log listed, checked and written out.

mod export;
mod list;
mod page;
mod verify;

use chatd::admin::{Client, api::audit::Rows};
use clap::Subcommand;

use self::{export::Export, list::List, verify::Verify};
use crate::{asking::Asking, failure::Failure};

/// See who did what, and check that nobody changed it
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd audit list --since 2h
  chatd audit verify
  chatd audit export acts.jsonl")]
pub(crate) enum Audit {
    List(List),
    Verify(Verify),
    Export(Export),
}

impl Audit {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(asking),
            Self::Verify(verify) => verify.run(asking),
            Self::Export(export) => export.run(asking),
        }
    }
}

/// Hands the rows of the control log after `after` to `each`, page by page, up to the one that was the last
/// when this began: a log that grows is not run after.
async fn walk(
    client: &Client,
    mut after: u64,
    mut each: impl FnMut(&chatd::admin::api::audit::RawEntry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut end = None;
    loop {
        let rows: Rows = client.get(&format!("/v1/audit/rows?after={after}")).await?;
        let end = *end.get_or_insert(rows.head);
        for row in rows.items.iter().take_while(|row| row.seq <= end) {
            each(row)?;
        }
        match rows.items.last() {
            Some(last) if last.seq < end => after = last.seq,
            _ => return Ok(()),
        }
    }
}
