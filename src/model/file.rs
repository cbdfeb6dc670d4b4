//! Files: what people send beside texts.

use serde::{Deserialize, Serialize};

use super::{
    record::word,
    text::{FileName, Invalid},
};
use crate::{
    clock::Millis,
    id::{FileId, RoomId, UserId},
};

/// What is known of a file. Its bytes lie elsewhere, under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Which.
    pub id: FileId,
    /// Who uploaded it.
    pub owner: UserId,
    /// What it is called, for people.
    pub name: FileName,
    /// What is in it, by its bytes: a media type.
    pub media: String,
    /// How many bytes it has.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Width and height in pixels, of an image.
    pub pixels: Option<(u32, u32)>,
    /// When it was uploaded.
    pub at: Millis,
    /// The room and the `seq` of the message it is attached to; none while it is an upload and no more.
    pub place: Option<(RoomId, u64)>,
    /// From when on it is to leave the store, its bytes first. Nobody is given it any more.
    pub gone_at: Option<Millis>,
}

word!(
    /// What is with a file.
    FileState {
        /// It is part of a message.
        Attached = "attached",
        /// It was uploaded, and is part of no message.
        Unused = "unused",
        /// It is to leave the store, its bytes first.
        Gone = "gone",
    }
);

impl File {
    /// What is with it.
    pub const fn state(&self) -> FileState {
        match (self.gone_at, self.place) {
            (Some(_), _) => FileState::Gone,
            (None, Some(_)) => FileState::Attached,
            (None, None) => FileState::Unused,
        }
    }

    /// The SHA-256 of its bytes, in hexadecimal.
    pub fn checksum(&self) -> String {
        let digits = self.sha256.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }
}

/// Which files are meant; all of what is said has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// Whose.
    pub owner: Option<UserId>,
    /// Those of the messages of this room.
    pub room: Option<RoomId>,
    /// What has to be with them.
    pub state: Option<FileState>,
    /// Larger than so many bytes.
    pub above: Option<u64>,
    /// Their media type, or the beginning of it.
    pub media: Option<MediaPattern>,
}

/// A media type, or all that begin so: `image/png`, `image/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPattern {
    /// What is said, without the asterisk.
    pub text: String,
    /// Whether more may follow.
    pub open: bool,
}

impl MediaPattern {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (text, open) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/.+-".contains(c);
        let shaped = text.contains('/') && text.len() <= 100 && text.chars().all(known);
        shaped
            .then(|| Self {
                text: text.to_owned(),
                open,
            })
            .ok_or_else(|| Invalid("a media type such as image/png, or image/* for all".into()))
    }

    /// Whether this type is one of them.
    pub fn matches(&self, media: &str) -> bool {
        if self.open {
            media.starts_with(&self.text)
        } else {
            media == self.text
        }
    }

    /// A text before which all that begin so stand, and which none of them is.
    pub fn end(&self) -> String {
        format!("{}\u{10ffff}", self.text)
    }
}

word!(
    /// Which files come first.
    FileOrder {
        /// Those that were uploaded last.
        Newest = "newest",
        /// The largest.
        Largest = "largest",
    }
);

/// A place in a list of files, whatever its order: behind one of this size and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// How many bytes that has.
    pub size: u64,
    /// Which that is.
    pub id: FileId,
}

impl From<&File> for FilePlace {
    fn from(file: &File) -> Self {
        let (size, id) = (file.size, file.id);
        Self { size, id }
    }
}

/// A file as its message tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Which.
    pub id: FileId,
    /// What it is called.
    pub name: FileName,
    /// Its media type.
    #[serde(rename = "type")]
    pub media: String,
    /// How many bytes it has.
    pub size: u64,
    /// Of an image, its width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of an image, its height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

impl Attached {
    /// How many files one message has at most.
    pub const MOST: usize = 10;
}

impl From<&File> for Attached {
    fn from(file: &File) -> Self {
        let (width, height) = file.pixels.unzip();
        Self {
            id: file.id,
            name: file.name.clone(),
            media: file.media.clone(),
            size: file.size,
            width,
            height,
        }
    }
}

/// How much there is of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}
