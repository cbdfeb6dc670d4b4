//! What lies over the entries of rooms, and redactions.

use mongodb::bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{date, int, millis, number, room_uuid, user_uuid};
use crate::{
    id::{RedactionId, RoomId, UserId},
    model::{Deletion, Redaction},
    store::Error,
};

pub(in super::super) fn redaction_uuid(id: RedactionId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// That a message is deleted; its `_id` means nothing. Edits and reactions will have their fields here, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct OverlayDoc {
    pub(in super::super) room: Uuid,
    pub(in super::super) target: i64,
    deleted_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_by: Option<Uuid>,
    seq: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redaction: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<DateTime>,
    /// `deleted_at`, as long as the text is there: what is indexed for erasing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unerased: Option<DateTime>,
}

impl From<&Deletion> for OverlayDoc {
    fn from(deletion: &Deletion) -> Self {
        let at = date(deletion.at);
        Self {
            room: room_uuid(deletion.room),
            target: int(deletion.target),
            deleted_at: at,
            deleted_by: deletion.by.map(user_uuid),
            seq: int(deletion.seq),
            redaction: deletion.redaction.map(redaction_uuid),
            erased_at: deletion.erased_at.map(date),
            unerased: deletion.erased_at.is_none().then_some(at),
        }
    }
}

impl TryFrom<OverlayDoc> for Deletion {
    type Error = Error;

    fn try_from(doc: OverlayDoc) -> Result<Self, Error> {
        Ok(Self {
            room: RoomId::from_bytes(doc.room.bytes()),
            target: number(doc.target)?,
            seq: number(doc.seq)?,
            at: millis(doc.deleted_at),
            by: doc.deleted_by.map(|id| UserId::from_bytes(id.bytes())),
            redaction: doc.redaction.map(|id| RedactionId::from_bytes(id.bytes())),
            erased_at: doc.erased_at.map(millis),
        })
    }
}

/// Messages that were deleted together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct RedactionDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    user: Uuid,
    at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undone_at: Option<DateTime>,
    /// JSON, as in the other store.
    detail: String,
}

impl TryFrom<&Redaction> for RedactionDoc {
    type Error = Error;

    fn try_from(redaction: &Redaction) -> Result<Self, Error> {
        let detail = serde_json::to_string(&redaction.detail)
            .map_err(|e| Error::Unavailable(format!("a redaction cannot be written: {e}")))?;
        Ok(Self {
            id: redaction_uuid(redaction.id),
            user: user_uuid(redaction.user),
            at: date(redaction.at),
            finished_at: redaction.finished_at.map(date),
            undone_at: redaction.undone_at.map(date),
            detail,
        })
    }
}

impl TryFrom<RedactionDoc> for Redaction {
    type Error = Error;

    fn try_from(doc: RedactionDoc) -> Result<Self, Error> {
        let detail = serde_json::from_str(&doc.detail)
            .map_err(|e| Error::Damaged(format!("redaction {}: {e}", doc.id)))?;
        Ok(Self {
            id: RedactionId::from_bytes(doc.id.bytes()),
            user: UserId::from_bytes(doc.user.bytes()),
            at: millis(doc.at),
            finished_at: doc.finished_at.map(millis),
            undone_at: doc.undone_at.map(millis),
            detail,
        })
    }
}
