//! Finding messages: over all that the asker may read.
//!
//! The index says where to look, and nothing more. Whatever it names is read from the store like a page of the past,
//! and looked at again: whether the asker may read it at this moment, whether it is still there, and whether what it
//! says now is what was asked for.

mod everywhere;
mod feeder;

use std::{collections::HashMap, time::Duration};

pub use self::{
    everywhere::{FoundAnywhere, PageAnywhere},
    feeder::{Checking, Compared, Feeder, Reindexed, Standing},
};
use super::{Chat, MessageView};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
    log::refuse,
    model::{Caller, Permission, Refusal, RoomName},
    rights,
    search::{self, Cursor, Hit, Order, Part, Query, Scope, Tag, Wanted, snippet, words},
};

/// How long the index may be asked for one page.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked for one page, at most: much of what it names may be gone by now, or may not be read any
/// more.
const LOOKS: usize = 10;

/// What somebody looks for.
#[derive(Clone, Debug, Default)]
pub struct NewSearch {
    /// With which words; none for any.
    pub query: Option<Query>,
    /// In which room; none for all they may read.
    pub room: Option<RoomId>,
    /// Said by whom.
    pub from: Option<UserId>,
    /// Of which kind.
    pub kind: Option<FoundKind>,
    /// From this moment on …
    pub since: Option<Millis>,
    /// … up to and with this one.
    pub until: Option<Millis>,
    /// Which first.
    pub order: Order,
}

/// Some of all messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// Those of others that mention the asker, or everyone in the room.
    Mention,
    /// Those that answer another.
    Reply,
    /// Those that are pinned.
    Pinned,
    /// Those that were edited.
    Edited,
}

/// A message that was found.
#[derive(Clone, Debug)]
pub struct FoundView {
    /// Where.
    pub room: RoomId,
    /// What that room is called.
    pub room_name: RoomName,
    /// The message, as it is now.
    pub message: MessageView,
    /// The piece of it that was looked for.
    pub snippet: Vec<Part>,
}

/// What somebody may read in a room.
struct Place {
    /// From which `seq` on.
    floor: u64,
    /// By which entry they came in; none of those who are not in it.
    since: Option<u64>,
    /// What it is called.
    name: RoomName,
}

/// A page of what was found.
#[derive(Clone, Debug)]
pub struct FoundPage {
    /// The messages.
    pub items: Vec<FoundView>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<String>,
    /// Whether everything was indexed, and it goes on; else more may be there than is found.
    pub complete: bool,
}

impl Chat {
    /// The messages that fit and that the caller may read. A page may be short of `limit` and not be the last.
    pub async fn search(
        &self,
        caller: &Caller,
        asked: NewSearch,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<FoundPage, Refusal> {
        self.limits.check_search(caller.user)?;
        let mut wanted = asked.wanted(cursor)?;
        wanted
            .is
            .extend(asked.kind.map(|kind| kind.tags(caller.user)));
        wanted.rooms = Some(self.searched(caller, asked.room).await?);
        let complete = self.search.is_complete();
        let mut items = Vec::new();
        for _ in 0..LOOKS {
            wanted.limit = limit - items.len();
            let found = self.search.find(wanted.clone(), PATIENCE).await;
            let found = found.map_err(|e| self.refuse_search(&e))?;
            items.extend(self.found(caller, &asked, &found.hits).await?);
            wanted.after = found.next;
            if wanted.after.is_none() || items.len() >= limit {
                break;
            }
        }
        Ok(FoundPage {
            items,
            next: wanted.after.map(|cursor| cursor.to_string()),
            complete,
        })
    }

    /// Where somebody may look: in their rooms, from where on they read them, so that nothing of what they may not read
    /// decides how what is found is cut into pages. What is found is checked again.
    async fn searched(&self, caller: &Caller, room: Option<RoomId>) -> Result<Scope, Refusal> {
        if let Some(room) = room {
            let floor = self.may_read(caller, room).await?;
            return Ok(HashMap::from([(room, floor)]));
        }
        let person = self.user(caller.user).await?.person();
        rights::may(
            &person.who(caller.scopes, self.clock.now()),
            Permission::MessageRead,
        )?;
        let rooms = self.store.histories_of(caller.user).await;
        let rooms = rooms.map_err(|e| refuse(&e))?.into_iter();
        let floors =
            rooms.map(|(room, history, since)| (room, rights::floor_since(history, since)));
        Ok(floors.collect())
    }

    /// Those of these that the caller may read, that are not deleted, and that are what was asked for.
    async fn found(
        &self,
        caller: &Caller,
        asked: &NewSearch,
        hits: &[Hit],
    ) -> Result<Vec<FoundView>, Refusal> {
        let mut by_room: HashMap<RoomId, Vec<u64>> = HashMap::new();
        for hit in hits {
            by_room.entry(hit.room).or_default().push(hit.seq);
        }
        let mut read = HashMap::new();
        for (room, mut seqs) in by_room {
            let Some(place) = self.may_read_found(caller, room).await? else {
                continue;
            };
            seqs.retain(|seq| *seq >= place.floor);
            seqs.sort_unstable();
            let entries = self.store.messages_at(room, &seqs).await;
            let entries = entries.map_err(|e| refuse(&e))?.entries;
            for view in self.views(caller, room, entries).await? {
                read.insert((room, view.seq), view);
            }
        }
        let mut items = Vec::new();
        for hit in hits {
            let Some(message) = read.remove(&(hit.room, hit.seq)) else {
                continue;
            };
            // Whoever was taken out meanwhile does not get to see it.
            let Some(place) = self.may_read_found(caller, hit.room).await? else {
                continue;
            };
            let words = words(&message.body);
            if hit.seq >= place.floor && asked.fits(caller.user, &place, &message, &words) {
                let snippet = snippet(&message.body, &words, asked.query.as_ref());
                items.push(FoundView {
                    room: hit.room,
                    room_name: place.name,
                    message,
                    snippet,
                });
            }
        }
        Ok(items)
    }

    /// What the caller may read in a room; none if they may not.
    async fn may_read_found(
        &self,
        caller: &Caller,
        room: RoomId,
    ) -> Result<Option<Place>, Refusal> {
        let floor = match self.may_read(caller, room).await {
            Ok(floor) => floor,
            Err(e @ (Refusal::Unavailable | Refusal::Busy | Refusal::Internal)) => return Err(e),
            Err(_) => return Ok(None),
        };
        let live = self.log.room(room).await?;
        Ok(live.map(|live| {
            let facts = live.facts();
            let member = facts.members.get(&caller.user);
            Place {
                floor,
                since: member.map(|member| member.since),
                name: facts.room.name.clone(),
            }
        }))
    }

    fn refuse_search(&self, error: &search::Error) -> Refusal {
        match error {
            search::Error::Busy => Refusal::Busy,
            search::Error::TooLong => Refusal::field(
                "q",
                format!(
                    "this takes longer than {} s: ask for more words, for one room, or for a shorter time",
                    PATIENCE.as_secs()
                ),
            ),
            search::Error::Anew(_) => {
                self.search.wake();
                Refusal::Busy
            }
            search::Error::Full | search::Error::Unavailable(_) => {
                tracing::warn!(%error, "a search cannot be answered");
                Refusal::Away("what was said cannot be searched")
            }
        }
    }
}

impl FoundKind {
    fn tags(self, me: UserId) -> Vec<Tag> {
        match self {
            Self::Mention => vec![Tag::Mentions(me), Tag::Everyone],
            Self::Reply => vec![Tag::Reply],
            Self::Pinned => vec![Tag::Pinned],
            Self::Edited => vec![Tag::Edited],
        }
    }

    fn holds(self, me: UserId, place: &Place, message: &MessageView) -> bool {
        match self {
            Self::Mention => {
                let named = message.mentions.iter().any(|(user, _)| *user == me);
                // Who came later was not one of everyone.
                let there = place.since.is_some_and(|since| message.seq >= since);
                (named || (message.everyone && there)) && message.from != Some(me)
            }
            Self::Reply => message.reply_to.is_some(),
            Self::Pinned => message.pinned.is_some(),
            Self::Edited => message.edited.is_some(),
        }
    }
}

impl NewSearch {
    /// Reads what somebody typed. Nothing will do where `narrowed` is something else that is looked for.
    pub fn read_query(text: Option<&str>, narrowed: bool) -> Result<Option<Query>, Refusal> {
        match text {
            Some(text) if !text.trim().is_empty() => {
                let query = Query::parse(text).map_err(|why| Refusal::field("q", why))?;
                Ok(Some(query))
            }
            _ if narrowed => Ok(None),
            _ => Err(Refusal::field("q", "say what to look for")),
        }
    }

    /// Reads which comes first.
    pub fn read_order(text: Option<&str>) -> Result<Order, Refusal> {
        match text {
            None | Some("newest") => Ok(Order::Newest),
            Some("relevance") => Ok(Order::Relevance),
            Some(_) => Err(Refusal::field("order", "one of: newest, relevance")),
        }
    }

    /// What the index is asked for, everywhere, from a cursor on.
    fn wanted(&self, cursor: Option<&str>) -> Result<Wanted, Refusal> {
        let wrong = || Refusal::field("cursor", "use the `next` of the page before");
        let after = cursor.map(|text| Cursor::parse(text, self.order).ok_or_else(wrong));
        Ok(Wanted {
            query: self.query.clone(),
            by: self.from,
            since: self.since,
            until: self.until,
            order: self.order,
            after: after.transpose()?,
            ..Wanted::default()
        })
    }

    /// Whether a message as it is now is what was asked for.
    fn fits(
        &self,
        me: UserId,
        place: &Place,
        message: &MessageView,
        words: &[search::Word],
    ) -> bool {
        !message.deleted
            && self.query.as_ref().is_none_or(|q| q.fits(words))
            && self.from.is_none_or(|from| message.from == Some(from))
            && self.kind.is_none_or(|kind| kind.holds(me, place, message))
            && self.since.is_none_or(|since| message.at >= since)
            && self.until.is_none_or(|until| message.at <= until)
    }
}
