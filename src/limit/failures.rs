//! Failed logins: unlike a rate, what counts is known only afterwards, and is asked for before.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::clock::{Clock, Reference as _};

use super::keyed::{CAP, SHARED};

/// Who failed how often: so many at once, then one in a while.
pub(super) struct Failures<C: Clock> {
    clock: C,
    start: C::Instant,
    /// How long a failure is held against somebody, in ns.
    forgiven_every: u64,
    /// How much may be held against somebody before they must wait, in ns.
    allowed: AtomicU64,
    /// By key: until when something is held against them, in ns since `start`.
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    until: HashMap<u64, u64>,
    /// How many newcomers there were since the last sweep: a sweep visits every key, so it must not be
    /// each newcomer's to pay.
    newcomers: u64,
}

impl Held {
    fn sweep(&mut self, now: u64) {
        self.until.retain(|_, until| *until > now);
        self.newcomers = 0;
    }
}

impl<C: Clock> Failures<C> {
    pub(super) fn new(forgiven_every: Duration, clock: C) -> Self {
        let forgiven_every = u64::try_from(forgiven_every.as_nanos()).unwrap_or(u64::MAX);
        Self {
            start: clock.now(),
            clock,
            forgiven_every,
            allowed: AtomicU64::new(0),
            held: Mutex::default(),
        }
    }

    /// How many failures are allowed before one must wait, from now on.
    pub(super) fn allow(&self, failures: u32) {
        let allowed = self.forgiven_every.saturating_mul(u64::from(failures));
        self.allowed.store(allowed, Ordering::Relaxed);
    }

    /// One more failure.
    pub(super) fn add(&self, key: u64) {
        let now = self.now();
        let mut held = self.lock();
        let mut key = key;
        if held.until.len() >= CAP && !held.until.contains_key(&key) {
            held.newcomers += 1;
            if held.newcomers >= SHARED {
                held.sweep(now);
            }
            if held.until.len() >= CAP {
                key %= SHARED;
            }
        }
        let until = held.until.entry(key).or_insert(now);
        // Never more than is allowed and one: who tries on while blocked does not wait for ever.
        let most = now
            .saturating_add(self.allowed.load(Ordering::Relaxed))
            .saturating_add(self.forgiven_every);
        *until = (*until)
            .max(now)
            .saturating_add(self.forgiven_every)
            .min(most);
    }

    /// How long to wait, if at all.
    pub(super) fn wait(&self, key: u64) -> Option<Duration> {
        let now = self.now();
        let until = &self.lock().until;
        let shared = || until.get(&(key % SHARED)).filter(|_| until.len() >= CAP);
        let held = until.get(&key).or_else(shared)?.saturating_sub(now);
        // Below the next whole failure there is room for one.
        let allowed = self.allowed.load(Ordering::Relaxed);
        let room_at = allowed.saturating_sub(self.forgiven_every);
        (held > room_at).then(|| Duration::from_nanos(held - room_at))
    }

    pub(super) fn sweep(&self) {
        let now = self.now();
        let mut held = self.lock();
        held.sweep(now);
        held.until.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().until.len()
    }

    fn now(&self) -> u64 {
        self.clock.now().duration_since(self.start).as_u64()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
