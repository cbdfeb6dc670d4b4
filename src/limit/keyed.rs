//! One rate for each of many: governor's limiter, with a bound on how many are remembered.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::keyed::DashMapStateStore,
};

/// The most keys that are remembered apart, about 4 MiB of them.
pub(super) const CAP: usize = 1 << 17;

/// Once there are that many, newcomers share this many keys until a sweep has made room.
pub(super) const SHARED: u64 = 1 << 12;

/// How many checks there are between two looks at how many keys there are: counting is not free.
const LOOK_EVERY: u64 = 1 << 12;

/// A rate limit for each key. Keys are hashes under a secret that is made at start, so nobody can choose to
/// share somebody else's.
pub(super) struct Keyed<C: Clock> {
    quota: Quota,
    limiter: RateLimiter<u64, DashMapStateStore<u64>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    checks: AtomicU64,
    full: AtomicBool,
}

impl<C: Clock + Clone> Keyed<C> {
    pub(super) fn new(quota: Quota, clock: &C) -> Self {
        Self {
            quota,
            limiter: RateLimiter::dashmap_with_clock(quota, clock.clone()),
            clock: clock.clone(),
            checks: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }

    /// How much it lets through.
    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes one, or tells how long to wait.
    pub(super) fn check(&self, key: u64) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % LOOK_EVERY == LOOK_EVERY - 1
            && self.limiter.len() >= CAP
        {
            self.sweep();
        }
        let key = if self.full.load(Ordering::Relaxed) {
            key % SHARED
        } else {
            key
        };
        let outcome = self.limiter.check_key(&key);
        outcome.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Forgets the keys whose burst is whole again: they are as good as new.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.full
            .store(self.limiter.len() >= CAP, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.limiter.len()
    }
}
