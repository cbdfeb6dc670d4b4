//! What happened lately, for whoever watches: a ring in memory that everybody may write to and read along with.
//!
//! It is not a record (that is the control log) and loses what is old. Each item has the next number; a reader
//! names the last one it has, gets what came after it, and is told when something in between is gone already.

mod flood;

use std::{
    collections::VecDeque,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::flood::Flood;
use crate::{clock::Millis, id::BootId};

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<T> {
    /// How many are gone between what the reader had and the first of these.
    pub missed: u64,
    /// The number of the last item there is, to be named the next time.
    pub last: u64,
    /// What came, oldest first, each with its number.
    pub items: Vec<Numbered<T>>,
}

/// An item with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// Its number: one more than that of the item before, from 1 on for each start of the server.
    pub seq: u64,
    /// The item.
    #[serde(flatten)]
    pub item: T,
}

/// A ring of the last items.
pub struct Feed<T> {
    ring: Mutex<VecDeque<T>>,
    /// The number of the last item.
    last: AtomicU64,
    capacity: usize,
    came: Notify,
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl<T: Clone> Feed<T> {
    /// An empty feed that remembers `capacity` items.
    pub fn new(capacity: usize) -> Self {
        Self {
            ring: Mutex::default(),
            last: AtomicU64::new(0),
            capacity,
            came: Notify::new(),
        }
    }

    /// Adds an item; the oldest one makes room.
    pub fn push(&self, item: T) {
        let mut ring = self.ring.lock();
        if ring.len() == self.capacity {
            ring.pop_front();
        }
        ring.push_back(item);
        self.last.fetch_add(1, Ordering::Release);
        drop(ring);
        self.came.notify_waiters();
    }

    /// What came after number `after`, `most` items at most: the newest of them, the others count as missed.
    pub fn after(&self, after: u64, most: usize) -> Batch<T> {
        let ring = self.ring.lock();
        let last = self.last.load(Ordering::Acquire);
        // A number from before a restart is ahead of us: then all is new.
        let after = if after > last { 0 } else { after };
        let new = usize::try_from(last - after).unwrap_or(usize::MAX);
        let taken = new.min(ring.len()).min(most);
        let first = last - taken as u64 + 1;
        let items = ring.iter().skip(ring.len() - taken).cloned();
        Batch {
            missed: (new - taken) as u64,
            last,
            items: (first..)
                .zip(items)
                .map(|(seq, item)| Numbered { seq, item })
                .collect(),
        }
    }

    /// What came right after number `after`, `most` items at most: the oldest of them, so that who reads on misses
    /// none. `last` is the number of the last of these.
    pub fn next(&self, after: u64, most: usize) -> Batch<T> {
        let ring = self.ring.lock();
        let last = self.last.load(Ordering::Acquire);
        let after = if after > last { 0 } else { after };
        let oldest = last - ring.len() as u64;
        let from = after.max(oldest);
        let skip = usize::try_from(from - oldest).unwrap_or(usize::MAX);
        let items: Vec<_> = (from + 1..)
            .zip(ring.iter().skip(skip).take(most).cloned())
            .map(|(seq, item)| Numbered { seq, item })
            .collect();
        Batch {
            missed: from - after,
            last: from + items.len() as u64,
            items,
        }
    }

    /// The number of the last item.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Waits until there is something after number `after`.
    pub async fn changed(&self, after: u64) {
        loop {
            let came = self.came.notified();
            let mut came = std::pin::pin!(came);
            // Listening first, then looking: what comes between the two is noticed.
            came.as_mut().enable();
            if self.last() != after {
                return;
            }
            came.await;
        }
    }
}

/// Something that happened on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Millis,
    /// What sort.
    pub kind: Kind,
    /// What, as a stable word: for an act the word of the audit log (`room.create`), else such as `conn.open`,
    /// `conn.close`, `login.failed`, `store.away`, `server.stopping`.
    pub what: String,
    /// Who did it or whom it is about: a name where one is at hand, else an id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub who: Option<String>,
    /// What it was done to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// More about it, in words: an address, a reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An act of the control log.
    Act,
    /// A connection came or went.
    Connection,
    /// Somebody tried to come in.
    Login,
    /// A run of the archive, a redaction, or other work in the background.
    Job,
    /// The store was away, or is back.
    Store,
    /// The server itself.
    Server,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Act,
        Self::Connection,
        Self::Login,
        Self::Job,
        Self::Store,
        Self::Server,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Connection => "connection",
            Self::Login => "login",
            Self::Job => "job",
            Self::Store => "store",
            Self::Server => "server",
        }
    }
}

/// One line of the server's own log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Millis,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// The module that says it.
    pub target: String,
    /// What it says.
    pub message: String,
    /// The rest of it, as `name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<String>,
}

/// How many events are remembered.
const EVENTS: usize = 4096;
/// How many lines of the log are remembered.
const LOG_LINES: usize = 2048;

/// The two feeds of one server.
#[derive(Debug)]
pub struct Feeds {
    /// Tells this process from the one before it.
    pub boot: String,
    /// What happened.
    pub events: Feed<Happening>,
    /// What the server logged.
    pub log: std::sync::Arc<Feed<LogLine>>,
    /// How many events of work in the background there were.
    jobs: AtomicU64,
    /// What comes in floods, and is told only so often.
    floods: [Flood; Kind::ALL.len()],
}

impl Feeds {
    /// Empty feeds of the process that `boot` names.
    pub fn new(boot: BootId) -> Self {
        Self {
            boot: boot.to_string(),
            events: Feed::new(EVENTS),
            log: std::sync::Arc::new(Feed::new(LOG_LINES)),
            jobs: AtomicU64::new(0),
            floods: Default::default(),
        }
    }

    /// Tells that something happened. Of what others can make happen as often as they like, only so much is told
    /// in a second; the next that is told says how many were left out.
    pub fn tell(&self, mut what: Happening) {
        if matches!(what.kind, Kind::Connection | Kind::Login) {
            match self.floods[what.kind as usize].admit(what.at) {
                None => return,
                Some(0) => {}
                Some(left_out) => {
                    let more = format!("{left_out} others before it are not shown");
                    what.detail = Some(match what.detail {
                        Some(detail) => format!("{detail}; {more}"),
                        None => more,
                    });
                }
            }
        }
        if what.kind == Kind::Job {
            self.jobs.fetch_add(1, Ordering::Release);
        }
        self.events.push(what);
    }

    /// How many events of work in the background there were: another number says that some began or ended.
    pub fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_is_new_and_is_told_what_is_gone() {
        let feed = Feed::new(3);
        let none = feed.after(0, 9);
        assert_eq!((none.missed, none.last, none.items.len()), (0, 0, 0));
        (1..=5).for_each(|i| feed.push(i));
        let read = |after, most| {
            let batch = feed.after(after, most);
            let items: Vec<_> = batch.items.iter().map(|i| (i.seq, i.item)).collect();
            (batch.missed, items)
        };
        assert_eq!(read(0, 9), (2, vec![(3, 3), (4, 4), (5, 5)]));
        assert_eq!(read(4, 9), (0, vec![(5, 5)]));
        assert_eq!(read(5, 9), (0, vec![]));
        assert_eq!(read(2, 1), (2, vec![(5, 5)]));
        assert_eq!(read(99, 9).0, 2, "a number of another boot");
    }

    #[test]
    fn who_reads_on_misses_nothing_that_is_still_there() {
        let feed = Feed::new(3);
        (1..=5).for_each(|i| feed.push(i));
        let read = |after, most| {
            let batch = feed.next(after, most);
            let items: Vec<_> = batch.items.iter().map(|i| (i.seq, i.item)).collect();
            (batch.missed, batch.last, items)
        };
        assert_eq!(read(0, 2), (2, 4, vec![(3, 3), (4, 4)]));
        assert_eq!(read(4, 2), (0, 5, vec![(5, 5)]));
        assert_eq!(read(5, 2), (0, 5, vec![]));
        assert_eq!(read(99, 9), (2, 5, vec![(3, 3), (4, 4), (5, 5)]));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_next_item() {
        let feed = std::sync::Arc::new(Feed::new(3));
        feed.push(1);
        feed.changed(0).await;
        let waiting = tokio::spawn({
            let feed = std::sync::Arc::clone(&feed);
            async move { feed.changed(1).await }
        });
        tokio::task::yield_now().await;
        feed.push(2);
        waiting.await.unwrap();
    }
}
