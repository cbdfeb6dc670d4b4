//! Files, as operators see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{clock::Millis, model::FileState};

/// A file that somebody uploaded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = StoredFile)]
pub struct File {
    /// Which.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What is in it, by its bytes: a media type.
    #[serde(rename = "type")]
    pub media: String,
    /// How many bytes it has.
    pub size: u64,
    /// Of its bytes, hexadecimal.
    pub sha256: String,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whose: the id.
    pub user: String,
    /// Whose: the name.
    pub user_name: Option<String>,
    /// When it was uploaded.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// What is with it.
    pub state: FileState,
    /// The id of the room of its message.
    pub room: Option<String>,
    /// What that room is called.
    pub room_name: Option<String>,
    /// The `seq` of its message there.
    pub message: Option<u64>,
    /// Since when it is to leave the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub gone_at: Option<Millis>,
    /// The hold that keeps it, if one does.
    pub held_by: Option<String>,
}

/// A page of files.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Files {
    /// The files.
    pub items: Vec<File>,
    /// Give it as `cursor` for the next page; none on the last.
    pub next: Option<String>,
    /// How much there is in all of what was asked for; on the first page.
    pub total: Option<FilesTotal>,
}

/// How much there is of files.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct FilesTotal {
    /// How many.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// A file whose bytes an operator took out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeletedFile {
    /// Which.
    pub id: String,
    /// How many bytes it had.
    pub size: u64,
    /// The id of the room of its message.
    pub room: Option<String>,
    /// The `seq` of its message there.
    pub message: Option<u64>,
    /// Whether it was to go before.
    pub already: bool,
    /// Whether it was only checked.
    pub dry_run: bool,
}
