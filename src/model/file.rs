//! Files: what people send beside texts.

use serde::{Deserialize, Serialize};

use super::text::FileName;
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
