//! Where logs stand, as far as we know: so that an entry is only ever put after one that is there.
//!
//! An entry has to be the next of its log; the unique index refuses a number that is taken, but not one
//! that is too high. So a number is compared with the last one that we know to be durable: what we wrote
//! ourselves, or read. That may be behind (another chatd has written since), which the index notices. It
//! cannot be ahead: entries that the majority has do not go away, and a run of the archive leaves the last
//! entry of every log. Nor may it be far behind: where another chatd has written since, and archived what it
//! wrote, the index has no such number any more and would take it again. So what we know is good for a few
//! minutes ([`FRESH`]), and what is archived is older than that (`archive.min_age`). A database that was put back to an older state under a running chatd would break
//! this; restoring is done with chatd stopped.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::id::LogId;

/// How many logs' heads are kept in memory (about 100 bytes each); beyond it they are all forgotten, and
/// looked up again.
const HEADS: usize = 65_536;

/// How long a head is taken for right without looking: much less than `archive.min_age`, and so long that a room
/// in which people talk is not read for it.
const FRESH: Duration = Duration::from_mins(5);

/// The last `seq` of the logs lately written to or loaded, and when that was.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<LogId, (u64, Instant)>>);

impl Heads {
    pub(super) fn get(&self, log: LogId) -> Option<u64> {
        let (seq, at) = self.0.lock().get(&log).copied()?;
        (at.elapsed() < FRESH).then_some(seq)
    }

    /// Takes in what was read or written; an older reading does not undo a newer one.
    pub(super) fn advance(&self, log: LogId, seq: u64) {
        let mut heads = self.0.lock();
        if heads.len() >= HEADS {
            heads.clear();
        }
        let now = Instant::now();
        let head = heads.entry(log).or_insert((seq, now));
        if seq >= head.0 {
            *head = (seq, now);
        }
    }

    pub(super) fn forget(&self, log: LogId) {
        self.0.lock().remove(&log);
    }
}
