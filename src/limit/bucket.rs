//! The rate of one connection: a few words in the connection's own memory, no lock, no map.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Refusal;

/// How much a connection may do: the same for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// How long one takes to come back; zero when there is no limit.
    each: Duration,
    /// How much may be owed.
    burst: u32,
}

impl Rate {
    /// Without a limit.
    pub(super) const OPEN: Self = Self {
        each: Duration::ZERO,
        burst: 1,
    };

    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
        }
    }
}

/// What one connection has done lately. [`super::Limits`] says whether that is too much.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// When nothing is owed any more; none before the first.
    even_at: Option<Instant>,
}

impl Bucket {
    /// Takes `n` at a given time, or none and says when to come back. More than the burst counts as the burst:
    /// it would never fit, and how much may be asked for at once is limited elsewhere.
    pub(super) fn take_at(&mut self, rate: Rate, n: u32, now: Instant) -> Result<(), Refusal> {
        let Rate { each, burst } = rate;
        if each.is_zero() {
            return Ok(());
        }
        let even_at = self.even_at.map_or(now, |at| at.max(now)) + each * n.min(burst);
        let owed = even_at - now;
        let most = each * burst;
        if owed > most {
            return Err(Refusal::RateLimited {
                retry_after: owed.saturating_sub(most),
            });
        }
        self.even_at = Some(even_at);
        Ok(())
    }
}
