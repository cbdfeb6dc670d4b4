//! `chatd store check`: whether everything is as it should be.

use chatd::admin::api::{CheckLine, Problem, StoreInfo};
use clap::Args;
use serde::Serialize;

use super::bar::Bar;
use crate::{
    asking::Asking,
    failure::Failure,
    output::{count, escape, number, table},
};

/// Check that the store is whole
///
/// Reads all of it: every log has no gap and is in order, records are right and refer to what exists, every
/// room has its owner, the audit log's chain of hashes is intact, and the database itself finds no fault.
/// Works while the server runs, too. Changes nothing; ends with 10 when it finds problems.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store check
  chatd store check --json | jq -r '.problems[].place'")]
pub(crate) struct Check {}

/// What a check came to.
#[derive(Debug, Default, Serialize)]
struct Checked {
    /// How many records it has read.
    records: u64,
    /// How many problems it has found.
    found: u64,
    /// The first of them.
    problems: Vec<Problem>,
}

impl Check {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let mut checked = Checked::default();
        let mut end = None;
        asking.look(async |client| {
            let info: StoreInfo = client.get("/v1/store").await?;
            let mut bar = Bar::new(console);
            bar.total(info.tables.iter().map(|table| table.records).sum());
            let take = |line| match line {
                CheckLine::Progress { table, done, .. } => bar.at(&table, done),
                CheckLine::Problem(problem) => checked.problems.push(problem),
                CheckLine::Done { records, problems } => {
                    (checked.records, checked.found) = (records, problems);
                    end = Some(Ok(()));
                }
                CheckLine::Failed { why } => end = Some(Err(why)),
            };
            Ok(client.lines("/v1/store/check", take).await?)
        })?;
        match end {
            Some(Ok(())) => {}
            Some(Err(why)) => {
                return Err(Failure::Found {
                    what: format!("the check could not go on — {why}"),
                    hint: "if the store answers (`chatd store info`), it is damaged: go back to a backup",
                });
            }
            None => {
                let why = "the check ended before its end: the server stopped, or lost its store";
                return Err(anyhow::anyhow!(why).into());
            }
        }
        console.answer(&checked, |_| words(&checked))?;
        if checked.found == 0 {
            return Ok(());
        }
        Err(Failure::Found {
            what: format!("the check found {}", count(checked.found, "problem")),
            hint: "docs/operating.md says what to do about a store that is not whole",
        })
    }
}

fn words(checked: &Checked) -> String {
    let records = count(checked.records, "record");
    if checked.found == 0 {
        return format!("The store is whole: {records} checked, no problem found.");
    }
    let rows = checked.problems.iter().map(|problem| {
        vec![
            escape(&problem.place).into_owned(),
            escape(&problem.what).into_owned(),
        ]
    });
    let list = table(&["PLACE", "PROBLEM"], rows);
    let told = checked.problems.len() as u64;
    let more = match checked.found.saturating_sub(told) {
        0 => String::new(),
        more => format!("\n… and {} more", number(more)),
    };
    format!("{list}{more}")
}
