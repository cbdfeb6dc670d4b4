//! The manifest of an export: what is in it, and how to tell that it is whole.

use std::fmt::Write as _;

use chatd::clock::Millis;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The file that says what else there is; without it an export is not whole.
pub(super) const MANIFEST: &str = "manifest.json";

/// What an export has; `manifest.json` is this.
#[derive(Serialize)]
pub(super) struct Manifest {
    pub(super) format: &'static str,
    pub(super) version: u32,
    pub(super) exported_at: Millis,
    /// Of which incarnation of the store.
    pub(super) epoch: String,
    pub(super) segments: Vec<Exported>,
}

/// A segment as a file.
#[derive(Serialize)]
pub(super) struct Exported {
    pub(super) file: String,
    pub(super) room: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) entries: u64,
    pub(super) messages: u64,
    pub(super) size: u64,
    /// Of the file, in hexadecimal.
    pub(super) sha256: String,
}

impl Manifest {
    /// One with nothing in it yet.
    pub(super) fn new(exported_at: Millis, epoch: String) -> Self {
        Self {
            format: "chatd-archive-export",
            version: 1,
            exported_at,
            epoch,
            segments: Vec::new(),
        }
    }
}

/// The checksum of a file, in hexadecimal, as `sha256sum` tells it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes it");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_it_is() {
        assert_eq!(sha256(b"")[..8], *"e3b0c442");
        let text = serde_json::to_string(&Manifest::new(Millis(7), "e".into())).expect("JSON");
        assert_eq!(
            text,
            "{\"format\":\"chatd-archive-export\",\"version\":1,\"exported_at\":7,\"epoch\":\"e\",\
             \"segments\":[]}"
        );
    }
}
