//! Erasing: the texts of deleted messages leave the store.

use super::{Redact, SLICE};
use crate::{
    log::refuse,
    model::Refusal,
    store::{self, Write},
};

impl Redact {
    /// Erases every text whose time is over, slice by slice; answers how many. Runs until nothing is due or
    /// the server stops; what is left is found by the next run.
    pub async fn erase(&self) -> Result<u64, Refusal> {
        let mut erased = 0;
        loop {
            let done = self.erase_slice().await?;
            if done == 0 {
                return Ok(erased);
            }
            erased += done;
            self.stats.erased.add(done);
        }
    }

    async fn erase_slice(&self) -> Result<u64, Refusal> {
        if self.stopping.is_cancelled() {
            return Ok(0);
        }
        let now = self.clock.now();
        let due = now.minus(self.config.messages.erase_within.into());
        let found = self.store.unerased(due, SLICE).await;
        let found = found.map_err(|e: store::Error| refuse(&e))?;
        if found.is_empty() {
            return Ok(0);
        }
        let count = found.len() as u64;
        // Through the log like every change, and so behind what waits there; no log is touched by it.
        let done = self.log.append(&[], None, move |draft| {
            draft.by_itself();
            for deletion in &found {
                draft.write(Write::Erase {
                    room: deletion.room,
                    target: deletion.target,
                    at: now,
                });
            }
            Ok(())
        });
        done.await.map_err(Refusal::from)?;
        Ok(count)
    }
}
