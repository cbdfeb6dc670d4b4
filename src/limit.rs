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
    time::Duration,
};

use governor::{
    Quota,
    clock::{Clock, DefaultClock},
};

pub use self::{address::client_address, bucket::Bucket};
use self::{address::network, failures::Failures, keyed::Keyed};
use crate::{config, id::UserId, model::Refusal};

/// How often a failed login is forgiven once they were too many.
const FORGIVEN_EVERY: Duration = Duration::from_secs(30);

/// The rate limits of a server; made anew when the settings change.
pub struct Limits<C: Clock = DefaultClock> {
    /// None when limits are off.
    rates: Option<Rates<C>>,
    frames: Bucket,
    subscribes: Bucket,
}

struct Rates<C: Clock> {
    hasher: RandomState,
    requests: Keyed<C>,
    logins: Keyed<C>,
    registers: Keyed<C>,
    sends: Keyed<C>,
    rooms: Keyed<C>,
    failures: Failures<C>,
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
        let s = settings;
        if !s.enabled {
            return Self {
                rates: None,
                frames: Bucket::OPEN,
                subscribes: Bucket::OPEN,
            };
        }
        let keyed = |quota: fn(NonZeroU32) -> Quota, rate, burst| {
            Keyed::new(
                quota(at_least_one(rate)).allow_burst(at_least_one(burst)),
                clock,
            )
        };
        Self {
            rates: Some(Rates {
                hasher: RandomState::new(),
                requests: keyed(Quota::per_second, s.request_rate, s.request_burst),
                logins: keyed(Quota::per_minute, s.login_rate, s.login_burst),
                registers: keyed(Quota::per_hour, s.register_rate, s.register_burst),
                sends: keyed(Quota::per_second, s.send_rate, s.send_burst),
                rooms: keyed(Quota::per_hour, s.room_rate, s.room_burst),
                failures: Failures::new(s.login_failures, FORGIVEN_EVERY, clock.clone()),
            }),
            frames: Bucket::new(s.frame_rate, s.frame_burst),
            subscribes: Bucket::new(s.subscribe_rate, s.subscribe_burst),
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

    /// Remembers that a login as `name` from this address went wrong. Only the pair is slowed: nobody can
    /// lock somebody else out from afar.
    pub fn login_failed(&self, name: &str, address: IpAddr) {
        if let Some(rates) = &self.rates {
            rates
                .failures
                .add(rates.hasher.hash_one((name, network(address))));
        }
    }

    /// How long logins as `name` from this address have to wait, if they do; to be asked before the
    /// password is looked at.
    pub fn login_blocked(&self, name: &str, address: IpAddr) -> Option<Duration> {
        let rates = self.rates.as_ref()?;
        rates
            .failures
            .wait(rates.hasher.hash_one((name, network(address))))
    }

    /// A new connection's bucket for frames.
    pub fn frames(&self) -> Bucket {
        self.frames.clone()
    }

    /// A new connection's bucket for rooms it subscribes to.
    pub fn subscribes(&self) -> Bucket {
        self.subscribes.clone()
    }

    /// Forgets everybody who has been quiet for so long that it makes no difference. To be called every
    /// minute or so.
    pub fn sweep(&self) {
        if let Some(rates) = &self.rates {
            let keyed = [
                &rates.requests,
                &rates.logins,
                &rates.registers,
                &rates.sends,
                &rates.rooms,
            ];
            keyed.into_iter().for_each(Keyed::sweep);
            rates.failures.sweep();
        }
    }

    /// How many addresses, users and pairs are remembered.
    pub fn remembered(&self) -> usize {
        self.rates.as_ref().map_or(0, |rates| {
            let keyed = [
                &rates.requests,
                &rates.logins,
                &rates.registers,
                &rates.sends,
                &rates.rooms,
            ];
            keyed.into_iter().map(Keyed::len).sum::<usize>() + rates.failures.len()
        })
    }

    fn check(
        &self,
        limit: impl FnOnce(&Rates<C>) -> &Keyed<C>,
        who: impl Hash,
    ) -> Result<(), Refusal> {
        let Some(rates) = &self.rates else {
            return Ok(());
        };
        limit(rates)
            .check(rates.hasher.hash_one(who))
            .map_err(|retry_after| Refusal::RateLimited { retry_after })
    }
}

impl<C: Clock> std::fmt::Debug for Limits<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("enabled", &self.rates.is_some())
            .finish_non_exhaustive()
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}
