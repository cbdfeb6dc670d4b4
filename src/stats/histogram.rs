//! How long things took: counts in buckets that get wider with the value, so that a microsecond and a minute
//! fit, and any quantile is at most an eighth too high.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Buckets for each doubling: a quantile read from them is at most 1/8 above the true one.
const SUB: usize = 8;
/// The exponent of the last doubling: beyond 2^27 µs, two minutes, all is one bucket.
const LAST: usize = 26;
/// How many buckets: the exact ones below `SUB`, then `SUB` for each doubling.
const BUCKETS: usize = SUB + (LAST - 2) * SUB;

/// Durations in microseconds, counted. Only grows.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, took: std::time::Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(us, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub fn read(&self) -> Durations {
        let counted = self.buckets.iter().enumerate();
        let counted = counted.filter_map(|(i, count)| {
            let count = count.load(Ordering::Relaxed);
            (count > 0).then(|| (highest(i), count))
        });
        Durations {
            buckets: counted.collect(),
            sum_us: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// Which bucket a value falls into.
fn bucket(us: u64) -> usize {
    let exponent = us.checked_ilog2().unwrap_or(0) as usize;
    match exponent {
        0..=2 => usize::try_from(us).unwrap_or(0),
        3..=LAST => {
            let sub = usize::try_from(us >> (exponent - 3)).unwrap_or(0) % SUB;
            SUB + (exponent - 3) * SUB + sub
        }
        _ => BUCKETS - 1,
    }
}

/// The highest value that falls into a bucket, in microseconds.
fn highest(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let (doubling, sub) = ((bucket - SUB) / SUB, (bucket - SUB) % SUB);
    (((SUB + sub + 1) as u64) << doubling) - 1
}

/// What a histogram counted, as it goes over the wire. Absolute: the difference of two is what happened between
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// For each bucket that has any: the longest it takes, in microseconds, and how many it has; shortest first.
    pub buckets: Vec<(u64, u64)>,
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Durations {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// What was counted since `earlier`. If `earlier` is of another process, all of it.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |highest: u64| {
            let at = earlier.buckets.binary_search_by_key(&highest, |b| b.0);
            at.map_or(0, |at| earlier.buckets[at].1)
        };
        let restarted = self.sum_us < earlier.sum_us
            || earlier.buckets.iter().any(|(highest, count)| {
                let at = self.buckets.binary_search_by_key(highest, |b| b.0);
                at.map_or(0, |at| self.buckets[at].1) < *count
            });
        if restarted {
            return self.clone();
        }
        let buckets = self.buckets.iter();
        let buckets = buckets.map(|(highest, count)| (*highest, count - before(*highest)));
        Self {
            buckets: buckets.filter(|(_, count)| *count > 0).collect(),
            sum_us: self.sum_us - earlier.sum_us,
        }
    }

    /// The duration that a share (0.0 to 1.0) of them do not exceed, in microseconds; none of nothing.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts stay far below 2^52"
    )]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.buckets.iter().find_map(|(highest, count)| {
            seen += count;
            (seen >= wanted).then_some(*highest)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_value_is_in_its_bucket_and_at_most_an_eighth_below_its_end() {
        let mut last = 0;
        for us in (0..70_000).chain((1..26).flat_map(|e| [(1 << e) - 1, 1 << e, (1 << e) + 1])) {
            let end = highest(bucket(us));
            assert!(us <= end && end - us <= us / 8, "{us} in a bucket to {end}");
            if us == last + 1 {
                assert!(bucket(us) >= bucket(last));
            }
            last = us;
        }
        for i in 0..BUCKETS {
            assert_eq!(bucket(highest(i)), i);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_of_what_happened_between_two_readings() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(5));
        let before = histogram.read();
        for us in 1..=100 {
            histogram.record(Duration::from_micros(us));
        }
        let between = histogram.read().since(&before);
        assert_eq!((between.count(), between.sum_us), (100, 5050));
        let p50 = between.quantile(0.5).unwrap();
        assert!((50..=56).contains(&p50), "{p50}");
        assert_eq!(between.quantile(0.0), Some(1));
        assert_eq!(Durations::default().quantile(0.5), None);
    }

    #[test]
    fn after_a_restart_everything_is_new() {
        let (old, new) = (Histogram::default(), Histogram::default());
        old.record(Duration::from_micros(3));
        old.record(Duration::from_micros(3));
        new.record(Duration::from_secs(9));
        assert_eq!(new.read().since(&old.read()), new.read());
    }
}
