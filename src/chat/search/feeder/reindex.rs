//! Making all of the index anew, for whoever asks for it and looks on.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Feeder, Trouble};

/// How many steps may wait for whoever looks on.
const QUEUE: usize = 16;

/// How far making the index anew is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reindexed {
    /// So many entries are indexed.
    Moved {
        /// How many.
        done: u64,
        /// Of how many there are.
        of: u64,
    },
    /// All of it is there.
    Done {
        /// How many entries it goes over.
        entries: u64,
        /// How many bytes it has on the disk.
        bytes: u64,
    },
    /// It does not go on.
    Failed(String),
}

impl Feeder {
    /// Makes all of it anew. Where a server runs it goes on without anybody looking; else it ends when nobody takes
    /// the steps any more, and the next start goes on.
    pub fn reindex(self: Arc<Self>) -> mpsc::Receiver<Reindexed> {
        let (steps, taken) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let last = match self.make_anew(&steps).await {
                Ok(()) => {
                    let standing = self.standing();
                    Reindexed::Done {
                        entries: standing.entries,
                        bytes: standing.bytes,
                    }
                }
                Err(e) => Reindexed::Failed(e.to_string()),
            };
            let _gone = steps.send(last).await;
        });
        taken
    }

    async fn make_anew(&self, steps: &mpsc::Sender<Reindexed>) -> Result<(), Trouble> {
        {
            let mut turn = self.turn.lock().await;
            self.index.begin_anew().await?;
            self.began_anew(&mut turn);
        }
        self.moved.wake();
        while !self.is_complete() {
            self.step().await?;
            let of = self.standing.lock().entries;
            let done = of.saturating_sub(self.behind());
            if steps.send(Reindexed::Moved { done, of }).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
