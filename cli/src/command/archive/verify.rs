//! `chatd archive verify`: whether every segment can be read, and is what was written.

use chatd::admin::{
    Client,
    api::{
        List,
        archive::{Problem, Range, Verified},
    },
};
use clap::Args;
use serde::Serialize;

use super::{Which, bar::Bar};
use crate::{
    asking::{Asking, quote},
    console::Console,
    failure::{Exit, Explain as _, Failure},
    output::{bytes, count, count_entries, escape, number, table},
};

/// Check that everything archived can be read
///
/// Reads every segment: it has to be there, have the checksum of when it was written, hold the entries that
/// the store says it holds, and follow the one before it. Works beside a running server. Changes nothing; ends
/// with 10 when it finds problems.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive verify
  chatd archive verify --room general
  chatd archive verify --json | jq -r '.problems[] | .what'")]
pub(super) struct Verify {
    #[command(flatten)]
    which: Which,
}

/// What a check came to.
#[derive(Debug, Default, Serialize)]
struct Checked {
    segments: u64,
    entries: u64,
    bytes: u64,
    problems: Vec<Problem>,
}

impl Verify {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let checked = asking.look(async |client| self.check(client, console).await);
        let hint = "`chatd archive list` lists the runs; only those that archived have segments";
        let about = match &checked {
            Err(e) => (e.exit(), hint.to_owned()),
            Ok(_) => (Exit::NotFound, String::new()),
        };
        let checked = checked.explain(|| "verify the archive".into(), about)?;
        console.answer(&checked, |_| words(&checked))?;
        if checked.problems.is_empty() {
            return Ok(());
        }
        Err(Failure::Found {
            what: format!(
                "the archive has {}",
                count(checked.problems.len() as u64, "problem")
            ),
            hint: "keep a copy of the store as it is; docs/operating.md says what to do",
        })
    }

    async fn check(&self, client: &Client, console: &Console) -> Result<Checked, Failure> {
        let which = self.which.query(client).await?;
        let path = format!("/v1/archive/ranges?{}", which.trim_start_matches('&'));
        let ranges: List<Range> = client.get(&path).await?;
        let all = ranges
            .items
            .iter()
            .map(|r| (r.last + 1).saturating_sub(r.first))
            .sum();
        let bar = Bar::new(console);
        let mut checked = Checked::default();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/archive/verify?{cursor}{which}");
            let part: Verified = client.get(&path).await?;
            checked.segments += part.segments;
            checked.entries += part.entries;
            checked.bytes += part.bytes;
            checked.problems.extend(part.problems);
            bar.count("checking", checked.entries, all, count_entries);
            match part.next {
                Some(next) => cursor = format!("cursor={}", quote(&next)),
                None => return Ok(checked),
            }
        }
    }
}

fn words(checked: &Checked) -> String {
    if checked.segments == 0 {
        return "There is nothing in the archive to check.".into();
    }
    if checked.problems.is_empty() {
        return format!(
            "The archive is whole: {} with {} ({}) checked, no problem found.",
            count(checked.segments, "segment"),
            count_entries(checked.entries),
            bytes(checked.bytes),
        );
    }
    let rows = checked.problems.iter().map(|problem| {
        vec![
            escape(problem.name.as_deref().unwrap_or(&problem.room)).into_owned(),
            format!("{}–{}", number(problem.first), number(problem.last)),
            escape(&problem.what).into_owned(),
        ]
    });
    table(&["ROOM", "RANGE", "PROBLEM"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_that_all_is_well_or_what_is_not() {
        let nothing = words(&Checked::default());
        assert_eq!(nothing, "There is nothing in the archive to check.");
        let mut checked = Checked {
            segments: 12,
            entries: 12_000,
            bytes: 300_000,
            problems: Vec::new(),
        };
        assert_eq!(
            words(&checked),
            "The archive is whole: 12 segments with 12,000 entries (293.0 KiB) checked, no problem found."
        );
        checked.problems.push(Problem {
            room: "1".into(),
            name: Some("gen\u{1b}eral".into()),
            first: 1,
            last: 1000,
            what: "its checksum is another one".into(),
        });
        let text = words(&checked);
        let row = "gen\\u{1b}eral   1–1,000   its checksum is another one";
        assert_eq!(text.lines().last(), Some(row));
    }
}
