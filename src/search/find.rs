//! Asking the index: which messages have these words, the newest first or those that fit best.
//!
//! What is answered depends on nothing but the messages in the rooms that are asked for, not on what else there is:
//! neither its order nor how it is cut into pages.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{
    apply::{floor, int},
    query::Query,
    tag::Tag,
    words::words,
};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
};

/// In how many rooms the index itself looks; where there are more, what it finds is sorted out after.
const ROOMS: usize = 64;
/// Of how many messages, the newest that have the words, those that fit best are taken.
const WEIGHED: usize = 5_000;
/// After how many messages is looked at the clock.
const LOOK: usize = 64;
/// How much later than its moment a message can lie, where very many were said in one.
const SLACK: i64 = 1_000;

/// Which of what is found comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    Newest,
    /// What fits best, among the newest 5,000 that match.
    Relevance,
}

/// The rooms in which to look, each from which entry on.
pub type Scope = HashMap<RoomId, u64>;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Where; none for everywhere.
    pub rooms: Option<Scope>,
    /// With which words; none for any, but then `by` or `is` say something.
    pub query: Option<Query>,
    /// Said by whom.
    pub by: Option<UserId>,
    /// What else the messages are: one of each of these.
    pub is: Vec<Vec<Tag>>,
    /// From this moment on …
    pub since: Option<Millis>,
    /// … up to and with this one.
    pub until: Option<Millis>,
    /// Which first.
    pub order: Order,
    /// Only what comes after this.
    pub after: Option<Cursor>,
    /// How many.
    pub limit: usize,
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// After this place.
    Newest(i64),
    /// After what fits as well as this and lies there, and among what was there for the first page.
    Relevance {
        /// How well.
        score: u32,
        /// Where.
        id: i64,
        /// The newest that was found then.
        newest: i64,
    },
}

/// A message that was found. That it may be read, and is still so, is for others to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Where.
    pub room: RoomId,
    /// Its number there.
    pub seq: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages.
    pub hits: Vec<Hit>,
    /// Where to go on; none when that is all.
    pub next: Option<Cursor>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newest(id) => write!(f, "{id:x}"),
            Self::Relevance { score, id, newest } => write!(f, "{score:x}.{id:x}.{newest:x}"),
        }
    }
}

impl Cursor {
    /// Reads what was written; none when it is no cursor of this order.
    pub fn parse(text: &str, order: Order) -> Option<Self> {
        let number = |part: &str| i64::from_str_radix(part, 16).ok().filter(|n| *n >= 0);
        let mut parts = text.split('.');
        let cursor = match order {
            Order::Newest => Self::Newest(number(parts.next()?)?),
            Order::Relevance => Self::Relevance {
                score: u32::from_str_radix(parts.next()?, 16).ok()?,
                id: number(parts.next()?)?,
                newest: number(parts.next()?)?,
            },
        };
        parts.next().is_none().then_some(cursor)
    }
}

/// The statement for either order: the index goes by place, so nothing is sorted.
const FIND: &str = "
    SELECT doc.id, room.id, doc.seq, CASE ?4 WHEN 1 THEN doc.words END
    FROM found CROSS JOIN doc ON doc.id = found.rowid CROSS JOIN room ON room.num = doc.room
    WHERE found MATCH ?1 AND found.rowid < ?2 AND found.rowid >= ?3 ORDER BY found.rowid DESC";

impl Wanted {
    /// Looks, until `over` says that it took long enough; then what was found by then is answered.
    pub(super) fn find(
        &self,
        conn: &Connection,
        over: &impl Fn() -> bool,
    ) -> rusqlite::Result<Found> {
        let Some(expression) = self.expression() else {
            return Ok(Found::default());
        };
        let mut below = match self.until {
            Some(until) => floor(Millis(until.0.saturating_add(SLACK))),
            None => i64::MAX,
        };
        match self.after {
            Some(Cursor::Newest(id)) => below = below.min(id),
            Some(Cursor::Relevance { newest, .. }) => below = below.min(newest.saturating_add(1)),
            None => {}
        }
        let from = self.since.map_or(0, floor);
        let weighed = self.order == Order::Relevance;
        let mut sought = conn.prepare_cached(FIND)?;
        let mut rows = sought.query(params![expression, below, from, weighed])?;
        let (mut taken, mut seen, mut last, mut more) = (Vec::new(), 0_usize, None, false);
        let most = if weighed { WEIGHED } else { self.limit };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(e) if seen > 0 && is_over(&e) => {
                    more = true;
                    break;
                }
                Err(e) => return Err(e),
            };
            let (id, room): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
            let (room, seq) = (RoomId::from_bytes(room), row.get::<_, i64>(2)?);
            if self.holds(room, seq) {
                if taken.len() == most {
                    // Where the page ends is told, and so it is never the place of what is not in it.
                    (last, more) = (taken.last().map(|(_, id, _)| *id), true);
                    break;
                }
                let score = match (weighed, &self.query) {
                    (true, Some(query)) => query.score(&words(&row.get::<_, String>(3)?)),
                    _ => 0,
                };
                let seq = u64::try_from(seq).unwrap_or(0);
                taken.push((score, id, Hit { room, seq }));
            }
            (last, seen) = (Some(id), seen + 1);
            if seen.is_multiple_of(LOOK) && over() {
                more = true;
                break;
            }
        }
        Ok(if weighed {
            self.best(taken)
        } else {
            let next = last.filter(|_| more).map(Cursor::Newest);
            let hits = taken.into_iter().map(|(_, _, hit)| hit).collect();
            Found { hits, next }
        })
    }

    /// Whether that is where it looks.
    fn holds(&self, room: RoomId, seq: i64) -> bool {
        self.rooms.as_ref().is_none_or(|rooms| {
            let from = rooms.get(&room);
            from.is_some_and(|from| seq >= int(*from))
        })
    }

    /// Of what was weighed, the page that fits best.
    fn best(&self, mut taken: Vec<(u32, i64, Hit)>) -> Found {
        let newest = match self.after {
            Some(Cursor::Relevance { newest, .. }) => newest,
            _ => taken.iter().map(|(_, id, _)| *id).max().unwrap_or(0),
        };
        if let Some(Cursor::Relevance { score, id, .. }) = self.after {
            taken.retain(|(s, i, _)| (*s, *i) < (score, id));
        }
        taken.sort_unstable_by_key(|(score, id, _)| std::cmp::Reverse((*score, *id)));
        let more = taken.len() > self.limit;
        taken.truncate(self.limit);
        let next = taken.last().filter(|_| more);
        let next = next.map(|(score, id, _)| Cursor::Relevance {
            score: *score,
            id: *id,
            newest,
        });
        let hits = taken.into_iter().map(|(_, _, hit)| hit).collect();
        Found { hits, next }
    }

    /// What the index is asked; none when there is nowhere to look.
    fn expression(&self) -> Option<String> {
        let any = |tags: &[Tag]| {
            let words: Vec<_> = tags.iter().map(|t| format!("\"{}\"", t.word())).collect();
            format!("(tags : ({}))", words.join(" OR "))
        };
        let mut all: Vec<String> = Vec::new();
        all.extend(self.by.map(|by| any(&[Tag::By(by)])));
        all.extend(self.is.iter().map(|tags| any(tags)));
        if let Some(rooms) = &self.rooms {
            let few = rooms.len() <= ROOMS;
            if few || (all.is_empty() && self.query.is_none()) {
                let rooms: Vec<_> = rooms.keys().map(|room| Tag::In(*room)).collect();
                if rooms.is_empty() {
                    return None;
                }
                all.push(any(&rooms));
            }
        }
        all.extend(self.query.as_ref().and_then(Query::expression));
        Some(all.join(" AND ")).filter(|all| !all.is_empty())
    }
}

fn is_over(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}
