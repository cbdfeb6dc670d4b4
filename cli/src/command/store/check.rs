//! `chatd store check`: whether everything is as it should be.

use chatd::admin::api::{CheckLine, IndexChecked, Problem, StoreInfo};
use clap::Args;
use serde::Serialize;

use super::bar::Bar;
use crate::{
    asking::Asking,
    failure::Failure,
    output::{count, escape, number, table},
};

/// What the server calls the part after all tables.
const INDEX: &str = "search index";

/// Check that the store is whole
///
/// Reads all of it: every log has no gap and is in order, records are right and refer to what exists, every
/// room has its owner, the audit log's chain of hashes is intact, every file has the bytes that were uploaded, and
/// the database itself finds no fault. Then it reads the search index, and compares about a thousand of its messages
/// with the store, or with `--full` all. Works while the server runs, too. Changes nothing; ends with 10 when it
/// finds problems.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store check
  chatd store check --full
  chatd store check --json | jq -r '.problems[].place'")]
pub(crate) struct Check {
    /// Compare all of the search index with the store, in both directions
    #[arg(long)]
    full: bool,
}

/// What a check came to.
#[derive(Debug, Default, Serialize)]
struct Checked {
    /// How many records it has read.
    records: u64,
    /// How many problems it has found.
    found: u64,
    /// The first of them.
    problems: Vec<Problem>,
    /// What came of the search index.
    index: IndexChecked,
}

impl Check {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let mut checked = Checked::default();
        let (mut end, mut in_index) = (None, false);
        asking.look(async |client| {
            let info: StoreInfo = client.get("/v1/store").await?;
            let mut bar = Bar::new(console);
            bar.total(info.tables.iter().map(|table| table.records).sum());
            let take = |line| match line {
                CheckLine::Progress { table, done, of } => {
                    if table == INDEX && !std::mem::replace(&mut in_index, true) {
                        bar.next(of);
                    }
                    bar.at(&table, done);
                }
                CheckLine::Problem(problem) => checked.problems.push(problem),
                CheckLine::Index(index) => checked.index = index,
                CheckLine::Done { records, problems } => {
                    (checked.records, checked.found) = (records, problems);
                    end = Some(Ok(()));
                }
                CheckLine::Failed { why } => end = Some(Err(why)),
            };
            let path = format!("/v1/store/check?full={}", self.full);
            Ok(client.lines(&path, take).await?)
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
            hint: if checked.index.problems == checked.found {
                "the store is whole; `chatd store reindex` makes the search index anew"
            } else if checked.index.problems > 0 {
                "docs/operating.md says what to do about a store that is not whole; `chatd store reindex` makes the \
                 search index anew"
            } else {
                "docs/operating.md says what to do about a store that is not whole"
            },
        })
    }
}

fn words(checked: &Checked) -> String {
    let records = count(checked.records, "record");
    if checked.found == 0 {
        let index = index(&checked.index);
        return format!("The store is whole: {records} checked, no problem found.\n{index}");
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

/// What came of a search index in which nothing is wrong.
fn index(checked: &IndexChecked) -> String {
    let Some(messages) = checked.messages else {
        return "There is no search index of this store yet: the server makes it.".into();
    };
    let (compared, all) = (number(checked.compared), count(messages, "message"));
    let mut text = format!("The search index is whole: {compared} of {all} compared.");
    if checked.behind > 0 {
        let behind = count(checked.behind, "message");
        text = format!("{text} Of {behind} nothing can be said: it is behind there.");
    }
    text
}
