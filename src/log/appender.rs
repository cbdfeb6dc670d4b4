//! The appender: one task that turns requests into durable entries and tells everyone, in one order.
//!
//! Its round: take what waits, let each request decide, commit once, then for each change in order answer
//! and publish. What a request touches is in memory before it decides; what it needs and is not there is
//! read beside the round while others go on. While a commit is under way the next requests gather, so a
//! lone sender waits for one commit and a crowd shares it.

mod commit;
mod happening;
mod reads;
mod request;
mod settle;
mod tell;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{Id, JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval_at},
};

pub(super) use self::request::{Append, Command};
use super::{
    Done,
    draft::{Draft, Heads},
    memory::{Loaded, Memory, closes},
    moved::Moved,
    refuse,
};
use crate::{
    clock::Clock,
    feed::Feeds,
    hub::Hub,
    id::LogId,
    model::{Entry, Refusal},
    stats::Stats,
    store::{self, Change, Store},
};

/// How many changes go into one commit: DESIGN section 9 measured no more gain beyond about a thousand.
const BATCH: usize = 1024;
/// How often what is idle is forgotten, in ticks of a second.
const SWEEP_TICKS: u32 = 60;

/// A log read from the store, with the entries that its listeners have not been told.
#[derive(Debug)]
struct Read {
    found: Result<Option<Loaded>, store::Error>,
    untold: Vec<Entry>,
}

/// What waits for a log to be read.
enum Parked {
    Append(Append),
    Load(oneshot::Sender<Result<(), Refusal>>),
}

/// The task's state.
pub(super) struct Appender {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    memory: Arc<Memory>,
    clock: Clock,
    stats: Arc<Stats>,
    feeds: Arc<Feeds>,
    followers: Vec<Arc<Moved>>,
    queue: mpsc::Receiver<Command>,
    ready: VecDeque<Append>,
    parked: HashMap<LogId, Vec<Parked>>,
    reads: JoinSet<Read>,
    /// Which log each read is of, for the one that panics.
    reading: HashMap<Id, LogId>,
    /// Logs with listeners that could not be read after a commit of unknown outcome; tried again.
    unsettled: HashSet<LogId>,
    /// Held until the end, for whoever waits for it.
    stopped: Vec<oneshot::Sender<()>>,
}

impl Appender {
    pub(super) fn new(
        store: Arc<dyn Store>,
        hub: Arc<Hub>,
        clock: Clock,
        stats: Arc<Stats>,
        feeds: Arc<Feeds>,
        followers: Vec<Arc<Moved>>,
        queue: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            store,
            hub,
            memory: Arc::default(),
            clock,
            stats,
            feeds,
            followers,
            queue,
            ready: VecDeque::new(),
            parked: HashMap::new(),
            reads: JoinSet::new(),
            reading: HashMap::new(),
            unsettled: HashSet::new(),
            stopped: Vec::new(),
        }
    }

    /// What it keeps in memory, for everybody to read.
    pub(super) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    pub(super) async fn run(mut self) {
        let second = Duration::from_secs(1);
        let mut tick = interval_at(Instant::now() + second, second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        let mut open = true;
        while open || !self.ready.is_empty() || !self.reads.is_empty() {
            if self.ready.is_empty() {
                tokio::select! {
                    biased;
                    Some(read) = self.reads.join_next_with_id() => self.on_read(read).await,
                    command = self.queue.recv(), if open => match command {
                        Some(command) => self.on_command(command),
                        None => open = false,
                    },
                    _ = tick.tick() => {
                        ticks += 1;
                        self.on_tick(ticks.is_multiple_of(SWEEP_TICKS));
                    }
                }
            }
            while self.ready.len() < BATCH
                && let Ok(command) = self.queue.try_recv()
            {
                self.on_command(command);
            }
            while let Some(read) = self.reads.try_join_next_with_id() {
                self.on_read(read).await;
            }
            let batch = self.sequence();
            if !batch.is_empty() {
                self.commit(batch).await;
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Append(append) => self.ready.push_back(append),
            Command::Load(log, reply) if self.memory.head(log).is_some() => {
                let _gone = reply.send(Ok(()));
            }
            Command::Load(log, reply) => self.park(log, Parked::Load(reply)),
            Command::Alive(reply) => {
                let _gone = reply.send(());
            }
            Command::Stop(reply) => {
                self.stopped.push(reply);
                self.queue.close();
            }
        }
    }

    fn on_tick(&mut self, sweep: bool) {
        for log in std::mem::take(&mut self.unsettled) {
            // What was read meanwhile moves on with every commit; an older reading must not replace it.
            if self.memory.head(log).is_none() {
                self.park_nothing(log);
            }
        }
        if sweep {
            let (hub, ready) = (&self.hub, &self.ready);
            let wanted = |log| ready.iter().any(|a: &Append| a.touches.contains(&log));
            self.memory.sweep(|log| is_watched(hub, log) || wanted(log));
        }
    }

    /// Lets something wait for a log, and reads the log unless that is under way.
    fn park(&mut self, log: LogId, what: Parked) {
        self.park_nothing(log);
        self.parked.entry(log).or_default().push(what);
    }

    fn park_nothing(&mut self, log: LogId) {
        if self.parked.contains_key(&log) {
            return;
        }
        self.parked.insert(log, Vec::new());
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        let told = self.hub.position(log);
        let read = self.reads.spawn(async move {
            let found = read(&*store, log, now).await;
            let mut untold = Vec::new();
            if let (Ok(Some(loaded)), Some(told)) = (&found, told)
                && loaded.head().seq > told.seq
            {
                let upto = loaded.head().seq;
                match store
                    .entries(log, told.seq, upto, usize::MAX, usize::MAX)
                    .await
                {
                    Ok(entries) => untold = entries,
                    Err(e) => {
                        return Read {
                            found: Err(e),
                            untold,
                        };
                    }
                }
            }
            Read { found, untold }
        });
        self.reading.insert(read.id(), log);
    }

    async fn on_read(&mut self, read: Result<(Id, Read), JoinError>) {
        let id = read.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(log) = self.reading.remove(&id) else {
            return;
        };
        let (found, untold) = match read {
            Ok((_, read)) => (read.found, read.untold),
            Err(e) => (Err(store::Error::Damaged(e.to_string())), Vec::new()),
        };
        let parked = self.parked.remove(&log).unwrap_or_default();
        let refusal = match found {
            Ok(Some(loaded)) => {
                self.unsettled.remove(&log);
                self.memory.insert(loaded);
                self.settle(log);
                self.tell_again(untold).await;
                None
            }
            Ok(None) => Some(Refusal::NotFound(match log {
                LogId::User(_) => "user",
                _ => "room",
            })),
            Err(e) => {
                if is_watched(&self.hub, log) {
                    self.unsettled.insert(log);
                }
                Some(refuse(&e))
            }
        };
        // They came before whatever came meanwhile for the same log: they go first.
        for what in parked.into_iter().rev() {
            match (what, &refusal) {
                (Parked::Append(append), None) => self.ready.push_front(append),
                (Parked::Append(append), Some(r)) => append.answer(Err(r.clone().into())),
                (Parked::Load(reply), None | Some(Refusal::NotFound(_))) => {
                    let _gone = reply.send(Ok(()));
                }
                (Parked::Load(reply), Some(r)) => {
                    let _gone = reply.send(Err(r.clone()));
                }
            }
        }
    }

    /// Lets every request that can have its turn decide. Those that need what this batch is changing, and
    /// all that follow them on the same logs, wait for the next round.
    fn sequence(&mut self) -> Vec<(Append, Change)> {
        let now = self.clock.now();
        let mut heads = Heads::default();
        let mut closed: HashSet<LogId> = HashSet::new();
        let mut later = VecDeque::new();
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(mut append) = self.ready.pop_front()
        {
            if append.touches.iter().any(|log| closed.contains(log)) {
                closed.extend(&append.touches);
                later.push_back(append);
                continue;
            }
            if let Some(missing) = self.missing(&append) {
                self.park(missing, Parked::Append(append));
                continue;
            }
            for log in &append.touches {
                self.seed(&mut heads, *log);
            }
            let mut draft = Draft::new(&self.memory, now, &heads);
            if let Err(refusal) = (append.decide)(&mut draft) {
                append.answer(Err(refusal.into()));
                continue;
            }
            let Some((change, added)) = draft.finish() else {
                tracing::error!("an act was not authorised by anything; it is not done");
                append.answer(Err(Refusal::Internal.into()));
                continue;
            };
            if append.rehearsal {
                append.answer(Ok(Done {
                    entries: change.entries,
                    dup: false,
                }));
                continue;
            }
            if change.entries.is_empty() && change.writes.is_empty() {
                append.answer(Ok(Done {
                    entries: Vec::new(),
                    dup: false,
                }));
                continue;
            }
            heads.heads.extend(added.heads);
            heads.hash = added.hash.or(heads.hash);
            closed.extend(change.writes.iter().filter_map(closes));
            batch.push((append, change));
        }
        later.append(&mut self.ready);
        self.ready = later;
        batch
    }

    fn missing(&self, append: &Append) -> Option<LogId> {
        let here = |log: &LogId| Some(*log) == append.fresh || self.memory.head(*log).is_some();
        append.touches.iter().copied().find(|log| !here(log))
    }

    fn seed(&self, heads: &mut Heads, log: LogId) {
        if heads.heads.contains_key(&log) {
            return;
        }
        if log == LogId::Control {
            heads.hash = self.memory.control().map(|c| c.hash);
        }
        heads
            .heads
            .insert(log, self.memory.head(log).unwrap_or_default());
    }
}

/// Whether somebody's listening depends on what is known of a log: of a room, that they listen to it; of a
/// user, that they are here; of the control log, what every role gives.
fn is_watched(hub: &Hub, log: LogId) -> bool {
    match log {
        LogId::Room(_) => hub.position(log).is_some(),
        LogId::User(user) => hub.is_here(user),
        LogId::Control => true,
    }
}

async fn read(
    store: &dyn Store,
    log: LogId,
    now: crate::clock::Millis,
) -> Result<Option<Loaded>, store::Error> {
    Ok(match log {
        LogId::Room(id) => store.load_room(id).await?.map(Loaded::Room),
        LogId::User(id) => match store.load_user(id).await? {
            Some(state) => {
                let sessions = store.sessions_of(id, now).await?;
                Some(Loaded::User(
                    state,
                    sessions.iter().map(Into::into).collect(),
                ))
            }
            None => None,
        },
        LogId::Control => Some(Loaded::Control(store.load_control().await?)),
    })
}
