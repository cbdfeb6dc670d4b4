//! Finding messages for operators: in every room that there is, whoever is in it.

use std::collections::HashMap;

use super::{LOOKS, NewSearch, PATIENCE};
use crate::{
    chat::Chat,
    id::RoomId,
    log::refuse,
    model::{Entry, Payload, Refusal, RoomName, Username},
    search::{self, Hit, Part, snippet, words},
};

/// A message that was found.
#[derive(Clone, Debug)]
pub struct FoundAnywhere {
    /// Where.
    pub room: RoomId,
    /// What that room is called.
    pub room_name: RoomName,
    /// The message, as it is now.
    pub entry: Entry,
    /// The name of who said it.
    pub name: Option<Username>,
    /// The piece of it that was looked for.
    pub snippet: Vec<Part>,
}

/// A page of what was found.
#[derive(Clone, Debug)]
pub struct PageAnywhere {
    /// The messages.
    pub items: Vec<FoundAnywhere>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
    /// Whether everything was indexed once, and it goes on; else more may be there than is found.
    pub complete: bool,
    /// How many entries were not indexed yet, as far as is known.
    pub behind: u64,
}

impl Chat {
    /// The messages that fit, for who may read all of them: whether they may, the door asks. A page may be short of
    /// `limit` and not be the last.
    pub async fn search_everywhere(
        &self,
        asked: &NewSearch,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<PageAnywhere, Refusal> {
        let mut wanted = asked.wanted(cursor)?;
        wanted.rooms = asked.room.map(|room| HashMap::from([(room, 0)]));
        let (complete, behind) = (self.search.is_complete(), self.search.behind());
        let mut items = Vec::new();
        for _ in 0..LOOKS {
            wanted.limit = limit - items.len();
            let found = self.search.find(wanted.clone(), PATIENCE).await;
            let found = found.map_err(|e| self.refuse_operator(&e))?;
            items.extend(self.read_found(asked, &found.hits).await?);
            wanted.after = found.next;
            if wanted.after.is_none() || items.len() >= limit {
                break;
            }
        }
        Ok(PageAnywhere {
            items,
            next: wanted.after.map(|cursor| cursor.to_string()),
            complete,
            behind,
        })
    }

    /// Those of these that are there, are not deleted, and are what was asked for.
    async fn read_found(
        &self,
        asked: &NewSearch,
        hits: &[Hit],
    ) -> Result<Vec<FoundAnywhere>, Refusal> {
        let mut by_room: HashMap<RoomId, Vec<u64>> = HashMap::new();
        for hit in hits {
            by_room.entry(hit.room).or_default().push(hit.seq);
        }
        let ids: Vec<RoomId> = by_room.keys().copied().collect();
        let rooms = self.store.rooms(&ids).await.map_err(|e| refuse(&e))?;
        let mut read: HashMap<Hit, (RoomName, Entry)> = HashMap::new();
        for room in rooms.into_iter().filter(|r| r.deleted_at.is_none()) {
            let mut seqs = by_room.remove(&room.id).unwrap_or_default();
            seqs.sort_unstable();
            let found = self.store.messages_at(room.id, &seqs).await;
            for entry in found.map_err(|e| refuse(&e))?.entries {
                let (room, name, seq) = (room.id, room.name.clone(), entry.seq);
                read.insert(Hit { room, seq }, (name, entry));
            }
        }
        let people = read.values().filter_map(|(_, entry)| entry.from);
        let names = self.log.names(people).await?;
        let view = |hit: &Hit| {
            let (room_name, entry) = read.remove(hit)?;
            let snippet = asked.piece_of(&entry)?;
            Some(FoundAnywhere {
                room: hit.room,
                room_name,
                name: entry.from.and_then(|id| names.get(&id).cloned()),
                entry,
                snippet,
            })
        };
        Ok(hits.iter().filter_map(view).collect())
    }

    /// Tells an operator why there is no answer, and what to do.
    fn refuse_operator(&self, error: &search::Error) -> Refusal {
        match self.refuse_search(error) {
            Refusal::Away(_) => Refusal::Conflict(format!(
                "{error}: `chatd doctor` says more; when that is mended it goes on by itself"
            )),
            other => other,
        }
    }
}

impl NewSearch {
    /// The piece of a message that was looked for; none where it is, as it is now, not what was asked for.
    fn piece_of(&self, entry: &Entry) -> Option<Vec<Part>> {
        let Payload::Message { body, .. } = &entry.payload else {
            return None;
        };
        let words = words(body);
        let fits = self.query.as_ref().is_none_or(|q| q.fits(&words))
            && self.from.is_none_or(|from| entry.from == Some(from))
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until);
        fits.then(|| snippet(body, &words, self.query.as_ref()))
    }
}
