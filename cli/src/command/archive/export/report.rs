//! How an export is told of.

use chatd::admin::api::archive::Segment;
use serde::Serialize;

use super::{
    manifest::{Attached, Exported, Manifest},
    store::Dest,
};

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
    /// What people sent with those messages; none when it was left out.
    pub(super) files: Option<u64>,
    /// How many bytes those have.
    pub(super) files_size: u64,
    /// How many segments and files were there already, from before it was cut off.
    pub(super) kept: u64,
    /// What was there already, and is not of this export.
    pub(super) left: Vec<String>,
    /// Segments that could not be exported.
    pub(super) damaged: Vec<Damaged>,
    /// Files that could not.
    pub(super) lost: Vec<Lost>,
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

/// A file of which there are no bytes, or not those that came.
#[derive(Serialize)]
pub(super) struct Lost {
    pub(super) file: String,
    pub(super) id: String,
    pub(super) room: String,
    pub(super) message: u64,
    pub(super) why: String,
}

impl Lost {
    pub(super) fn of(file: &Attached, why: String) -> Self {
        Self {
            file: file.part.file.clone(),
            id: file.id.clone(),
            room: file.room.clone(),
            message: file.message,
            why,
        }
    }
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
    /// What is told of an export with this in it.
    pub(super) fn of(to: &Dest, manifest: &Manifest) -> Self {
        let segments = &manifest.segments;
        let mut rooms: Vec<_> = segments.iter().map(|s| &s.room).collect();
        rooms.dedup();
        let sum = |of: fn(&Exported) -> u64| segments.iter().map(of).sum();
        let files = manifest.files.as_ref();
        Self {
            to: to.to_string(),
            rooms: rooms.len() as u64,
            segments: segments.len() as u64,
            entries: sum(|s| s.entries),
            messages: sum(|s| s.messages),
            size: sum(|s| s.part.size),
            files: files.map(|files| files.len() as u64),
            files_size: files.into_iter().flatten().map(|file| file.part.size).sum(),
            kept: 0,
            left: Vec::new(),
            damaged: Vec::new(),
            lost: Vec::new(),
            dry_run: false,
        }
    }

    /// Fails when something could not be exported.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let (damaged, lost) = (self.damaged.len() as u64, self.lost.len() as u64);
        let what = match (damaged, lost) {
            (0, 0) => return Ok(()),
            (segments, 0) => count(segments, "segment"),
            (0, files) => count(files, "file"),
            (segments, files) => {
                format!(
                    "{} and {}",
                    count(segments, "segment"),
                    count(files, "file")
                )
            }
        };
        let are = if damaged + lost == 1 { "is" } else { "are" };
        let mut what = format!("{what} {are} damaged, and not part of the export");
        for one in &self.damaged {
            let (room, from, to) = (escape(&one.room), number(one.first), number(one.last));
            what = format!("{what}\n{room}, {from}–{to}: {}", escape(&one.why));
        }
        for one in &self.lost {
            let (id, room, message) = (escape(&one.id), escape(&one.room), number(one.message));
            what = format!(
                "{what}\nfile {id} of {room}, {message}: {}",
                escape(&one.why)
            );
        }
        let hint = if damaged == 0 {
            "`chatd store check --full` looks at all of them"
        } else {
            "`chatd archive verify` checks all segments, `chatd store check --full` the files too"
        };
        Err(Failure::Found { what, hint })
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
        let facts = match self.files {
            None => facts.with("files", "left out".to_owned()),
            Some(0) => facts,
            Some(files) => facts.with(
                "files",
                format!("{}, {}", number(files), bytes(self.files_size)),
            ),
        };
        if self.dry_run {
            let page = facts.under(&format!("Dry run: {what} would be written to {to}."));
            return format!("{page}\nNothing was written.");
        }
        let mut facts = facts.with("read back", "every file is as it was written");
        if self.kept > 0 {
            facts = facts.with("not sent again", count(self.kept, "file"));
        }
        if !self.left.is_empty() {
            let all: Vec<_> = self.left.iter().map(|file| escape(file)).collect();
            let left = count(self.left.len() as u64, "file");
            facts = facts.with(
                "not of it",
                format!(
                    "{left} from before, which this export does not name; delete what is not needed: {}",
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
            files: Some(0),
            files_size: 0,
            kept: 0,
            left: Vec::new(),
            damaged: Vec::new(),
            lost: Vec::new(),
            dry_run: false,
        };
        let text = report.words();
        assert!(
            text.contains("Exported 12 segments in 2 rooms to /b\\u{1b}."),
            "{text}"
        );
        assert!(text.contains("11,990 of 12,000 entries"), "{text}");
        assert!(
            !["again", "not of it", "files"]
                .iter()
                .any(|no| text.contains(no)),
            "{text}"
        );
        (report.kept, report.files, report.files_size) = (3, Some(2), 2048);
        report.left.push("1/1-9.chatdseg".into());
        let text = report.words();
        assert!(text.contains("3 files") && text.contains("needed: 1/1-9.chatdseg"));
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
        report.lost.push(Lost {
            file: "1/files/2".into(),
            id: "2".into(),
            room: "1".into(),
            message: 7,
            why: "its bytes are not there".into(),
        });
        let why = report.check().expect_err("as above").to_string();
        assert!(
            why.starts_with("1 segment and 1 file are damaged")
                && why.ends_with("\nfile 2 of 1, 7: its bytes are not there"),
            "{why}"
        );
        report.files = None;
        assert!(report.words().contains("left out"));
        report.dry_run = true;
        assert!(report.words().ends_with("Nothing was written."));
        report.segments = 0;
        assert!(report.words().starts_with("Dry run: nothing of that"));
    }
}
