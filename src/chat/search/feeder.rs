//! Feeding the search index: one task, behind the log and never in its way.
//!
//! It reads each room's log from where the index stands, over live and archived entries alike, and hands on what an
//! entry means for what can be found. Where it stands is written together with what it wrote, so it can end at any
//! moment. What it has to do it is told by the log; and as others may write to the same database, and an index may
//! be missing, it looks at all rooms at the start and now and then.

mod check;
mod entry;
mod look;
mod reindex;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use self::{
    check::{Checking, Compared},
    reindex::Reindexed,
};
use crate::{
    clock::{Clock, Millis},
    config::Live,
    id::RoomId,
    log::Moved,
    search::{self, Batch, Found, Index, Wanted},
    stats::Stats,
    store::{self, Store},
};

/// How often all rooms are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// How much of a log is read at a time: entries, and bytes of their text.
const PIECE: usize = 500;
const PIECE_BYTES: usize = 256 * 1024;
/// How much goes into one batch.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;
/// How long news gather before they are taken up: a batch costs, however little is in it.
const GATHER: Duration = Duration::from_millis(100);
/// How long a rest between two batches is, at most; it is as long as the batch took, and [`GATHER`] where less than
/// a batch waits.
const REST: Duration = Duration::from_millis(200);
/// How long it waits after something went wrong: twice as long each time, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How soon emptying the write-ahead log is tried again, and how long it may wait for a time with nothing to do.
const EMPTY: Duration = Duration::from_secs(1);
/// How long a command that changed the store by itself takes to bring the index up to date.
const SETTLE: Duration = Duration::from_secs(10);

/// What feeds the index, and knows how it stands.
#[derive(Debug)]
pub struct Feeder {
    store: Arc<dyn Store>,
    index: Arc<Index>,
    moved: Arc<Moved>,
    config: Live,
    clock: Clock,
    stats: Arc<Stats>,
    stopping: CancellationToken,
    /// One batch at a time.
    turn: tokio::sync::Mutex<Turn>,
    standing: Mutex<State>,
}

/// What lasts from one batch to the next.
#[derive(Debug, Default)]
struct Turn {
    /// The rooms that are next.
    queue: VecDeque<RoomId>,
    /// Whether all rooms were looked at since the index began.
    looked: bool,
    /// The rooms that the first look found behind, and where each of them was then. Once they have come there,
    /// everything was indexed once: what is said meanwhile is new, and there is always something new.
    owed: Option<HashMap<RoomId, u64>>,
    /// Whether texts that were taken out may lie in the write-ahead log.
    unemptied: bool,
}

/// How it stands.
#[derive(Clone, Debug, Default)]
struct State {
    /// Whether everything was indexed once.
    complete: bool,
    /// What is in the way, and since when.
    trouble: Option<(Millis, String)>,
    /// How many entries all rooms have, as of the last look.
    entries: u64,
}

/// How the index stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// How many entries are not indexed yet.
    pub behind: u64,
    /// Whether everything was indexed once: else what is not found may be there all the same.
    pub complete: bool,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Rooms that are in it.
    pub rooms: u64,
    /// How many entries all rooms have, as of the last look.
    pub entries: u64,
    /// What is in the way, and since when.
    pub trouble: Option<(Millis, String)>,
}

/// Why a batch came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index.
    #[error(transparent)]
    Index(#[from] search::Error),
    /// The disk.
    #[error("the disk has less room than store.min_free asks for")]
    NoRoom,
}

impl Feeder {
    /// One that has not begun.
    pub fn new(
        store: Arc<dyn Store>,
        index: Arc<Index>,
        moved: Arc<Moved>,
        config: Live,
        clock: Clock,
        stats: Arc<Stats>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            store,
            index,
            moved,
            config,
            clock,
            stats,
            stopping,
            // Whoever was killed may have left the log behind.
            turn: tokio::sync::Mutex::new(Turn {
                unemptied: true,
                ..Turn::default()
            }),
            standing: Mutex::default(),
        }
    }

    /// The index itself.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Looks for messages, for as long as `within` at most.
    pub async fn find(&self, wanted: Wanted, within: Duration) -> Result<Found, search::Error> {
        self.stats.searches.up();
        let began = Instant::now();
        let found = self.index.find(wanted, within).await;
        self.stats.search_time.record(began.elapsed());
        found
    }

    /// Feeds until the server stops.
    pub async fn run(self: Arc<Self>) {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {}
            () = self.feed() => {}
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let size = self.index.size();
        let state = self.standing.lock().clone();
        Standing {
            behind: self.behind(),
            complete: state.complete,
            bytes: size.bytes,
            rooms: size.rooms,
            entries: state.entries,
            trouble: state.trouble,
        }
    }

    /// How many entries are not indexed yet, as far as is known.
    pub fn behind(&self) -> u64 {
        self.moved.behind(|room| self.index.upto(room))
    }

    /// Whether everything was indexed once, and it goes on: else what is not found may be there all the same.
    pub fn is_complete(&self) -> bool {
        let state = self.standing.lock();
        state.complete && state.trouble.is_none()
    }

    /// Somebody found the index to be no good.
    pub fn wake(&self) {
        self.moved.wake();
    }

    /// Takes one batch; answers whether there is more to do.
    pub async fn step(&self) -> Result<bool, Trouble> {
        let mut turn = self.turn.lock().await;
        let done = self.step_in(&mut turn).await;
        if matches!(done, Err(Trouble::Index(search::Error::Anew(_)))) {
            self.began_anew(&mut turn);
        }
        let more = done?;
        let complete = self.is_made(&mut turn);
        let mut state = self.standing.lock();
        state.complete = complete;
        if state.trouble.take().is_some() {
            tracing::info!("the search index goes on");
        }
        Ok(more)
    }

    async fn step_in(&self, turn: &mut Turn) -> Result<bool, Trouble> {
        if self.index.open().await? {
            self.began_anew(turn);
        }
        if !turn.looked {
            self.look(turn).await?;
        }
        self.batch(turn).await
    }

    /// Works off what is new, for as long as `within` at most: for a command that looks for something where no server
    /// feeds the index. What is left shows in how it stands.
    pub async fn catch_up(&self, within: Duration) {
        let all = async {
            while self.step().await? {}
            Ok::<_, Trouble>(())
        };
        if let Ok(Err(e)) = timeout(within, all).await {
            self.note(&e);
        }
    }

    /// Takes what this process took out of the store out of an index that nobody feeds: for a command that works on
    /// the store itself. An index that cannot be brought up to date so is taken away: it will be made anew.
    pub async fn settle(&self) {
        if !self.moved.takes_out() || !self.index.exists() {
            return;
        }
        let settling = async {
            let mut turn = self.turn.lock().await;
            if self.index.open().await? {
                return Ok(false);
            }
            while self.batch(&mut turn).await? {}
            Ok::<_, Trouble>(self.index.empty().await?)
        };
        if !matches!(timeout(SETTLE, settling).await, Ok(Ok(true))) {
            self.index.close().await;
            if let Err(e) = self.index.remove() {
                let path = self.index.path().display();
                tracing::warn!(error = %e, %path, "cannot take away the search index: delete it");
            }
        }
    }

    /// Works off what there is, again and again.
    async fn feed(&self) {
        // Not being allowed to is no reason not to work; where it cannot be asked, the first step says why.
        let _ = self.index.give_way().await;
        let (mut looked, mut pause) = (Instant::now(), PAUSE.0);
        let mut empty_at = Instant::now();
        loop {
            let began = Instant::now();
            if began.duration_since(looked) >= LOOK {
                self.turn.lock().await.looked = false;
                looked = began;
            }
            let done = self.step().await;
            let rest = began.elapsed().min(REST);
            let mut next = LOOK.saturating_sub(looked.elapsed());
            // Not only when there is nothing to do: there may always be something new, or something in the way.
            if matches!(done, Ok(false)) || Instant::now() >= empty_at {
                let trying = Instant::now();
                if !self.empty().await {
                    next = next.min(EMPTY);
                }
                // It may have waited for somebody who reads.
                empty_at = Instant::now() + EMPTY.max(trying.elapsed() * 10);
            }
            match done {
                Ok(more) => {
                    pause = PAUSE.0;
                    if more {
                        // Where messages keep coming there is always more, and a batch for a few of them costs most.
                        let few = self.behind() < BATCH as u64;
                        sleep(if few { rest.max(GATHER) } else { rest }).await;
                        continue;
                    }
                    tokio::select! {
                        () = self.moved.told() => sleep(GATHER).await,
                        () = sleep(next) => {}
                    }
                }
                Err(e) => {
                    self.note(&e);
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    /// Takes out of the write-ahead log what was taken out of the index. False where that has to be tried again.
    async fn empty(&self) -> bool {
        let mut turn = self.turn.lock().await;
        if turn.unemptied {
            turn.unemptied = !self.index.empty().await.unwrap_or(false);
        }
        !turn.unemptied
    }

    /// Says once what is in the way.
    fn note(&self, trouble: &Trouble) {
        let mut state = self.standing.lock();
        if state.trouble.is_none() {
            use store::Error::{Away, Unavailable};
            // A store that does not answer has been logged by whoever found that out, and has more to do than this.
            if !matches!(trouble, Trouble::Store(Away(_) | Unavailable(_))) {
                tracing::warn!(error = %trouble, "the search index does not go on");
            }
            state.trouble = Some((self.clock.now(), trouble.to_string()));
        } else if let Some((_, why)) = &mut state.trouble {
            *why = trouble.to_string();
        }
    }

    fn began_anew(&self, turn: &mut Turn) {
        turn.looked = false;
        turn.owed = None;
        turn.queue.clear();
        self.standing.lock().complete = false;
    }

    /// Takes a batch of what is new; answers whether there was any.
    async fn batch(&self, turn: &mut Turn) -> Result<bool, Trouble> {
        if turn.queue.is_empty() {
            turn.queue.extend(self.moved.rooms());
        }
        let (mut batch, mut entries) = (Batch::default(), 0);
        while entries < BATCH && batch.bytes() < BATCH_BYTES {
            let Some(room) = turn.queue.pop_front() else {
                break;
            };
            let Some(head) = self.moved.head(room) else {
                continue;
            };
            let from = self.index.upto(room);
            if from >= head {
                self.moved.done(room, from);
                continue;
            }
            match self.piece(room, (from, head), &mut batch).await {
                Ok(read) => entries += read,
                Err(e) => {
                    turn.queue.push_back(room);
                    return Err(e);
                }
            }
        }
        if batch.upto.is_empty() && batch.gone.is_empty() {
            return Ok(!self.moved.is_empty());
        }
        let (upto, gone) = (batch.upto.clone(), batch.gone.clone());
        let takes_out = batch.takes_out();
        if !takes_out {
            self.check_room()?;
        }
        turn.unemptied |= takes_out;
        self.index.apply(batch).await?;
        self.stats.indexed.add(entries as u64);
        for (room, upto) in upto {
            self.moved.done(room, upto);
        }
        for room in gone {
            self.moved.forget(room);
        }
        Ok(true)
    }

    /// Reads on in a room; answers how many entries that were.
    async fn piece(
        &self,
        room: RoomId,
        (from, head): (u64, u64),
        batch: &mut Batch,
    ) -> Result<usize, Trouble> {
        let log = room.into();
        let read = self.store.readable(log, from, head, PIECE, PIECE_BYTES);
        let read = read.await?;
        let count = read.entries.len().max(1);
        let before = batch.changes.len();
        for entry in read.entries {
            if self.take(room, entry, batch).await? {
                batch.changes.truncate(before);
                batch.gone.push(room);
                return Ok(count);
            }
        }
        batch.upto.insert(room, read.next.unwrap_or(head));
        Ok(count)
    }

    /// Refuses to fill the disk: messages go before.
    fn check_room(&self) -> Result<(), Trouble> {
        let least = self.config.get().store.min_free.as_u64();
        let dir = self.index.path().parent();
        let dir = dir.filter(|dir| !dir.as_os_str().is_empty());
        let stat = rustix::fs::statvfs(dir.unwrap_or(std::path::Path::new(".")));
        let full = stat.is_ok_and(|s| s.f_bavail.saturating_mul(s.f_frsize) < least);
        if full { Err(Trouble::NoRoom) } else { Ok(()) }
    }
}
