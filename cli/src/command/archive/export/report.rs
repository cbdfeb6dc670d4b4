//! How an export is told of.

use chatd::admin::api::archive::Segment;
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Facts, bytes, count, count_entries, escape, number},
};

/// What is told of it.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) to: String,
    pub(super) rooms: u64,
    pub(super) segments: u64,
    pub(super) entries: u64,
    pub(super) messages: u64,
    pub(super) size: u64,
    /// Segments that were there already, from before it was cut off.
    pub(super) kept: u64,
    /// Files that were there already, and are not of this export.
    pub(super) left: Vec<String>,
    /// What could not be exported.
    pub(super) damaged: Vec<Damaged>,
    pub(super) dry_run: bool,
}

/// A segment that is not as it was written.
#[derive(Serialize)]
pub(super) struct Damaged {
    pub(super) room: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) why: String,
}

impl Damaged {
    pub(super) fn of(segment: &Segment, why: String) -> Self {
        Self {
            room: segment.room.clone(),
            first: segment.first,
            last: segment.last,
            why,
        }
    }
}

impl Report {
    /// Fails when something could not be exported.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.damaged.is_empty() {
            return Ok(());
        }
        let mut what = format!(
            "{} damaged, and not part of the export",
            match self.damaged.len() as u64 {
                1 => "1 segment is".to_owned(),
                many => format!("{} are", count(many, "segment")),
            }
        );
        for one in &self.damaged {
            let (room, first, last) = (escape(&one.room), number(one.first), number(one.last));
            what = format!("{what}\n{room}, {first}–{last}: {}", escape(&one.why));
        }
        Err(Failure::Found {
            what,
            hint: "`chatd archive verify` checks all of them",
        })
    }

    /// What was written, or would be.
    pub(super) fn words(&self) -> String {
        let to = escape(&self.to);
        if self.segments == 0 {
            return if self.dry_run {
                format!(
                    "Dry run: nothing of that is in the archive; only a manifest would go to {to}."
                )
            } else {
                format!("Nothing of that is in the archive; only a manifest was written to {to}.")
            };
        }
        let what = format!(
            "{} in {}",
            count(self.segments, "segment"),
            count(self.rooms, "room")
        );
        let facts = Facts::default()
            .with(
                "messages",
                format!(
                    "{} of {}",
                    number(self.messages),
                    count_entries(self.entries)
                ),
            )
            .with("size", bytes(self.size));
        if self.dry_run {
            let page = facts.under(&format!("Dry run: {what} would be written to {to}."));
            return format!("{page}\nNothing was written.");
        }
        let mut facts = facts.with("read back", "every file is as it was written");
        if self.kept > 0 {
            facts = facts.with("not sent again", count(self.kept, "segment"));
        }
        if !self.left.is_empty() {
            let all: Vec<_> = self.left.iter().map(|file| escape(file)).collect();
            let left = count(self.left.len() as u64, "file");
            facts = facts.with(
                "not of it",
                format!(
                    "{left} from before, no longer in the archive; delete what is not needed: {}",
                    all.join(", ")
                ),
            );
        }
        facts.under(&format!("Exported {what} to {to}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_where() {
        let mut report = Report {
            to: "/b\u{1b}".into(),
            rooms: 2,
            segments: 12,
            entries: 12_000,
            messages: 11_990,
            size: 300_000,
            kept: 0,
            left: Vec::new(),
            damaged: Vec::new(),
            dry_run: false,
        };
        let text = report.words();
        assert!(
            text.contains("Exported 12 segments in 2 rooms to /b\\u{1b}."),
            "{text}"
        );
        assert!(text.contains("11,990 of 12,000 entries"), "{text}");
        assert!(
            !text.contains("again") && !text.contains("not of it"),
            "{text}"
        );
        report.kept = 3;
        report.left.push("1/1-9.chatdseg".into());
        let text = report.words();
        assert!(text.contains("3 segments") && text.contains("needed: 1/1-9.chatdseg"));
        assert!(report.check().is_ok());
        report.damaged.push(Damaged {
            room: "1".into(),
            first: 1,
            last: 1000,
            why: "its checksum is another one".into(),
        });
        let why = report.check().expect_err("as above").to_string();
        assert!(
            why.ends_with("\n1, 1–1,000: its checksum is another one"),
            "{why}"
        );
        report.dry_run = true;
        assert!(report.words().ends_with("Nothing was written."));
        report.segments = 0;
        assert!(report.words().starts_with("Dry run: nothing of that"));
    }
}
