//! How often: rate limits by address, user and connection, and how a proxy's word about addresses is taken.
//!
//! Doors ask before they do the work; the answer is [`Refusal::RateLimited`] with when to come back. Nothing
//! here waits. What is remembered of anybody is two numbers, forgotten when it does not matter any more, and
//! bounded however many addresses knock.

mod address;
mod bucket;
mod failures;
mod keyed;

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use governor::{
    Quota,
    clock::{Clock, DefaultClock},
};
use tokio::time::Instant;

pub use self::{address::client_address, bucket::Bucket};
use self::{address::network, bucket::Rate, failures::Failures, keyed::Keyed};
use crate::{config, id::UserId, model::Refusal};

/// How often a failed login is forgiven once they were too many.
const FORGIVEN_EVERY: Duration = Duration::from_secs(30);

/// The rate limits of a server. They can be changed while it runs.
pub struct Limits<C: Clock = DefaultClock> {
    clock: C,
    /// Keys are hashes under this secret, so nobody can choose to share somebody else's.
    hasher: RandomState,
    now: ArcSwap<Now<C>>,
}

/// The limits as the settings ask for them at this time.
struct Now<C: Clock> {
    settings: config::Limits,
    /// None when limits are off.
    rates: Option<Rates<C>>,
    frames: Rate,
    subscribes: Rate,
}

struct Rates<C: Clock> {
    requests: Arc<Keyed<C>>,
    logins: Arc<Keyed<C>>,
    registers: Arc<Keyed<C>>,
    sends: Arc<Keyed<C>>,
    rooms: Arc<Keyed<C>>,
    uploads: Arc<Keyed<C>>,
    searches: Arc<Keyed<C>>,
    failures: Arc<Failures<C>>,
}

impl Limits {
    /// The limits that the settings ask for.
    pub fn new(settings: &config::Limits) -> Self {
        Self::with_clock(settings, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// As [`Limits::new`], by another clock.
    pub fn with_clock(settings: &config::Limits, clock: &C) -> Self {
        Self {
            clock: clock.clone(),
            hasher: RandomState::new(),
            now: ArcSwap::from_pointee(Now::new(settings, clock, None)),
        }
    }

    /// Goes by other settings from now on. What is remembered stays under every limit that is the same as
    /// before; under one that changed everybody begins anew, but for wrong passwords, which stay counted.
    pub fn change(&self, settings: &config::Limits) {
        let before = self.now.load();
        if before.settings != *settings {
            let now = Now::new(settings, &self.clock, Some(&**before));
            self.now.store(Arc::new(now));
        }
    }

    /// One more request from an address.
    pub fn check_request(&self, address: IpAddr) -> Result<(), Refusal> {
        self.check(|rates| &rates.requests, network(address))
    }

    /// One more login tried from an address.
    pub fn check_login(&self, address: IpAddr) -> Result<(), Refusal> {
        self.check(|rates| &rates.logins, network(address))
    }

    /// One more account registered from an address.
    pub fn check_register(&self, address: IpAddr) -> Result<(), Refusal> {
        self.check(|rates| &rates.registers, network(address))
    }

    /// One more message by a user, over whichever connection.
    pub fn check_send(&self, user: UserId) -> Result<(), Refusal> {
        self.check(|rates| &rates.sends, user)
    }

    /// One more room by a user.
    pub fn check_room(&self, user: UserId) -> Result<(), Refusal> {
        self.check(|rates| &rates.rooms, user)
    }

    /// One more file by a user.
    pub fn check_upload(&self, user: UserId) -> Result<(), Refusal> {
        self.check(|rates| &rates.uploads, user)
    }

    /// One more search by a user.
    pub fn check_search(&self, user: UserId) -> Result<(), Refusal> {
        self.check(|rates| &rates.searches, user)
    }

    /// Remembers that a login as `name` from this address went wrong. Only the pair is slowed: nobody can
    /// lock somebody else out from afar.
    pub fn login_failed(&self, name: &str, address: IpAddr) {
        if let Some(rates) = &self.now.load().rates {
            let key = self.hasher.hash_one((name, network(address)));
            rates.failures.add(key);
        }
    }

    /// How long logins as `name` from this address have to wait, if they do; to be asked before the
    /// password is looked at.
    pub fn login_blocked(&self, name: &str, address: IpAddr) -> Option<Duration> {
        let now = self.now.load();
        let key = self.hasher.hash_one((name, network(address)));
        now.rates.as_ref()?.failures.wait(key)
    }

    /// One more frame of a connection.
    pub fn check_frame(&self, bucket: &mut Bucket) -> Result<(), Refusal> {
        bucket.take_at(self.now.load().frames, 1, Instant::now())
    }

    /// So many more rooms that a connection subscribes to.
    pub fn check_subscribe(&self, bucket: &mut Bucket, rooms: u32) -> Result<(), Refusal> {
        bucket.take_at(self.now.load().subscribes, rooms, Instant::now())
    }

    /// Forgets everybody who has been quiet for so long that it makes no difference. To be called every
    /// minute or so.
    pub fn sweep(&self) {
        if let Some(rates) = &self.now.load().rates {
            rates.keyed().into_iter().for_each(Keyed::sweep);
            rates.failures.sweep();
        }
    }

    /// How many addresses, users and pairs are remembered.
    pub fn remembered(&self) -> usize {
        self.now.load().rates.as_ref().map_or(0, |rates| {
            rates.keyed().map(Keyed::len).iter().sum::<usize>() + rates.failures.len()
        })
    }

    fn check(
        &self,
        limit: impl FnOnce(&Rates<C>) -> &Keyed<C>,
        who: impl Hash,
    ) -> Result<(), Refusal> {
        let now = self.now.load();
        let Some(rates) = &now.rates else {
            return Ok(());
        };
        limit(rates)
            .check(self.hasher.hash_one(who))
            .map_err(|retry_after| Refusal::RateLimited { retry_after })
    }
}

impl<C: Clock + Clone> Now<C> {
    /// Takes over from `before` what is the same.
    fn new(settings: &config::Limits, clock: &C, before: Option<&Self>) -> Self {
        let s = settings;
        if !s.enabled {
            return Self {
                settings: s.clone(),
                rates: None,
                frames: Rate::OPEN,
                subscribes: Rate::OPEN,
            };
        }
        let old = before.and_then(|before| before.rates.as_ref());
        let keyed = |quota: Quota, burst, old: Option<&Arc<Keyed<C>>>| {
            let quota = quota.allow_burst(at_least_one(burst));
            match old {
                Some(old) if old.quota() == quota => Arc::clone(old),
                _ => Arc::new(Keyed::new(quota, clock)),
            }
        };
        let a_second = |rate| Quota::per_second(at_least_one(rate));
        let a_minute = |rate| Quota::per_minute(at_least_one(rate));
        let an_hour = |rate| Quota::per_hour(at_least_one(rate));
        let failures = match old {
            Some(old) => Arc::clone(&old.failures),
            None => Arc::new(Failures::new(FORGIVEN_EVERY, clock.clone())),
        };
        failures.allow(s.login_failures);
        Self {
            rates: Some(Rates {
                requests: keyed(
                    a_second(s.request_rate),
                    s.request_burst,
                    old.map(|it| &it.requests),
                ),
                logins: keyed(
                    a_minute(s.login_rate),
                    s.login_burst,
                    old.map(|it| &it.logins),
                ),
                registers: keyed(
                    an_hour(s.register_rate),
                    s.register_burst,
                    old.map(|it| &it.registers),
                ),
                sends: keyed(a_second(s.send_rate), s.send_burst, old.map(|it| &it.sends)),
                rooms: keyed(an_hour(s.room_rate), s.room_burst, old.map(|it| &it.rooms)),
                uploads: keyed(
                    a_minute(s.upload_rate),
                    s.upload_burst,
                    old.map(|it| &it.uploads),
                ),
                searches: keyed(
                    a_second(s.search_rate),
                    s.search_burst,
                    old.map(|it| &it.searches),
                ),
                failures,
            }),
            frames: Rate::new(s.frame_rate, s.frame_burst),
            subscribes: Rate::new(s.subscribe_rate, s.subscribe_burst),
            settings: s.clone(),
        }
    }
}

impl<C: Clock> Rates<C> {
    fn keyed(&self) -> [&Keyed<C>; 7] {
        [
            &self.requests,
            &self.logins,
            &self.registers,
            &self.sends,
            &self.rooms,
            &self.uploads,
            &self.searches,
        ]
    }
}

impl<C: Clock> std::fmt::Debug for Limits<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("enabled", &self.now.load().rates.is_some())
            .finish_non_exhaustive()
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}
