//! Erasing: the texts of deleted messages leave the store.

use super::{
    Redact, SLICE, TRIES,
    empty::{Emptied, Target},
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    log::{Error, refuse},
    model::{Actor, Refusal},
    store::erasures::Erasure,
};

impl Redact {
    /// Erases every text whose time is over, slice by slice; answers how many. Runs until nothing is due or
    /// the server stops; what is left is found by the next run.
    pub async fn erase(&self) -> Result<u64, Refusal> {
        let now = self.clock.now();
        let due = now.minus(self.config.get().messages.erase_within.into());
        let (mut erased, mut since, mut limit) = (0, Millis(0), SLICE);
        let mut place = None;
        while !self.stopping.is_cancelled() {
            let found = self.store.unerased(since, due, limit).await;
            let found = found.map_err(|e| refuse(&e))?;
            let Some(last) = found.last().map(|d| d.at) else {
                break;
            };
            let targets: Vec<_> = found.iter().map(|d| (d.room, d.target)).collect();
            let place = place.get_or_insert_with(|| self.begin_task("erasure", None));
            let done = self.erase_these(&targets).await?;
            place.moved(targets.last().map(|(room, _)| *room), done);
            erased += done;
            self.stats.erased.add(done);
            if done > 0 {
                continue;
            }
            // All of these stay, as they are held: on to those that were deleted later. Where as many were
            // deleted in one moment, more of them are asked for at a time.
            if found.len() < limit {
                break;
            }
            if last == since {
                limit *= 2;
            }
            since = last;
        }
        Ok(erased)
    }

    async fn erase_these(&self, targets: &[(RoomId, u64)]) -> Result<u64, Refusal> {
        let targets: Vec<_> = targets.iter().map(|t| Target::Message(t.0, t.1)).collect();
        for _ in 0..TRIES {
            let emptied = self.empty(&targets).await?;
            let count = emptied.count();
            if count == 0 {
                return Ok(0);
            }
            self.list_erasure(&emptied).await?;
            // Through the log like every change, and so behind what waits there.
            let touches = [LogId::Control];
            let listed = emptied.listed.clone();
            let done = self.log.append(&touches, None, move |draft| {
                draft.by_itself();
                emptied.write(draft, &Actor::server())
            });
            match done.await {
                Ok(_) => return Ok(count),
                // One of them was archived or restored meanwhile.
                Err(Error::Stale) => self.unlist_erasure(&listed).await?,
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    /// Lists what is about to be erased, outside the store.
    pub(super) async fn list_erasure(&self, emptied: &Emptied) -> Result<(), Refusal> {
        let listed = self.erasures.note(&emptied.listed, self.clock.now()).await;
        listed.map_err(|e| refuse(&e))
    }

    /// Lists that it was not.
    pub(super) async fn unlist_erasure(&self, listed: &[Erasure]) -> Result<(), Refusal> {
        let kept = self.erasures.keep(listed, self.clock.now()).await;
        kept.map_err(|e| refuse(&e))
    }
}
