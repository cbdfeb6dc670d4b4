//! What lies already where an export is to go.

use std::collections::{BTreeMap, HashSet};

use chatd::id::{FileId, RoomId};

use super::super::manifest::{FILES, MANIFEST, Part};
use crate::{
    failure::{Exit, Failure},
    output::count,
};

/// What is there.
#[derive(Debug, Default)]
pub(in super::super) struct There {
    /// Segments and files of messages, by name, with their sizes.
    pub(in super::super) files: BTreeMap<String, u64>,
    /// Whether there is a manifest: an export came to its end there.
    pub(super) manifest: bool,
    /// Something that no export wrote.
    pub(super) strange: Option<String>,
}

impl There {
    /// Takes note of a file.
    pub(super) fn note(&mut self, name: &str, size: u64) {
        if name == MANIFEST {
            self.manifest = true;
        } else if is_part(name) {
            self.files.insert(name.to_owned(), size);
        } else {
            self.strange.get_or_insert_with(|| name.to_owned());
        }
    }

    /// Whether a directory of that name can be an export's.
    pub(super) fn is_dir(name: &str) -> bool {
        match name.split_once('/') {
            None => is_room(name),
            Some((room, dir)) => is_room(room) && dir == FILES,
        }
    }

    /// What is there, and not of this export.
    pub(in super::super) fn left_over<'a>(
        &self,
        exported: impl Iterator<Item = &'a Part>,
    ) -> Vec<String> {
        let named: HashSet<_> = exported.map(|one| one.file.as_str()).collect();
        let left = self.files.keys();
        left.filter(|file| !named.contains(file.as_str()))
            .cloned()
            .collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.manifest && self.strange.is_none()
    }

    /// Whether an export can begin there, or go on: nothing is overwritten that is not its own.
    pub(in super::super) fn check(&self, to: &str, resume: bool) -> Result<(), Failure> {
        let parts = self.files.len() as u64;
        let (what, hint) = if self.manifest {
            (
                format!("{to} has an export that is complete"),
                "name a place where nothing is yet",
            )
        } else if let Some(strange) = &self.strange {
            (
                format!("{to} is not empty: there is {strange}"),
                "name a place where nothing is yet",
            )
        } else if parts > 0 && !resume {
            (
                format!(
                    "{to} is not empty: there is an export that was cut off, {}",
                    count(parts, "file")
                ),
                "add --resume to go on with it, or name a place where nothing is yet",
            )
        } else {
            return Ok(());
        };
        Err(Failure::Listed {
            what: format!("{what} — nothing was written"),
            lines: Vec::new(),
            exit: Exit::Unconfirmed,
            hint: hint.into(),
        })
    }
}

/// Whether a name is `ROOM-ID/FIRST-LAST.chatdseg` or `ROOM-ID/files/FILE-ID`.
fn is_part(name: &str) -> bool {
    let Some((room, rest)) = name.split_once('/') else {
        return false;
    };
    let is_ours = match rest.split_once('/') {
        Some((dir, file)) => dir == FILES && file.parse::<FileId>().is_ok(),
        None => is_segment(rest),
    };
    is_room(room) && is_ours
}

fn is_room(name: &str) -> bool {
    name.parse::<RoomId>().is_ok()
}

fn is_segment(name: &str) -> bool {
    let range = name.strip_suffix(".chatdseg");
    let range = range.and_then(|range| range.split_once('-'));
    range.is_some_and(|(first, last)| {
        let range = (first.parse::<u64>(), last.parse::<u64>());
        matches!(range, (Ok(first), Ok(last)) if first <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "0197c0de-7b1c-7000-8000-000000000001";
    const FILE: &str = "0197c0de-7b1c-7000-8000-000000000002";

    #[test]
    fn only_a_cut_off_export_is_gone_on_with() {
        let mut there = There::default();
        there.check("/b", false).expect("nothing is there");
        there.check("/b", true).expect("nothing is there");
        there.note(&format!("{ROOM}/1-1000.chatdseg"), 7);
        there.note(&format!("{ROOM}/files/{FILE}"), 7);
        let why = there.check("/b", false).expect_err("it is used");
        assert_eq!(why.exit(), Exit::Unconfirmed);
        assert!(why.hint().is_some_and(|hint| hint.contains("--resume")));
        there.check("/b", true).expect("it was cut off");
        there.note(MANIFEST, 7);
        assert!(there.check("/b", true).is_err());
    }

    #[test]
    fn what_no_export_wrote_is_left_alone() {
        for name in [
            "notes.txt".to_owned(),
            "general/1-1000.chatdseg".to_owned(),
            format!("{ROOM}/9-1.chatdseg"),
            format!("{ROOM}/1-9.chatdseg.bak"),
            format!("{ROOM}/a/1-9.chatdseg"),
            format!("a/{ROOM}/1-9.chatdseg"),
            format!("{ROOM}/{FILE}"),
            format!("{ROOM}/files/1-9.chatdseg"),
            format!("{ROOM}/files/{FILE}/a"),
            format!("files/{FILE}"),
        ] {
            let mut there = There::default();
            there.note(&name, 1);
            let why = there.check("/b", true).expect_err(&name).to_string();
            assert!(why.contains(&name), "{why}");
        }
    }
}
