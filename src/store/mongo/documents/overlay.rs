//! What lies over the entries of rooms, and redactions.

use mongodb::bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{date, int, millis, number, parsed, room_uuid, user_uuid};
use crate::{
    clock::Millis,
    id::{EntryId, RedactionId, RoomId, UserId},
    model::{Deletion, Edit, Laid, Mention, Pinned, Reaction, Redaction, Tally, Thread},
    store::Error,
};

pub(in super::super) fn redaction_uuid(id: RedactionId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// What lies over a message, or that the text of an edit was erased; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct OverlayDoc {
    pub(in super::super) room: Uuid,
    pub(in super::super) target: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_by: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redaction: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<DateTime>,
    /// `deleted_at`, as long as the text is there: what is indexed for erasing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unerased: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edits: Option<Vec<i64>>,
    /// JSON, as in the other store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reactions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin_seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned_by: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replies: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_reply: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_reply_at: Option<DateTime>,
}

impl OverlayDoc {
    /// Nothing yet, over this message.
    pub(in super::super) fn new(room: RoomId, target: u64) -> Self {
        Self {
            room: room_uuid(room),
            target: int(target),
            deleted_at: None,
            deleted_by: None,
            seq: None,
            redaction: None,
            erased_at: None,
            unerased: None,
            body: None,
            edited_at: None,
            edits: None,
            reactions: None,
            pin_seq: None,
            pinned_by: None,
            pinned_at: None,
            replies: None,
            last_reply: None,
            last_reply_at: None,
        }
    }

    /// Whether nothing lies over the message.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.deleted_at.is_none()
            && self.erased_at.is_none()
            && self.edits.is_none()
            && self.reactions.is_none()
            && self.pin_seq.is_none()
            && self.replies.is_none()
    }

    /// Deletes the message.
    pub(in super::super) fn delete(&mut self, deletion: &Deletion) {
        let at = date(deletion.at);
        self.deleted_at = Some(at);
        self.deleted_by = deletion.by.map(user_uuid);
        self.seq = Some(int(deletion.seq));
        self.redaction = deletion.redaction.map(redaction_uuid);
        self.erased_at = deletion.erased_at.map(date);
        self.unerased = deletion.erased_at.is_none().then_some(at);
        self.unpin();
    }

    /// Takes a deletion back; false when there is none by this redaction, or the text is gone.
    pub(in super::super) fn restore(&mut self, redaction: Option<RedactionId>) -> bool {
        let same = self.redaction == redaction.map(redaction_uuid);
        if self.unerased.is_none() || !same {
            return false;
        }
        self.deleted_at = None;
        self.deleted_by = None;
        self.seq = None;
        self.redaction = None;
        self.unerased = None;
        true
    }

    /// Edits the message.
    pub(in super::super) fn edit(&mut self, edit: &Edit) {
        self.body = Some(edit.body.clone());
        self.edited_at = Some(date(edit.at));
        self.edits.get_or_insert_default().push(int(edit.seq));
    }

    /// Pins the message.
    pub(in super::super) fn pin(&mut self, pinned: &Pinned) {
        self.pin_seq = Some(int(pinned.seq));
        self.pinned_by = Some(user_uuid(pinned.by));
        self.pinned_at = Some(date(pinned.at));
    }

    /// Takes the message down; false when it was not pinned.
    pub(in super::super) fn unpin(&mut self) -> bool {
        self.pinned_by = None;
        self.pinned_at = None;
        self.pin_seq.take().is_some()
    }

    fn pinned(&self) -> Result<Option<Pinned>, Error> {
        let (Some(seq), Some(by), Some(at)) = (self.pin_seq, self.pinned_by, self.pinned_at) else {
            return Ok(None);
        };
        Ok(Some(Pinned {
            seq: number(seq)?,
            by: UserId::from_bytes(by.bytes()),
            at: millis(at),
        }))
    }

    /// Counts an answer.
    pub(in super::super) fn reply(&mut self, seq: u64, at: Millis) {
        self.replies = Some(self.replies.unwrap_or(0) + 1);
        self.last_reply = Some(int(seq));
        self.last_reply_at = Some(date(at));
    }

    fn thread(&self) -> Result<Option<Thread>, Error> {
        let (Some(count), Some(last), Some(at)) =
            (self.replies, self.last_reply, self.last_reply_at)
        else {
            return Ok(None);
        };
        Ok(Some(Thread {
            count: number(count)?,
            last: number(last)?,
            at: millis(at),
        }))
    }

    /// Lays sums of reactions over it, in the place of those that were there.
    pub(in super::super) fn react(&mut self, sums: &[Tally]) -> Result<(), Error> {
        let json = (!sums.is_empty()).then(|| serde_json::to_string(sums));
        self.reactions = json
            .transpose()
            .map_err(|e| Error::Unavailable(format!("reactions cannot be written: {e}")))?;
        Ok(())
    }

    /// Notes that its text is gone; false when it was before, or is not to go.
    pub(in super::super) fn erase(&mut self, at: Millis) -> bool {
        self.body = None;
        self.reactions = None;
        self.erased_at = self.erased_at.or(Some(date(at)));
        self.unerased.take().is_some()
    }

    /// Notes that the text of an entry that is no message is gone.
    pub(in super::super) fn erase_edit(&mut self, at: Millis) {
        self.erased_at = Some(date(at));
    }

    /// What a reader of the message is told.
    pub(in super::super) fn laid(self) -> Result<Laid, Error> {
        let reactions = match &self.reactions {
            Some(json) => serde_json::from_str(json).map_err(|e| {
                Error::Damaged(format!("the reactions to message {}: {e}", self.target))
            })?,
            None => Vec::new(),
        };
        let (pinned, thread) = (self.pinned()?, self.thread()?);
        let edits = self.edits.unwrap_or_default().into_iter().map(number);
        Ok(Laid {
            deleted: self.deleted_at.is_some(),
            body: self.body,
            edited_at: self.edited_at.map(millis),
            edits: edits.collect::<Result<_, _>>()?,
            reactions,
            pinned,
            thread,
        })
    }
}

impl TryFrom<OverlayDoc> for Deletion {
    type Error = Error;

    fn try_from(doc: OverlayDoc) -> Result<Self, Error> {
        let none = || Error::Damaged("a deletion in the overlay is none".into());
        Ok(Self {
            room: RoomId::from_bytes(doc.room.bytes()),
            target: number(doc.target)?,
            seq: number(doc.seq.ok_or_else(none)?)?,
            at: millis(doc.deleted_at.ok_or_else(none)?),
            by: doc.deleted_by.map(|id| UserId::from_bytes(id.bytes())),
            redaction: doc.redaction.map(|id| RedactionId::from_bytes(id.bytes())),
            erased_at: doc.erased_at.map(millis),
        })
    }
}

/// That somebody reacts to a message; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct ReactionDoc {
    room: Uuid,
    target: i64,
    emoji: String,
    seq: i64,
    user: Uuid,
    at: DateTime,
}

impl From<&Reaction> for ReactionDoc {
    fn from(reaction: &Reaction) -> Self {
        Self {
            room: room_uuid(reaction.room),
            target: int(reaction.target),
            emoji: reaction.emoji.as_str().to_owned(),
            seq: int(reaction.seq),
            user: user_uuid(reaction.user),
            at: date(reaction.at),
        }
    }
}

impl TryFrom<ReactionDoc> for Reaction {
    type Error = Error;

    fn try_from(doc: ReactionDoc) -> Result<Self, Error> {
        Ok(Self {
            room: RoomId::from_bytes(doc.room.bytes()),
            target: number(doc.target)?,
            emoji: parsed(&doc.emoji)?,
            seq: number(doc.seq)?,
            user: UserId::from_bytes(doc.user.bytes()),
            at: millis(doc.at),
        })
    }
}

/// That a message answers another; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct ReplyDoc {
    room: Uuid,
    target: i64,
    pub(in super::super) seq: i64,
}

impl ReplyDoc {
    pub(in super::super) fn new(room: RoomId, target: u64, seq: u64) -> Self {
        Self {
            room: room_uuid(room),
            target: int(target),
            seq: int(seq),
        }
    }
}

/// That somebody, or everyone in a room, was mentioned; its `_id` means nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct MentionDoc {
    whom: Uuid,
    message: Uuid,
    room: Uuid,
    seq: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Uuid>,
}

impl From<&Mention> for MentionDoc {
    fn from(mention: &Mention) -> Self {
        Self {
            whom: mention.user.map_or(room_uuid(mention.room), user_uuid),
            message: Uuid::from_bytes(*mention.message.as_bytes()),
            room: room_uuid(mention.room),
            seq: int(mention.seq),
            author: mention.by.map(user_uuid),
        }
    }
}

impl TryFrom<MentionDoc> for Mention {
    type Error = Error;

    fn try_from(doc: MentionDoc) -> Result<Self, Error> {
        let everyone = doc.whom == doc.room;
        Ok(Self {
            user: (!everyone).then(|| UserId::from_bytes(doc.whom.bytes())),
            message: EntryId::from_bytes(doc.message.bytes()),
            room: RoomId::from_bytes(doc.room.bytes()),
            seq: number(doc.seq)?,
            by: doc.author.map(|by| UserId::from_bytes(by.bytes())),
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
