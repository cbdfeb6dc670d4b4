//! What is known of files.

use mongodb::bson::{Binary, DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{binary, bytes, date, int, millis, number, parsed, room_uuid, user_uuid};
use crate::{
    id::{FileId, RoomId, UserId},
    model::File,
    store::Error,
};

pub(in super::super) fn file_uuid(id: FileId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// What is known of a file. `room` and `seq` are the message that it is attached to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct FileDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    owner: Uuid,
    name: String,
    #[serde(rename = "type")]
    media: String,
    size: i64,
    sha256: Binary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<DateTime>,
    /// The id, as long as it is attached to nothing and not to go: what is indexed for collecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unused: Option<Uuid>,
}

impl From<&File> for FileDoc {
    fn from(file: &File) -> Self {
        let id = file_uuid(file.id);
        let (width, height) = file.pixels.unzip();
        let (room, seq) = file.place.unzip();
        let unused = file.place.is_none() && file.gone_at.is_none();
        Self {
            id,
            owner: user_uuid(file.owner),
            name: file.name.as_str().to_owned(),
            media: file.media.clone(),
            size: int(file.size),
            sha256: binary(&file.sha256),
            width: width.map(i64::from),
            height: height.map(i64::from),
            at: date(file.at),
            room: room.map(room_uuid),
            seq: seq.map(int),
            gone_at: file.gone_at.map(date),
            unused: unused.then_some(id),
        }
    }
}

impl TryFrom<FileDoc> for File {
    type Error = Error;

    fn try_from(doc: FileDoc) -> Result<Self, Error> {
        let pixels = |n: i64| {
            u32::try_from(n).map_err(|_| Error::Damaged(format!("file {}: {n} pixels", doc.id)))
        };
        let width = doc.width.map(pixels).transpose()?;
        let height = doc.height.map(pixels).transpose()?;
        let room = doc.room.map(|id| RoomId::from_bytes(id.bytes()));
        Ok(Self {
            id: FileId::from_bytes(doc.id.bytes()),
            owner: UserId::from_bytes(doc.owner.bytes()),
            name: parsed(&doc.name)?,
            size: number(doc.size)?,
            sha256: bytes(&doc.sha256)?,
            pixels: width.zip(height),
            at: millis(doc.at),
            place: room.zip(doc.seq.map(number).transpose()?),
            gone_at: doc.gone_at.map(millis),
            media: doc.media,
        })
    }
}
