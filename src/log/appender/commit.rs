//! Making a batch durable, and what each of its requests is told when it is not.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::{Append, Appender, is_watched};
use crate::{
    id::{LogId, RoomId},
    log::{Done, Error, memory::closes, refuse},
    model::{Entry, Payload, Read, Refusal},
    store::{self, Change, Outcome, Write},
};

/// How often a change is renumbered before its sender is told to try again.
const TRIES: u8 = 8;

impl Appender {
    pub(super) async fn commit(&mut self, batch: Vec<(Append, Change)>) {
        let (appends, changes): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let changes = Arc::new(changes);
        let began = Instant::now();
        let outcomes = self.store.commit(Arc::clone(&changes)).await;
        self.stats.commit_time.record(began.elapsed());
        self.stats.batches.up();
        let changes = Arc::try_unwrap(changes).unwrap_or_else(|shared| (*shared).clone());
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(store::Error::Full) => return self.part_when_full(appends, &changes),
            Err(e) => return self.give_up(&e, appends, &changes),
        };
        let mut failed: HashSet<LogId> = HashSet::new();
        let mut again = VecDeque::new();
        let mut told = Vec::new();
        for ((mut append, change), outcome) in appends.into_iter().zip(changes).zip(outcomes) {
            if outcome == Outcome::Committed {
                let moved = self.apply(&change);
                told.push((append, change, moved));
                continue;
            }
            let logs: Vec<_> = change.entries.iter().map(|e| e.log).collect();
            let follows = logs.iter().any(|log| failed.contains(log));
            failed.extend(&logs);
            let answer = match outcome {
                Outcome::Duplicate(original) => answer_repeat(&change, *original),
                Outcome::Exists(what) => {
                    Err(Refusal::Conflict(format!("this {what} is taken")).into())
                }
                Outcome::Stale => Err(Error::Stale),
                Outcome::Conflict | Outcome::Committed if follows || append.tries < TRIES => {
                    if !follows {
                        append.tries += 1;
                        // Somebody else wrote to one of these logs: look where they stand now.
                        for log in &logs {
                            self.memory.forget(*log);
                        }
                    }
                    again.push_back(append);
                    continue;
                }
                Outcome::Conflict | Outcome::Committed => Err(Refusal::Unavailable.into()),
            };
            append.answer(answer);
        }
        self.note(&told.iter().flat_map(|(_, change, _)| &change.entries));
        for (append, change, moved) in told {
            self.tell(append, change, moved).await;
        }
        again.append(&mut self.ready);
        self.ready = again;
    }

    /// The store is full and nothing of the batch happened. Messages are refused; what came with them, such as
    /// a login, goes on in a batch without them.
    fn part_when_full(&mut self, appends: Vec<Append>, changes: &[Change]) {
        let says = |c: &Change| c.entries.iter().any(|e| e.payload.is_message());
        if !changes.iter().any(says) {
            return self.give_up(&store::Error::Full, appends, changes);
        }
        let mut again = VecDeque::new();
        for (append, change) in appends.into_iter().zip(changes) {
            if says(change) {
                append.answer(Err(Refusal::StorageFull.into()));
            } else {
                again.push_back(append);
            }
        }
        again.append(&mut self.ready);
        self.ready = again;
    }

    /// The batch failed as a whole. If it may have happened all the same, what is known of its logs is
    /// forgotten, and those that somebody listens to are read again at once.
    fn give_up(&mut self, error: &store::Error, appends: Vec<Append>, changes: &[Change]) {
        let refusal = refuse(error);
        if !matches!(error, store::Error::Full | store::Error::Away(_)) {
            let writes = || changes.iter().flat_map(|c| &c.writes);
            let logs = changes.iter().flat_map(|c| &c.entries).map(|e| e.log);
            let logs = logs.chain(writes().flat_map(read_in).map(LogId::Room));
            let logs: HashSet<_> = logs.chain(writes().filter_map(closes)).collect();
            for log in logs {
                self.memory.forget(log);
                for follower in &self.followers {
                    follower.note_perhaps(log);
                }
                if is_watched(&self.hub, log) {
                    self.park_nothing(log);
                }
            }
        }
        for append in appends {
            append.answer(Err(refusal.clone().into()));
        }
    }

    /// Takes a change into memory; answers who has read on by it.
    fn apply(&self, change: &Change) -> Vec<Read> {
        let writes = change.writes.iter().cloned();
        let moved = writes.flat_map(|write| self.memory.apply(write)).collect();
        for entry in &change.entries {
            self.memory.advance(entry);
        }
        moved
    }
}

/// The rooms in which a write moves what somebody has read.
fn read_in(write: &Write) -> Vec<RoomId> {
    match write {
        Write::Read(reads) => reads.iter().map(|read| read.room).collect(),
        Write::MoveOn(on) => vec![on.room],
        _ => Vec::new(),
    }
}

/// The answer to a request whose `txn` was seen before.
fn answer_repeat(change: &Change, original: Entry) -> Result<Done, Error> {
    let asked = change
        .entries
        .iter()
        .find(|e| e.txn.is_some() && e.txn == original.txn);
    // Of a message whose text was erased the digest is gone, too: it is taken for the same.
    let erased = original.payload == Payload::Tombstone && original.digest.is_none();
    if erased || asked.is_some_and(|e| e.digest == original.digest) {
        Ok(Done {
            entries: vec![original],
            dup: true,
        })
    } else {
        Err(Refusal::TxnReused.into())
    }
}
