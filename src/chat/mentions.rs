//! Where one was mentioned, by name or with everyone in a room. What one may not read (any more) is left out.

use std::collections::HashMap;

use super::{Chat, Listed, MessageView};
use crate::{
    id::{EntryId, RoomId},
    log::refuse,
    model::{Caller, Mention, Refusal, RoomName},
    rights::{self, InRoom},
};

/// How many of the store's are looked at for one page before it is short: much of it may be where the asker may not read
/// any more.
const READ: usize = 400;
/// How many are asked for at a time, at least.
const PIECE: usize = 50;

/// A message that mentions the asker.
#[derive(Clone, Debug)]
pub struct MentionView {
    /// Where.
    pub room: RoomId,
    /// What that room is called.
    pub room_name: RoomName,
    /// The message, as it is now.
    pub message: MessageView,
}

impl Chat {
    /// The messages that mention the caller and that they may read, the newest first. A page may be short of `limit`
    /// and not be the last.
    pub async fn mentions(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed<MentionView>, Refusal> {
        let wrong = || Refusal::field("cursor", "use the `next` of the page before");
        let mut before: Option<EntryId> =
            cursor.map(|c| c.parse().map_err(|_| wrong())).transpose()?;
        let rooms = self.store.room_ids_of(caller.user).await;
        let rooms = rooms.map_err(|e| refuse(&e))?;
        let (mut items, mut read) = (Vec::new(), 0);
        loop {
            let asked = (limit - items.len()).max(PIECE) + 1;
            let found = self
                .store
                .mentions(caller.user, &rooms, before, asked)
                .await;
            let mut found = found.map_err(|e| refuse(&e))?;
            let more = found.len() == asked;
            if let Some(cut) = found.pop_if(|_| more)
                && found.last().is_some_and(|last| last.message == cut.message)
            {
                // A message that names somebody and everyone is found twice, and the next piece begins behind it.
                found.push(cut);
            }
            read += found.len();
            items.extend(self.mentioned(caller, &found).await?);
            if items.len() > limit || (items.len() == limit && more) {
                // The place of one that they read: that of one they may not would tell when it was said.
                items.truncate(limit);
                let last = items.last().map(|item| item.message.id.to_string());
                return Ok(Listed { items, next: last });
            }
            before = found.last().map(|last| last.message).or(before);
            if !more || read >= READ {
                let next = before.filter(|_| more).map(|id| id.to_string());
                return Ok(Listed { items, next });
            }
        }
    }

    /// Those of these that the caller may read, that are not deleted and that others wrote, each message once.
    async fn mentioned(
        &self,
        caller: &Caller,
        found: &[Mention],
    ) -> Result<Vec<MentionView>, Refusal> {
        let mut by_room: HashMap<RoomId, Vec<u64>> = HashMap::new();
        for mention in found {
            if self.may_read_mention(caller, mention).await?.is_some() {
                by_room.entry(mention.room).or_default().push(mention.seq);
            }
        }
        let mut read = HashMap::new();
        for (room, mut seqs) in by_room {
            seqs.sort_unstable();
            seqs.dedup();
            let entries = self.store.messages_at(room, &seqs).await;
            let entries = entries.map_err(|e| refuse(&e))?.entries;
            for view in self.views(caller, room, entries).await? {
                read.insert((room, view.seq), view);
            }
        }
        let mut items = Vec::new();
        for mention in found {
            // Whoever was taken out meanwhile does not get to see it. Looked at before the message is taken: one that names
            // them and everyone is found twice, and one of the two may be no good to who came later.
            let Some(room_name) = self.may_read_mention(caller, mention).await? else {
                continue;
            };
            let Some(message) = read.remove(&(mention.room, mention.seq)) else {
                continue;
            };
            if !message.deleted && message.from != Some(caller.user) {
                items.push(MentionView {
                    room: mention.room,
                    room_name,
                    message,
                });
            }
        }
        Ok(items)
    }

    /// The name of the room, if the caller may read there what mentions them.
    async fn may_read_mention(
        &self,
        caller: &Caller,
        mention: &Mention,
    ) -> Result<Option<RoomName>, Refusal> {
        let person = self.user(caller.user).await?.person();
        let Some(room) = self.log.room(mention.room).await? else {
            return Ok(None);
        };
        let facts = room.facts();
        let who = person.who(caller.scopes, self.clock.now());
        rights::may_act(&who)?;
        let Ok(Some(member)) = rights::may_in_room(&who, &facts, InRoom::Read) else {
            return Ok(None);
        };
        // Who came later was not one of everyone.
        let since = match mention.user {
            Some(_) => rights::floor(&facts.room, member),
            None => member.since,
        };
        Ok((mention.seq >= since).then(|| facts.room.name.clone()))
    }
}
