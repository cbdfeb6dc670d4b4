//! What those who watch are shown of rooms and connections: all of them are read, filtered and sorted here, and
//! only the first go out. Nothing of it asks the store, so that it answers while the store does not.

mod conns;
mod filter;
mod order;
mod rooms;

use std::{collections::HashMap, time::Duration};

pub use self::{conns::ConnRow, rooms::RoomTraffic};
use crate::id::{ConnId, RoomId};

/// How many rows are shown at most.
pub const MOST_ROWS: usize = 500;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// By which column, `-` before it for the largest first; as its kind has it when none.
    pub sort: Option<&'a str>,
    /// Which rows.
    pub filter: Option<&'a str>,
    /// How many.
    pub limit: usize,
}

/// Rows that were filtered, sorted and cut.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// How many there are.
    pub total: u64,
    /// How many the filter lets through.
    pub matched: u64,
    /// The first of those.
    pub rows: Vec<T>,
}

/// What one watcher was shown last, for rates: of everything there was, since what is to be sorted by rate needs it.
#[derive(Debug, Default)]
pub struct Readings {
    conns: Reading<ConnId>,
    rooms: Reading<RoomId>,
}

/// Two counters of each thing, and when they were read.
#[derive(Debug)]
struct Reading<Id> {
    /// Since the server started; none before the first.
    at: Option<Duration>,
    counters: HashMap<Id, [u64; 2]>,
}

impl<Id> Default for Reading<Id> {
    fn default() -> Self {
        Self {
            at: None,
            counters: HashMap::new(),
        }
    }
}

impl<Id: Eq + std::hash::Hash> Reading<Id> {
    /// How much two counters have grown a second since this reading; nothing for what was not there then.
    fn rates(&self, id: &Id, at: Duration, now: [u64; 2]) -> [f64; 2] {
        let (Some(before), Some(then)) = (self.counters.get(id), self.at) else {
            return [0.0; 2];
        };
        let seconds = at.saturating_sub(then).as_secs_f64().max(0.001);
        std::array::from_fn(|i| filter::as_f64(now[i].saturating_sub(before[i])) / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_between_two_readings() {
        let mut reading = Reading::default();
        let at = Duration::from_secs;
        let rates = |reading: &Reading<u8>, id, now| {
            let rates = reading.rates(&id, at(7), now);
            format!("{} {}", rates[0], rates[1])
        };
        assert_eq!(rates(&reading, 1, [9, 9]), "0 0");
        reading.at = Some(at(5));
        reading.counters.insert(1, [10, 4]);
        assert_eq!(rates(&reading, 1, [14, 5]), "2 0.5");
        assert_eq!(rates(&reading, 1, [3, 4]), "0 0", "begun anew");
        assert_eq!(rates(&reading, 2, [14, 5]), "0 0");
    }
}
