//! What an entry of a room's log means for what can be found in the room.

use super::{Feeder, Trouble};
use crate::{
    id::RoomId,
    model::{Entry, Mentions, Payload},
    search::{Batch, Change, Doc, Tag},
};

impl Feeder {
    /// Takes in an entry; answers whether its room is gone by it. Edits and deletions are entries, too, so a message
    /// is what it was when it was said until they come. What is deleted by now has no text any more.
    pub(super) async fn take(
        &self,
        room: RoomId,
        entry: Entry,
        batch: &mut Batch,
    ) -> Result<bool, Trouble> {
        let change = match entry.payload {
            Payload::Message { .. } => doc(entry).map(Change::Put),
            Payload::Edit {
                target,
                body: Some(body),
            } => Some(Change::Text(target, body)),
            Payload::Delete { target } => Some(Change::Remove(target)),
            Payload::Restore { target } => {
                let found = self.store.messages_at(room, &[target]).await?;
                let message = found.entries.into_iter().next();
                message.and_then(doc).map(Change::Put)
            }
            Payload::Pin { target, on } => Some(Change::Tag(target, Tag::Pinned, on)),
            Payload::Purged { first, last } => Some(Change::RemoveRange(first, last)),
            Payload::Deleted => return Ok(true),
            _ => None,
        };
        batch.changes.extend(change.map(|change| (room, change)));
        Ok(false)
    }
}

/// A message as it is found; none where it is deleted.
pub(super) fn doc(message: Entry) -> Option<Doc> {
    let Payload::Message {
        body,
        reply_to,
        mentions,
        ..
    } = message.payload
    else {
        return None;
    };
    let mut tags: Vec<Tag> = message.from.map(Tag::By).into_iter().collect();
    tags.extend(reply_to.map(|_| Tag::Reply));
    if let Some(mentions) = mentions {
        let Mentions { users, everyone } = *mentions;
        tags.extend(users.into_iter().map(Tag::Mentions));
        tags.extend(everyone.then_some(Tag::Everyone));
    }
    let over = message.over.unwrap_or_default();
    tags.extend(over.edited.map(|_| Tag::Edited));
    tags.extend(over.pinned.map(|_| Tag::Pinned));
    Some(Doc {
        seq: message.seq,
        at: message.at,
        text: body,
        tags,
    })
}
