//! Making a batch durable.
//!
//! What is one entry and nothing else, which is nearly everything, goes into the database as one ordered
//! insert of all logs together, without a transaction. At a key that is taken the insert stops: the entries
//! before it are in, the rest of that log's changes are conflicts, and everything else goes on at once in
//! another insert. So the entries of one log are always tried in the order of their `seq`, none of them
//! after one that failed, and no gap can come about, even if an insert whose answer was lost is still
//! running: entries have their `_id` before the first try, and what is tried again is the same document.
//!
//! Everything else is a transaction for each change (`transact`), in its place among the inserts.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::Uuid;

use super::{
    begun::Begun,
    documents::EntryDoc,
    fault::{first_duplicate, is_majority_late, is_nobody_there, store_error, within},
    heads::Heads,
    logs,
    schema::Collections,
    settle::{self, Reason},
    transact,
};
use crate::{
    id::LogId,
    model::Entry,
    store::{Change, Error, Outcome},
};

/// How often the rest of an insert of unknown outcome is tried again before the batch is given up.
const TRIES: u8 = 2;
/// How many heads are read at a time.
const READS: usize = 16;

/// Makes a batch durable; one at a time, which the caller sees to.
pub(super) async fn commit(
    db: &Collections,
    heads: &Heads,
    begun: &mut Begun,
    batch: &[Change],
) -> Result<Vec<Outcome>, Error> {
    let mut round = Round {
        db,
        heads,
        begun,
        batch,
        next: HashMap::new(),
        stopped: HashSet::new(),
        outcomes: vec![None; batch.len()],
    };
    let done = round.run().await;
    if done.is_err() {
        for log in logs_of(batch) {
            heads.forget(log);
        }
    }
    done.map_err(|e| round.part_of_it(e))?;
    let outcomes = round.outcomes.into_iter();
    Ok(outcomes.map(|o| o.unwrap_or(Outcome::Conflict)).collect())
}

fn logs_of(batch: &[Change]) -> HashSet<LogId> {
    batch
        .iter()
        .flat_map(|c| &c.entries)
        .map(|e| e.log)
        .collect()
}

/// One batch under way.
struct Round<'a> {
    db: &'a Collections,
    heads: &'a Heads,
    begun: &'a mut Begun,
    batch: &'a [Change],
    /// The `seq` that each log's next entry of the batch must have.
    next: HashMap<LogId, u64>,
    /// Logs of changes that did not happen.
    stopped: HashSet<LogId>,
    outcomes: Vec<Option<Outcome>>,
}

impl Round<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        self.look_up().await?;
        let batch = self.batch;
        let mut plain = Vec::new();
        for (i, change) in batch.iter().enumerate() {
            let single = change.writes.is_empty() && change.entries.len() == 1;
            if single && self.misfit(change).is_none() {
                self.count(change);
                plain.push(i);
                continue;
            }
            self.insert(std::mem::take(&mut plain)).await?;
            if self.is_stopped(change) {
                self.failed(i, Outcome::Conflict);
            } else {
                self.alone(i, change).await?;
            }
        }
        self.insert(plain).await
    }

    /// A full disk means that nothing of the batch happened. Where a part did, nothing is known of the rest.
    fn part_of_it(&self, error: Error) -> Error {
        let part = self.outcomes.contains(&Some(Outcome::Committed));
        match error {
            Error::Full if part => {
                Error::Unavailable("its disk is full, and a part of the batch is in".into())
            }
            error => error,
        }
    }

    /// Reads where the logs stand of which we do not know it.
    async fn look_up(&mut self) -> Result<(), Error> {
        let (db, heads) = (self.db, self.heads);
        let mut unknown = Vec::new();
        for log in logs_of(self.batch) {
            match heads.get(log) {
                Some(seq) => {
                    self.next.insert(log, seq + 1);
                }
                None => unknown.push(log),
            }
        }
        let reads = unknown.into_iter().map(|log| async move {
            let head = logs::head(db, log).await?;
            Ok::<_, Error>((log, head.seq))
        });
        let mut reads = stream::iter(reads).buffer_unordered(READS);
        while let Some((log, seq)) = reads.try_next().await? {
            heads.advance(log, seq);
            self.next.insert(log, seq + 1);
        }
        Ok(())
    }

    /// Which entry of a change does not have the number it must have, if one does not.
    fn misfit(&self, change: &Change) -> Option<usize> {
        let mut counted = HashMap::new();
        change.entries.iter().position(|entry| {
            let next = counted
                .entry(entry.log)
                .or_insert_with(|| self.next.get(&entry.log).copied().unwrap_or(1));
            let fits = entry.seq == *next;
            *next += 1;
            !fits
        })
    }

    fn count(&mut self, change: &Change) {
        for entry in &change.entries {
            self.next.insert(entry.log, entry.seq + 1);
        }
    }

    fn is_stopped(&self, change: &Change) -> bool {
        change.entries.iter().any(|e| self.stopped.contains(&e.log))
    }

    fn happened(&mut self, i: usize) {
        for entry in &self.batch[i].entries {
            self.heads.advance(entry.log, entry.seq);
        }
        self.outcomes[i] = Some(Outcome::Committed);
    }

    fn failed(&mut self, i: usize, outcome: Outcome) {
        for entry in &self.batch[i].entries {
            self.heads.forget(entry.log);
            self.stopped.insert(entry.log);
        }
        self.outcomes[i] = Some(outcome);
    }

    /// A change that is a transaction, or whose numbers are wrong.
    async fn alone(&mut self, i: usize, change: &Change) -> Result<(), Error> {
        let outcome = match self.misfit(change) {
            Some(misfit) => match settle::explain(self.db, &change.entries, Some(misfit)).await? {
                Reason::Told(outcome) => outcome,
                Reason::Done => Outcome::Committed,
                Reason::Gone => Outcome::Conflict,
            },
            None => transact::run(self.db, self.begun, change).await?,
        };
        if outcome == Outcome::Committed {
            self.count(change);
            self.happened(i);
        } else {
            self.failed(i, outcome);
        }
        Ok(())
    }

    /// Changes of one entry each, in order.
    async fn insert(&mut self, mut rest: Vec<usize>) -> Result<(), Error> {
        let batch = self.batch;
        let entry = |i: usize| -> &Entry { &batch[i].entries[0] };
        let mut tries = 0;
        loop {
            // A change that does not happen takes the later ones of its log with it.
            rest.retain(|i| !self.is_stopped(&batch[*i]));
            if rest.is_empty() {
                return Ok(());
            }
            let docs = rest.iter().map(|i| EntryDoc::new(entry(*i)));
            let docs = docs.collect::<Result<Vec<_>, _>>()?;
            let Err(fault) = within(self.db.entries.insert_many(&docs).ordered(true)).await else {
                for i in rest {
                    self.happened(i);
                }
                return Ok(());
            };
            let given_up = tries == TRIES;
            if let Some(first) = first_duplicate(&fault).filter(|first| *first < rest.len()) {
                let later = rest.split_off(first);
                for i in std::mem::replace(&mut rest, later) {
                    self.happened(i);
                }
                let taken = rest[0];
                match settle::explain(self.db, &batch[taken].entries, None).await? {
                    Reason::Done => self.happened(taken),
                    Reason::Told(outcome) => self.failed(taken, outcome),
                    Reason::Gone if given_up => return Err(store_error(fault)),
                    // Not a conflict, which would give the entry another number and `_id`: if it were ours,
                    // from a try that is still under way, it would be there twice.
                    Reason::Gone => {
                        tries += 1;
                        settle::barrier(self.db).await?;
                        continue;
                    }
                }
                rest.remove(0);
            } else if is_nobody_there(&fault) || is_majority_late(&fault) || given_up {
                return Err(store_error(fault));
            } else {
                tries += 1;
                tracing::debug!("an insert's outcome is unknown, looking: {fault}");
                let ids: Vec<Uuid> = docs.iter().map(|doc| doc.id).collect();
                let there = settle::found(self.db, &ids).await?;
                for (i, id) in rest.iter().zip(&ids) {
                    if there.contains(id) {
                        self.happened(*i);
                    }
                }
                rest.retain(|i| self.outcomes[*i].is_none());
            }
        }
    }
}
