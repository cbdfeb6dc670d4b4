//! The pool of reading connections.
//!
//! A read runs start to end on a blocking thread with a connection of its own, so no transaction is ever
//! held across an await, and none keeps the write-ahead log from being reset for long. When all connections
//! are busy a read waits its turn, but not forever.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task, time};

use super::{
    rows::store_error,
    schema::{self, Purpose},
};
use crate::store::Error;

/// How long a read waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

pub(super) struct Readers {
    path: PathBuf,
    size: u32,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// A pool of at most `size` connections, opened as they are needed.
    pub(super) fn new(path: PathBuf, size: usize) -> Self {
        let size = u32::try_from(size.clamp(1, 1024)).unwrap_or(1);
        Self {
            path,
            size,
            turns: Arc::new(Semaphore::new(size as usize)),
            idle: Arc::default(),
        }
    }

    /// Runs `query` when it is its turn. It goes on to its end even when the caller does not wait for it.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        #[cfg(test)]
        super::super::counted::READS.with(|count| count.set(count.get() + 1));
        let turn = time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| Error::Unavailable("too many reads are waiting".into()))?
            .map_err(|_| Error::Unavailable("it is closed".into()))?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let run = move || {
            let conn = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = match conn {
                Some(conn) => conn,
                None => schema::connect(&path, Purpose::Read).map_err(store_error)?,
            };
            let answer = query(&conn).map_err(store_error);
            // A connection that saw an error is not trusted again.
            if answer.is_ok() {
                idle.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(conn);
            }
            drop(turn);
            answer
        };
        task::spawn_blocking(run)
            .await
            .map_err(|e| Error::Unavailable(format!("a read did not finish: {e}")))?
    }

    /// Waits for the reads under way, for as long as a read may wait for its turn, and takes no more.
    pub(super) async fn close(&self) {
        let all = time::timeout(WAIT, self.turns.acquire_many(self.size)).await;
        self.turns.close();
        drop(all);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
