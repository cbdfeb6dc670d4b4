//! Moments of this process that are cheap to keep: four bytes, good for telling how long ago.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// A moment since the process began. Of two that lie less than an hour apart it can be told how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(NonZeroU32);

impl Stamp {
    /// How long from `earlier` to this moment; nothing when `earlier` is a little later.
    pub fn since(self, earlier: Self) -> Duration {
        let us = self.0.get().wrapping_sub(earlier.0.get());
        // Two threads may look at the clock in another order than they write down what they saw.
        let us = if us > u32::MAX / 2 { 0 } else { us };
        Duration::from_micros(us.into())
    }
}

/// What stamps are given by.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Default for Stopwatch {
    /// Begins now.
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Stopwatch {
    /// Now.
    pub fn stamp(&self) -> Stamp {
        self.stamp_of(Instant::now())
    }

    /// A moment that the clock was read at already.
    pub fn stamp_of(&self, at: Instant) -> Stamp {
        let us = at.saturating_duration_since(self.0).as_micros();
        // Cut to what fits on purpose: only differences are told.
        let low = u32::try_from(us & u128::from(u32::MAX)).unwrap_or_default();
        Stamp(NonZeroU32::new(low).unwrap_or(NonZeroU32::MIN))
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_right_across_the_end_of_the_count() {
        let watch = Stopwatch::default();
        let at = |us| watch.stamp_of(watch.0 + Duration::from_micros(us));
        let end = u64::from(u32::MAX);
        assert_eq!(at(700).since(at(200)), Duration::from_micros(500));
        assert_eq!(
            at(end + 300).since(at(end - 99)),
            Duration::from_micros(399)
        );
        assert_eq!(at(200).since(at(201)), Duration::ZERO);
        assert_eq!(size_of::<Option<Stamp>>(), 4);
    }
}
