//! What a worker is told to do, and what it answers.

use std::{net::SocketAddr, time::Instant};

use hdrhistogram::Histogram;

use super::{checks::Checks, stream::Tls, trouble::Trouble};

/// What all workers know.
#[derive(Debug)]
pub(super) struct Known {
    /// When the run began; all times are nanoseconds from here.
    pub(super) began: Instant,
    pub(super) server: SocketAddr,
    /// As the `Host` header says it.
    pub(super) host: String,
    pub(super) tls: Option<Tls>,
    /// A token for each account.
    pub(super) tokens: Vec<String>,
    /// Rooms that everybody is in, beside one's own.
    pub(super) further: Vec<String>,
}

impl Known {
    /// The time of the run, in nanoseconds.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One thing to do. Each is answered once, when it is done.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Connect those that are away.
    Open {
        /// Only the first so many of the worker's.
        upto: usize,
        /// How many may be on their way at a time.
        at_once: usize,
        /// From when on their time is counted, when they all wanted to come at one moment.
        since: Option<u64>,
    },
    /// Let people talk.
    Talk(Talk),
    /// Break connections: all, or all but the first of each room.
    Break {
        /// That one, too.
        first: bool,
    },
    /// Let each connection ask again for the last so many entries.
    Replay(u64),
    /// Let each connection listen to the further rooms, too.
    Listen,
}

/// How people talk.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) pace: Pace,
    /// From when on it counts, in nanoseconds of the run.
    pub(super) from: u64,
    /// Until when new messages are said.
    pub(super) until: u64,
    /// One connection in so many nanoseconds leaves and comes back.
    pub(super) churn: Option<u64>,
}

/// When the next message is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// When one of so many in a room has come to all who listen there.
    Heard {
        in_flight: usize,
        /// No more than so many in a room.
        each: u64,
    },
    /// When one of so many in a room is acknowledged.
    Acknowledged { in_flight: usize, each: u64 },
    /// One in so many nanoseconds, over all of the worker's rooms, whatever became of those before.
    Every(u64),
}

/// What came of an order.
pub(super) type News = Result<Box<Tally>, Trouble>;

/// What was counted while an order was carried out.
#[derive(Debug)]
pub(super) struct Tally {
    /// From when a message was meant to be sent to its acknowledgement, in microseconds.
    pub(super) acknowledged: Histogram<u64>,
    /// To each delivery.
    pub(super) delivered: Histogram<u64>,
    /// From when a connection wanted to be there until it listened.
    pub(super) returned: Histogram<u64>,
    /// Acknowledgements and deliveries within the time that counts.
    pub(super) messages: u64,
    pub(super) deliveries: u64,
    /// Events that came in a replay.
    pub(super) replayed: u64,
    /// More waited than is sensible, so no more was said.
    pub(super) overrun: bool,
    pub(super) checks: Checks,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            acknowledged: histogram(),
            delivered: histogram(),
            returned: histogram(),
            messages: 0,
            deliveries: 0,
            replayed: 0,
            overrun: false,
            checks: Checks::default(),
        }
    }
}

impl Tally {
    /// Adds another worker's.
    pub(super) fn add(&mut self, other: Self) {
        // All have the same bounds.
        let _ = self.acknowledged.add(other.acknowledged);
        let _ = self.delivered.add(other.delivered);
        let _ = self.returned.add(other.returned);
        self.messages += other.messages;
        self.deliveries += other.deliveries;
        self.replayed += other.replayed;
        self.overrun |= other.overrun;
        self.checks.add(other.checks);
    }
}

/// Microseconds up to an hour, each known to a thousandth.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are right")
}

/// Counts how long something took.
#[inline]
pub(super) fn record(into: &mut Histogram<u64>, nanoseconds: u64) {
    into.saturating_record((nanoseconds / 1000).max(1));
}
