//! The manifest of an export: what is in it, and how to tell that it is whole.

use chatd::{admin::api, clock::Millis};
use serde::Serialize;

/// The file that says what else there is; without it an export is not whole.
pub(super) const MANIFEST: &str = "manifest.json";

/// Where the files of a room's messages lie, beside its segments.
pub(super) const FILES: &str = "files";

/// What an export has; `manifest.json` is this.
#[derive(Serialize)]
pub(super) struct Manifest {
    pub(super) format: &'static str,
    pub(super) version: u32,
    pub(super) exported_at: Millis,
    /// Of which incarnation of the store.
    pub(super) epoch: String,
    pub(super) segments: Vec<Exported>,
    /// The files of the messages in those segments; none when they were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<Vec<Attached>>,
}

/// What lies under a name, and is told by its size and checksum.
#[derive(Clone, Serialize)]
pub(super) struct Part {
    pub(super) file: String,
    pub(super) size: u64,
    /// Of the file, in hexadecimal.
    pub(super) sha256: String,
}

/// A segment as a file.
#[derive(Serialize)]
pub(super) struct Exported {
    #[serde(flatten)]
    pub(super) part: Part,
    pub(super) room: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) entries: u64,
    pub(super) messages: u64,
}

/// A file of a message.
#[derive(Clone, Serialize)]
pub(super) struct Attached {
    #[serde(flatten)]
    pub(super) part: Part,
    pub(super) id: String,
    pub(super) room: String,
    /// The `seq` of its message.
    pub(super) message: u64,
    /// What it was called.
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) media: String,
}

impl Manifest {
    /// One with nothing in it yet.
    pub(super) fn new(exported_at: Millis, epoch: String, files: bool) -> Self {
        Self {
            format: "chatd-archive-export",
            version: 1,
            exported_at,
            epoch,
            segments: Vec::new(),
            files: files.then(Vec::new),
        }
    }

    /// All that lies beside it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        let segments = self.segments.iter().map(|one| &one.part);
        let files = self.files.iter().flatten();
        segments.chain(files.map(|one| &one.part))
    }
}

impl Attached {
    /// What the store says of a file that is in a message.
    pub(super) fn of(file: &api::File) -> Option<Self> {
        let (room, message) = (file.room.clone()?, file.message?);
        Some(Self {
            part: Part {
                file: format!("{room}/{FILES}/{}", file.id),
                size: file.size,
                sha256: file.sha256.clone(),
            },
            id: file.id.clone(),
            room,
            message,
            name: file.name.clone(),
            media: file.media.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_it_is() {
        let text = |files| {
            serde_json::to_string(&Manifest::new(Millis(7), "e".into(), files)).expect("JSON")
        };
        let begin = "{\"format\":\"chatd-archive-export\",\"version\":1,\"exported_at\":7,\"epoch\":\"e\",\
             \"segments\":[]";
        assert_eq!(text(false), format!("{begin}}}"));
        assert_eq!(text(true), format!("{begin},\"files\":[]}}"));
    }
}
