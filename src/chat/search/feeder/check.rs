//! Comparing the index with the store, for whoever checks both: nothing is found that is not there, and all that is
//! there is found.
//!
//! It only reads, and people go on talking meanwhile. So what differs is looked at again, at a moment at which the
//! index has come to the end of the room and nothing more happened there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};

use super::{Feeder, PIECE, PIECE_BYTES, Trouble, entry::doc};
use crate::{
    id::RoomId,
    search::{self, Inspection},
    store::{self, Lack, Messages, lay},
};

/// About how many messages are compared when not all are.
const SAMPLE: u64 = 1_000;
/// How many numbers of messages are read at a time.
const NUMBERS: usize = 10_000;
/// How many messages are compared at a time.
const AT_ONCE: usize = 200;
/// How many findings may wait for whoever reads them; the check waits for a place.
const QUEUE: usize = 64;
/// How many problems are told one by one.
const TOLD: u64 = 1_000;
/// How often, in all, it waits for the index to come to the end of a room …
const WAITS: usize = 100;
/// … and how long each time.
const PAUSE: Duration = Duration::from_millis(100);

/// What a check of the index says as it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checking {
    /// It is so far.
    Progress {
        /// How many messages it has compared.
        done: u64,
        /// Of how many, about.
        of: u64,
    },
    /// Something is wrong.
    Problem {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// It is through.
    Done(Compared),
    /// It could not go on.
    Failed(String),
}

/// What a check of the index came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many messages are in the index; none where there is no index of this store.
    pub messages: Option<u64>,
    /// How many messages were compared.
    pub compared: u64,
    /// How many differ in a room in which the index is behind: nothing can be said of those.
    pub behind: u64,
    /// How many problems there are; of many, only the first are told.
    pub problems: u64,
}

/// Why a check ends early.
#[derive(Debug)]
enum Stop {
    /// Nobody takes what it finds.
    Gone,
    Failed(Trouble),
}

impl From<store::Error> for Stop {
    fn from(e: store::Error) -> Self {
        Self::Failed(e.into())
    }
}

impl From<search::Error> for Stop {
    fn from(e: search::Error) -> Self {
        Self::Failed(e.into())
    }
}

struct Check {
    feeder: Arc<Feeder>,
    findings: mpsc::Sender<Checking>,
    /// How many messages are compared, about.
    of: u64,
    /// How often it may still wait for the index.
    waits: usize,
    done: Compared,
}

impl Feeder {
    /// Compares all of the index with the store, or some of it; what it finds, the last of which is
    /// [`Checking::Done`] or [`Checking::Failed`]. It ends when nobody takes that any more.
    pub fn check(self: Arc<Self>, full: bool) -> mpsc::Receiver<Checking> {
        let (findings, taken) = mpsc::channel(QUEUE);
        let mut check = Check {
            feeder: self,
            findings,
            of: 0,
            waits: WAITS,
            done: Compared::default(),
        };
        tokio::spawn(async move {
            let last = match check.run(full).await {
                Ok(()) => Checking::Done(check.done),
                Err(Stop::Failed(e)) => Checking::Failed(e.to_string()),
                Err(Stop::Gone) => return,
            };
            let _gone = check.say(last).await;
        });
        taken
    }
}

impl Check {
    async fn run(&mut self, full: bool) -> Result<(), Stop> {
        match self.compare(full).await {
            Err(Stop::Failed(Trouble::Index(search::Error::Anew(why)))) => {
                self.file(format!("it does not read: {why}")).await
            }
            other => other,
        }
    }

    async fn compare(&mut self, full: bool) -> Result<(), Stop> {
        let Some(inspection) = self.feeder.index.inspect().await? else {
            return Ok(());
        };
        self.done.messages = Some(0);
        for fault in inspection.faults().await? {
            self.file(fault).await?;
        }
        let messages = inspection.messages().await?;
        self.done.messages = Some(messages);
        let step = if full { 1 } else { (messages / SAMPLE).max(1) };
        self.of = messages / step;
        // Another part of them each time.
        let mut next = self.feeder.clock.now().0.unsigned_abs() % step;
        for (room, upto) in inspection.rooms().await? {
            if full {
                self.room(&inspection, room, upto).await?;
            } else {
                next = self.some_of(&inspection, room, (step, next)).await?;
            }
        }
        Ok(())
    }

    /// Every `step`th message that is indexed, the first of them after `next` others; answers how many others come
    /// before the first in the next room.
    async fn some_of(
        &mut self,
        inspection: &Inspection,
        room: RoomId,
        (step, mut next): (u64, u64),
    ) -> Result<u64, Stop> {
        let mut after = 0;
        loop {
            let seqs = inspection.seqs(room, after, NUMBERS).await?;
            let Some(last) = seqs.last() else {
                return Ok(next);
            };
            after = *last;
            let mut chosen = Vec::new();
            for seq in seqs {
                if next > 0 {
                    next -= 1;
                } else {
                    next = step - 1;
                    chosen.push(seq);
                }
            }
            for chosen in chosen.chunks(AT_ONCE) {
                self.these(inspection, room, chosen).await?;
            }
        }
    }

    /// These of a room that are indexed.
    async fn these(
        &mut self,
        inspection: &Inspection,
        room: RoomId,
        seqs: &[u64],
    ) -> Result<(), Stop> {
        let read = match self.feeder.store.messages_at(room, seqs).await {
            Ok(read) => read,
            // Some of them do not read: one by one.
            Err(store::Error::Damaged(_)) => Messages::default(),
            Err(e) => return Err(e.into()),
        };
        let said = read.entries.into_iter().filter_map(doc);
        let said: BTreeMap<u64, _> = said.map(|doc| (doc.seq, doc)).collect();
        for seq in seqs {
            let (_, indexed) = inspection.one(room, *seq).await?;
            match (said.get(seq), indexed) {
                (Some(doc), Some(it)) if it.is(room, doc) => self.done.compared += 1,
                _ => self.one(inspection, room, *seq).await?,
            }
        }
        self.tell().await
    }

    /// All of a room, in both directions.
    async fn room(&mut self, inspection: &Inspection, room: RoomId, upto: u64) -> Result<(), Stop> {
        let (store, mut after) = (Arc::clone(&self.feeder.store), 0);
        while after < upto {
            let read = store.readable(room.into(), after, upto, PIECE, PIECE_BYTES);
            let read = read.await?;
            let end = read.next.unwrap_or(upto).min(upto);
            let mut entries = read.entries;
            if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
                let over = store.laid_over(room, first.seq, last.seq).await?;
                lay(&mut entries, over);
            }
            let said = entries.into_iter().filter_map(doc);
            let said: BTreeMap<u64, _> = said.map(|doc| (doc.seq, doc)).collect();
            let indexed = inspection.between(room, after, end).await?;
            let indexed: BTreeMap<u64, _> = indexed.into_iter().map(|it| (it.seq, it)).collect();
            let all: BTreeSet<u64> = said.keys().chain(indexed.keys()).copied().collect();
            for seq in all {
                match (said.get(&seq), indexed.get(&seq)) {
                    (Some(doc), Some(it)) if it.is(room, doc) => self.done.compared += 1,
                    _ => self.one(inspection, room, seq).await?,
                }
            }
            self.tell().await?;
            after = end;
        }
        Ok(())
    }

    /// One message, until it is as it should be, or it is certain that it is not.
    async fn one(&mut self, inspection: &Inspection, room: RoomId, seq: u64) -> Result<(), Stop> {
        let store = Arc::clone(&self.feeder.store);
        self.done.compared += 1;
        loop {
            let before = store.head(room.into()).await?.seq;
            let read = match store.messages_at(room, &[seq]).await {
                Ok(read) => read,
                // Checking the store tells of it.
                Err(store::Error::Damaged(_)) => return Ok(()),
                Err(e) => return Err(e.into()),
            };
            let (upto, indexed) = inspection.one(room, seq).await?;
            let unread = read.gaps.iter().any(|gap| gap.why == Lack::Damaged);
            let said = read.entries.into_iter().find_map(doc);
            let wrong = match (said, indexed) {
                (None, None) => return Ok(()),
                (None, Some(_)) if unread => return Ok(()),
                (Some(doc), Some(it)) if it.is(room, &doc) => return Ok(()),
                (Some(_), Some(_)) => "the search index has other words of it than it has",
                (Some(_), None) => "the search index does not have it",
                (None, Some(_)) => "the search index has it, and it is deleted or not there",
            };
            let now = store.head(room.into()).await?.seq;
            if before == now && upto == now {
                let place = format!("room {room}, message {seq}");
                return self.problem(place, wrong.to_owned()).await;
            }
            if self.waits == 0 {
                self.done.behind += 1;
                return Ok(());
            }
            self.waits -= 1;
            sleep(PAUSE).await;
        }
    }

    /// Something is wrong with the file.
    async fn file(&mut self, what: String) -> Result<(), Stop> {
        let place = self.feeder.index.path().display().to_string();
        self.problem(place, what).await
    }

    async fn problem(&mut self, place: String, what: String) -> Result<(), Stop> {
        self.done.problems += 1;
        if self.done.problems > TOLD {
            return Ok(());
        }
        self.say(Checking::Problem { place, what }).await
    }

    async fn tell(&self) -> Result<(), Stop> {
        let (done, of) = (self.done.compared, self.of.max(self.done.compared));
        self.say(Checking::Progress { done, of }).await
    }

    async fn say(&self, finding: Checking) -> Result<(), Stop> {
        self.findings.send(finding).await.map_err(|_| Stop::Gone)
    }
}
