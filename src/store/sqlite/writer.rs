//! The writer: the one thread that changes the database.
//!
//! A job is a batch, a batch is a transaction. Nothing here may panic; if it does all the same, the thread
//! is gone and every later call is answered [`Error::Unavailable`].

use std::{
    collections::HashSet,
    io,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    apply::{self, Tails},
    bell::Rope,
    checkpoint::{COPY_PAGES, Checkpointer, Snapshots, checkpoint},
    rows::{number, store_error},
    schema::{self, PAGE_BYTES, Purpose},
    space::Space,
};
use crate::{
    id::LogId,
    model::Status,
    store::{Change, Error, Outcome, Write},
};

/// Batches that may wait. Who finds the queue full waits for a place; the log has one or two under way.
pub(super) const QUEUE: usize = 64;

/// A statement changes two or three pages of trees that are split seldom; used to guess when to look at the
/// write-ahead log.
const PAGES_A_STATEMENT: u64 = 2;

/// How many free pages are given back at a time (256 KiB): what is committed waits for it.
const RECLAIMED: u64 = 64;

/// What the writer is asked to do, and where its answer goes.
pub(super) enum Job {
    /// A batch.
    Commit {
        batch: Arc<Vec<Change>>,
        answer: oneshot::Sender<Result<Vec<Outcome>, Error>>,
    },
    /// To give back some of the space that is free in the file; the answer is how many bytes are left.
    Reclaim(oneshot::Sender<Result<u64, Error>>),
}

pub(super) struct Writer {
    path: PathBuf,
    max_size: Option<u64>,
    space: Space,
    /// None after it failed, until it is needed again.
    conn: Option<Connection>,
    tails: Tails,
    checkpointer: Checkpointer,
    /// About how many pages were written since the checkpointer was last woken.
    pages: u64,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        max_size: Option<u64>,
        space: Space,
        snapshots: Snapshots,
    ) -> Result<Self, Error> {
        let conn = schema::connect(&path, Purpose::Write(max_size)).map_err(store_error)?;
        let checkpointer = Checkpointer::start(path.clone(), snapshots)
            .map_err(|e| Error::Unavailable(format!("cannot start a thread: {e}")))?;
        let tails = Tails::new();
        Ok(Self {
            path,
            max_size,
            space,
            conn: Some(conn),
            tails,
            checkpointer,
            pages: 0,
        })
    }

    /// Starts the thread. It ends when the last sender is gone and the queue is empty.
    pub(super) fn start(self, jobs: mpsc::Receiver<Job>, rope: Rope) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name("store-write".into())
            .spawn(move || self.run(jobs, &rope))
    }

    fn run(mut self, mut jobs: mpsc::Receiver<Job>, rope: &Rope) {
        while let Some(job) = jobs.blocking_recv() {
            // Who asked may be gone; what is committed stays so.
            match job {
                Job::Commit { batch, answer } => {
                    let _ = answer.send(self.commit(&batch));
                    rope.ring();
                    self.tend_wal(&batch);
                }
                Job::Reclaim(answer) => {
                    let _ = answer.send(self.reclaim());
                    rope.ring();
                    self.pages += RECLAIMED;
                    self.tend_wal(&[]);
                }
            }
        }
        let Self {
            conn, checkpointer, ..
        } = self;
        drop(checkpointer);
        if let Some(conn) = conn
            && let Err(e) = checkpoint(&conn, "TRUNCATE")
        {
            tracing::warn!("the write-ahead log stays for the next start: {e}");
        }
    }

    fn commit(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, Error> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                schema::connect(&self.path, Purpose::Write(self.max_size)).map_err(store_error)?
            }
        };
        if let Err(full) = self.space.check(&conn, batch) {
            self.conn = Some(conn);
            return Err(full);
        }
        match transact(&conn, &mut self.tails, batch) {
            Ok(outcomes) => {
                self.conn = Some(conn);
                Ok(outcomes)
            }
            Err(e) => {
                self.tails.clear();
                let rolled_back = conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok();
                let e = store_error(e);
                // Only a full disk leaves a connection as good as it was.
                if rolled_back && matches!(e, Error::Full) {
                    self.conn = Some(conn);
                }
                Err(e)
            }
        }
    }

    fn reclaim(&mut self) -> Result<u64, Error> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                schema::connect(&self.path, Purpose::Write(self.max_size)).map_err(store_error)?
            }
        };
        let left = give_back(&conn, RECLAIMED).map_err(store_error);
        let left = left.map(|pages| pages * PAGE_BYTES);
        if left.is_ok() {
            self.conn = Some(conn);
        }
        left
    }

    fn tend_wal(&mut self, batch: &[Change]) {
        let mut writes = batch.iter().flat_map(|change| &change.writes);
        if writes.any(erases) {
            self.checkpointer.empty();
        }
        // Before the thread is woken: two do not copy at once, and it would come first.
        if let Some(conn) = &self.conn {
            self.checkpointer.help(conn);
        }
        let statements: usize = batch.iter().map(|c| c.entries.len() + c.writes.len()).sum();
        self.pages += PAGES_A_STATEMENT * statements as u64;
        if self.pages >= COPY_PAGES {
            self.pages = 0;
            self.checkpointer.wake();
        }
    }
}

/// Whether what a write takes out of the database must not stay in the write-ahead log.
fn erases(write: &Write) -> bool {
    match write {
        Write::Erase { .. }
        | Write::EraseEdit { .. }
        | Write::RewriteSegment(..)
        | Write::ErasePersonal(_)
        | Write::DeleteSessions(_) => true,
        Write::UpdateSegment(segment) => segment.purged_at.is_some(),
        Write::UpdateUser(user) => user.status == Status::Erased,
        _ => false,
    }
}

/// Gives so many free pages back at most; answers how many are left.
pub(super) fn give_back(conn: &Connection, pages: u64) -> rusqlite::Result<u64> {
    let mut vacuum = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    free_pages(conn)
}

pub(super) fn free_pages(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("PRAGMA freelist_count")?
        .query_row([], |row| number(row, 0))
}

/// One batch, one transaction.
fn transact(
    conn: &Connection,
    tails: &mut Tails,
    batch: &[Change],
) -> rusqlite::Result<Vec<Outcome>> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut stopped = HashSet::<LogId>::new();
    for change in batch {
        let mut logs = change.entries.iter().map(|entry| entry.log);
        let outcome = if !stopped.is_empty() && logs.any(|log| stopped.contains(&log)) {
            Outcome::Conflict
        } else {
            apply::change(conn, tails, change)?
        };
        if outcome != Outcome::Committed {
            stopped.extend(change.entries.iter().map(|entry| entry.log));
        }
        outcomes.push(outcome);
    }
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(outcomes)
}
