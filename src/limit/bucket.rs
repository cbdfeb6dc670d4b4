//! The rate of one connection: a few words in the connection's own memory, no lock, no map.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Refusal;

/// What one connection may still do. Made by [`super::Limits`].
#[derive(Clone, Debug)]
pub struct Bucket {
    /// How long one takes to come back; zero when there is no limit.
    each: Duration,
    /// How much may be owed.
    burst: u32,
    /// When nothing is owed any more; none before the first.
    even_at: Option<Instant>,
}

impl Bucket {
    /// Without a limit.
    pub(super) const OPEN: Self = Self {
        each: Duration::ZERO,
        burst: 1,
        even_at: None,
    };

    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            even_at: None,
        }
    }

    /// Takes `n`, or none and says when to come back.
    pub fn take(&mut self, n: u32) -> Result<(), Refusal> {
        self.take_at(n, Instant::now())
    }

    /// As [`Bucket::take`], at a given time. More than the burst counts as the burst: it would never fit,
    /// and how much may be asked for at once is limited elsewhere.
    pub fn take_at(&mut self, n: u32, now: Instant) -> Result<(), Refusal> {
        if self.each.is_zero() {
            return Ok(());
        }
        let even_at = self.even_at.map_or(now, |at| at.max(now)) + self.each * n.min(self.burst);
        let owed = even_at - now;
        let most = self.each * self.burst;
        if owed > most {
            return Err(Refusal::RateLimited {
                retry_after: owed.saturating_sub(most),
            });
        }
        self.even_at = Some(even_at);
        Ok(())
    }
}
