//! The task that tells: which room has its turn, when one that was refused is tried again, and what is kept of it.
//!
//! The rooms' logs are the queue. The appender only says in which rooms something happened; how far each was told is
//! ours to know. A room has one turn at a time, so its events come in order; a few rooms have theirs at once.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Standing, Webhook,
    marks::{Decided, Marks, read_since, write_since},
    post::Fault,
    target::Target,
    walk::{End, From, Turn},
};
use crate::{
    clock::Millis,
    id::RoomId,
    log::refuse,
    model::Refusal,
    store::{self, Scope, Write},
};

/// How often what moved is written down, and how the webhook stands is worked out.
const KEEP: Duration = Duration::from_secs(1);
/// The least time between two looks at the news: what happens meanwhile in a room is one look.
const GATHER: Duration = Duration::from_millis(25);
/// How long to wait for a store that does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How many rooms are looked at at once at the start.
const PAGE: usize = 200;
/// How often at most it is logged that something is wrong.
const TELL: Duration = Duration::from_mins(1);

/// A room that is not told to its end.
#[derive(Debug, Default)]
struct Lane {
    /// It is in `ready`.
    queued: bool,
    /// Its turn is under way.
    busy: bool,
    /// Something happened in it meanwhile.
    again: bool,
    /// How often in a row it was refused.
    failures: u32,
    /// When it is tried again; none when it is not waiting.
    until: Option<Instant>,
    /// Of when the entry is that was refused.
    held: Option<Millis>,
}

/// The task's state.
struct Runner {
    hook: Webhook,
    target: Option<Arc<Target>>,
    decided: Decided,
    /// Since when there is a place to tell.
    since: Option<Millis>,
    marks: Marks,
    lanes: HashMap<RoomId, Lane>,
    ready: VecDeque<RoomId>,
    waiting: BTreeSet<(Instant, RoomId)>,
    turns: JoinSet<Turn>,
    /// Since when the place takes nothing, and when it is asked again: then with one delivery alone.
    down: Option<(u32, Instant)>,
    told: Option<Instant>,
}

impl Webhook {
    /// Tells the place what happens, until the server stops.
    pub async fn run(self) {
        let Some(mut runner) = Runner::begin(&self).await else {
            return;
        };
        runner.go().await;
        runner.turns.abort_all();
        runner.keep().await;
    }
}

impl Runner {
    /// Reads how far everything is; none when the server stops before the store answers.
    async fn begin(hook: &Webhook) -> Option<Self> {
        let read = || async {
            let store = &*hook.store;
            let (decided, since) = (Decided::read(store).await?, read_since(store).await?);
            Ok::<_, store::Error>((decided, since, Marks::read(store).await?))
        };
        loop {
            match read().await {
                Ok((decided, since, marks)) => {
                    let mut runner = Self {
                        hook: hook.clone(),
                        target: None,
                        decided,
                        since,
                        marks,
                        lanes: HashMap::new(),
                        ready: VecDeque::new(),
                        waiting: BTreeSet::new(),
                        turns: JoinSet::new(),
                        down: None,
                        told: None,
                    };
                    runner.take_over().await;
                    if since.is_some() && runner.since == since {
                        runner.catch_up().await;
                    }
                    return Some(runner);
                }
                Err(e) => {
                    let _logged = refuse(&e);
                    if hook.rests(STORE_PAUSE).await {
                        return None;
                    }
                }
            }
        }
    }

    async fn go(&mut self) {
        let hook = self.hook.clone();
        let mut keep = interval(KEEP);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = Instant::now();
        loop {
            self.start_turns();
            let next = self.next_try();
            tokio::select! {
                biased;
                () = hook.stopping.cancelled() => return,
                Some(turn) = self.turns.join_next() => self.on_turn(turn),
                () = hook.inner.changed.notified() => self.take_over().await,
                _ = keep.tick() => {
                    self.keep().await;
                    self.stand();
                }
                () = sleep_until(next.unwrap_or(look)), if next.is_some() => self.wake(),
                () = async { sleep_until(look).await; hook.moved.told().await } => {
                    look = Instant::now() + GATHER;
                    for room in hook.moved.take() {
                        self.on_news(room);
                    }
                }
            }
        }
    }

    /// Takes over the settings and decisions as they are now.
    async fn take_over(&mut self) {
        self.target = self.hook.target();
        if let Some(decided) = self.hook.inner.decided.lock().take() {
            self.decided = decided;
        }
        let on = self.target.is_some();
        if on != self.since.is_some() {
            let since = *self.hook.inner.since.lock();
            self.since = on.then(|| since.unwrap_or_else(|| self.hook.clock.now()));
            let write = write_since(self.since).into_iter().collect();
            if let Err(refusal) = self.hook.commit(write).await {
                tracing::warn!(%refusal, "it is not written down since when there is a webhook");
            }
        }
        if on {
            // Whatever was in the way may not be any more.
            self.down = None;
            for (_, room) in std::mem::take(&mut self.waiting) {
                if let Some(lane) = self.lanes.get_mut(&room) {
                    lane.until = None;
                }
                self.queue(room);
            }
        } else {
            self.lanes.clear();
            self.ready.clear();
            self.waiting.clear();
        }
        self.stand();
    }

    /// Looks in which rooms something happened that was not told before the last end of the server.
    async fn catch_up(&mut self) {
        let since = self.since.unwrap_or_default();
        let mut after = None;
        loop {
            let page = after.as_ref().map(|(name, id)| (name, *id));
            let rows = match self.hook.store.list_rooms(Scope::All, page, PAGE).await {
                Ok(rows) => rows,
                Err(e) => {
                    let _logged = refuse(&e);
                    if self.hook.rests(STORE_PAUSE).await {
                        return;
                    }
                    continue;
                }
            };
            let Some(last) = rows.last() else { return };
            after = Some((last.room.name.clone(), last.room.id));
            for row in rows {
                let told = self.marks.of(row.room.id).unwrap_or(0);
                if row.head.at >= since && row.head.seq > told {
                    self.on_news(row.room.id);
                }
            }
        }
    }

    fn on_news(&mut self, room: RoomId) {
        let Some(target) = &self.target else { return };
        if !self.lanes.contains_key(&room)
            && let Some(live) = self.hook.log.room_in_memory(room)
            && !target.follows(&live.facts().room)
        {
            // Not for the place: passed by without a turn.
            return self.marks.set(room, live.head().seq);
        }
        let lane = self.lanes.entry(room).or_default();
        if lane.busy {
            lane.again = true;
        } else if lane.until.is_none() {
            self.queue(room);
        }
    }

    /// Lets a room wait for its turn.
    fn queue(&mut self, room: RoomId) {
        if let Some(lane) = self.lanes.get_mut(&room)
            && !std::mem::replace(&mut lane.queued, true)
        {
            self.ready.push_back(room);
        }
    }

    /// Gives rooms their turns, as many as may have them at once.
    fn start_turns(&mut self) {
        let Some(target) = self.target.clone().filter(|_| !self.decided.paused) else {
            return;
        };
        let most = match self.down {
            Some((_, until)) if until > Instant::now() => 0,
            Some(_) => 1,
            None => target.concurrency,
        };
        while self.turns.len() < most
            && let Some(room) = self.ready.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&room) else {
                continue;
            };
            (lane.queued, lane.busy, lane.again) = (false, true, false);
            let now = self.hook.clock.now();
            let skipped = self.decided.skipped.unwrap_or_default();
            let from = From {
                seq: self.marks.of(room),
                since: self.since.unwrap_or(now),
                skip: now.minus(target.give_up).max(skipped),
            };
            let walk = self.hook.clone().walk(Arc::clone(&target), room, from);
            self.turns.spawn(walk);
        }
    }

    fn on_turn(&mut self, turn: Result<Turn, JoinError>) {
        let turn = match turn {
            Ok(turn) => turn,
            Err(e) => {
                tracing::error!(error = %e, "a turn of the webhook failed");
                // Which room it was is not known: all that seem to be at it begin anew.
                let mut at_it = Vec::new();
                for (room, lane) in &mut self.lanes {
                    if std::mem::take(&mut lane.busy) {
                        at_it.push(*room);
                    }
                }
                return at_it.into_iter().for_each(|room| self.queue(room));
            }
        };
        if let Some(seq) = turn.seq {
            self.marks.set(turn.room, seq);
        }
        let stats = &self.hook.stats;
        stats.webhook_delivered.add(turn.delivered);
        stats.webhook_skipped.add(turn.skipped);
        let now = self.hook.clock.now();
        let mut standing = self.hook.inner.standing.lock();
        if turn.delivered > 0 {
            standing.last_ok = Some(now);
            standing.error = None;
            self.down = None;
        }
        if turn.skipped > 0 {
            tracing::warn!(room = %turn.room, entries = turn.skipped, "the webhook passed over what is too old or was skipped");
        }
        let Some(lane) = self.lanes.get_mut(&turn.room) else {
            return;
        };
        lane.busy = false;
        if turn.seq.is_some() {
            lane.failures = 0;
            lane.held = None;
        }
        let pause = match turn.end {
            End::AtHead if !lane.again => {
                self.lanes.remove(&turn.room);
                return;
            }
            End::AtHead | End::More => {
                drop(standing);
                return self.queue(turn.room);
            }
            End::Store => STORE_PAUSE,
            End::Refused(fault, at) => {
                stats.webhook_failed.up();
                standing.failed_at = Some(now);
                standing.error = Some(fault.why.clone());
                drop(standing);
                lane.failures = lane.failures.saturating_add(1);
                lane.held = Some(at);
                let failures = lane.failures;
                self.refused(turn.room, &fault, failures)
            }
        };
        let until = Instant::now() + pause;
        if let Some(lane) = self.lanes.get_mut(&turn.room) {
            lane.until = Some(until);
        }
        self.waiting.insert((until, turn.room));
    }

    /// How long a room waits that was refused so often in a row.
    fn refused(&mut self, room: RoomId, fault: &Fault, failures: u32) -> Duration {
        let Some(target) = &self.target else {
            return STORE_PAUSE;
        };
        let due = self.told.is_none_or(|at| at.elapsed() >= TELL);
        if due {
            self.told = Some(Instant::now());
            let place = &target.place;
            tracing::warn!(%place, %room, tries = failures, why = %fault.why, "the webhook was not taken; it is tried again");
        }
        if !fault.down {
            return target.pause(failures, fault.retry_after);
        }
        let failed = self.down.map_or(0, |(failed, _)| failed).saturating_add(1);
        let pause = target.pause(failed, fault.retry_after);
        self.down = Some((failed, Instant::now() + pause));
        // It is the first to be tried when the place is asked again.
        pause
    }

    /// When something has to be tried that waits.
    fn next_try(&self) -> Option<Instant> {
        if self.decided.paused {
            return None;
        }
        let room = self.waiting.first().map(|(until, _)| *until);
        let down = self.down.filter(|_| !self.ready.is_empty());
        let down = down
            .map(|(_, until)| until)
            .filter(|until| *until > Instant::now());
        room.into_iter().chain(down).min()
    }

    fn wake(&mut self) {
        let now = Instant::now();
        while let Some((until, room)) = self.waiting.first().copied()
            && until <= now
        {
            self.waiting.pop_first();
            if let Some(lane) = self.lanes.get_mut(&room) {
                lane.until = None;
            }
            self.queue(room);
        }
    }

    /// Writes down how far the rooms are.
    async fn keep(&mut self) {
        let (writes, dirty) = self.marks.take();
        if writes.is_empty() {
            return;
        }
        if self.hook.commit(writes).await.is_err() {
            // The log of the store has said why; the next time is soon.
            self.marks.again(dirty);
        }
    }

    /// Works out how it stands, for whoever asks.
    fn stand(&self) {
        let held = self.lanes.values().filter_map(|lane| lane.held);
        let mut standing = self.hook.inner.standing.lock();
        *standing = Standing {
            rooms_behind: self.lanes.len() as u64,
            held_since: held.clone().min(),
            rooms_held: held.count() as u64,
            next_try: self.next_try().map(|at| {
                let wait = at.saturating_duration_since(Instant::now());
                self.hook.clock.now().plus(wait)
            }),
            ..std::mem::take(&mut *standing)
        };
    }
}

impl Webhook {
    /// Waits; answers whether the server stops.
    async fn rests(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => true,
            () = tokio::time::sleep(time) => false,
        }
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), Refusal> {
        let done = self.log.append(&[], None, move |draft| {
            draft.by_itself();
            for write in &writes {
                draft.write(write.clone());
            }
            Ok(())
        });
        done.await.map(drop).map_err(Refusal::from)
    }
}
