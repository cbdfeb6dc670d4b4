//! Keeping the write-ahead log short, off the commit path.
//!
//! A thread of its own copies what was committed into the database while commits go on. Under constant
//! load it never gets to the very end, and only from there can the log begin anew; so past a size it asks
//! the writer to copy the little that is left, between two batches. What the thread has copied it syncs itself:
//! SQLite does that only at the very end, and then the writer would wait for all of it.

use std::{
    fs::File,
    io,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::schema::{self, BUSY, PAGE_BYTES, Purpose};

/// Copying begins at this many pages (16 MiB). Pages that many messages change, the ends of logs, are copied once for all of
/// them: four times SQLite's own measure takes a fifth of the processor's time off a message in small rooms.
pub(super) const COPY_PAGES: u64 = 4_096;

/// From this many (64 MiB) the writer helps to begin the log anew. After a crash all of it is read once, which takes a tenth
/// of a second.
const RESTART_PAGES: u64 = 16_384;

/// So many pages may be left for the writer to copy then (1 MiB): what is committed waits for it.
const LEFT_PAGES: u64 = 256;

/// How often the thread syncs and copies what came meanwhile, at most, before it asks the writer: each time it is less.
const ROUNDS: usize = 4;

/// From this many bytes something is wrong: a read that does not end, or a disk that is too slow.
const WARN_BYTES: u64 = 256 << 20;

/// How often emptying the log is tried while somebody reads it.
const EMPTY_EVERY: Duration = Duration::from_secs(1);

/// How long the writer waits for readers to leave the log before it goes on without.
const RESTART_WAIT: Duration = Duration::from_millis(50);

/// Where the write-ahead log stands, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wal {
    /// How many it has.
    pub(super) pages: u64,
    /// How many of them are in the database.
    pub(super) copied: u64,
}

impl Wal {
    /// How many are still to be copied.
    const fn left(self) -> u64 {
        self.pages.saturating_sub(self.copied)
    }
}

/// How many backups hold a snapshot. Until they are through the log cannot begin anew, and trying would only keep
/// the writer waiting.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots(Arc<AtomicU32>);

/// One of them, while it lives.
#[derive(Debug)]
pub(super) struct Held(Arc<AtomicU32>);

impl Snapshots {
    /// One more.
    pub(super) fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(&self.0))
    }

    fn are_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The checkpointing thread; it ends, and is waited for, when this is dropped.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    restart: Arc<AtomicBool>,
    empty: Arc<AtomicBool>,
    snapshots: Snapshots,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(path: PathBuf, snapshots: Snapshots) -> std::io::Result<Self> {
        // One place: who finds it full knows that the thread will look anyway.
        let (wake, wakes) = sync_channel(1);
        let restart = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&restart);
        // A process that was killed may have erased texts and left their pages in the log.
        let empty = Arc::new(AtomicBool::new(true));
        let full = Arc::clone(&empty);
        let held = snapshots.clone();
        let thread = thread::Builder::new()
            .name("store-wal".into())
            .spawn(move || run(&path, &wakes, &asked, &full, &held))?;
        Ok(Self {
            wake: Some(wake),
            restart,
            empty,
            snapshots,
            thread: Some(thread),
        })
    }

    /// Has the thread look at the log; returns at once.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }

    /// Has the thread empty the log, however short it is: texts were erased, and the log still has the pages
    /// as they were before. Returns at once; it is tried until it works.
    pub(super) fn empty(&self) {
        self.empty.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Does the writer's part when it was asked for. A failure is no more than a longer log.
    pub(super) fn help(&self, conn: &Connection) {
        if !self.restart.swap(false, Ordering::Relaxed) || self.snapshots.are_held() {
            return;
        }
        let restart = || {
            conn.busy_timeout(RESTART_WAIT)?;
            let done = checkpoint(conn, "RESTART");
            conn.busy_timeout(BUSY)?;
            done
        };
        if let Err(e) = restart() {
            tracing::warn!("the write-ahead log could not begin anew: {e}");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    path: &Path,
    wakes: &Receiver<()>,
    restart: &AtomicBool,
    empty: &AtomicBool,
    snapshots: &Snapshots,
) {
    let mut conn = None;
    let mut warned = false;
    let database = Database::open(path);
    while wait(wakes, empty.load(Ordering::Relaxed)) {
        if !snapshots.are_held() && empty.swap(false, Ordering::Relaxed) {
            let emptied = match &conn {
                Some(conn) => empty_log(conn),
                None => schema::connect(path, Purpose::Checkpoint)
                    .and_then(|c| empty_log(conn.insert(c))),
            };
            match emptied {
                Ok(done) => empty.store(!done, Ordering::Relaxed),
                Err(e) => {
                    tracing::warn!("the write-ahead log could not be emptied yet: {e}");
                    empty.store(true, Ordering::Relaxed);
                    conn = None;
                }
            }
            continue;
        }
        // The writer was asked to begin the log anew, and cannot while another copies.
        if restart.load(Ordering::Relaxed) {
            continue;
        }
        let looked = match &conn {
            Some(conn) => look(conn),
            None => schema::connect(path, Purpose::Checkpoint).and_then(|c| look(conn.insert(c))),
        };
        let looked = match (looked, &conn) {
            (Ok(wal), Some(conn)) if wal.pages >= RESTART_PAGES && !snapshots.are_held() => {
                let brought = bring_near(conn, &database);
                restart.store(true, Ordering::Relaxed);
                brought
            }
            (looked, _) => looked,
        };
        match looked {
            Ok(wal) => {
                let bytes = wal.pages * PAGE_BYTES;
                // Beside a backup it has to grow.
                if bytes > WARN_BYTES && !warned && !snapshots.are_held() {
                    tracing::warn!(bytes, "the write-ahead log has grown large");
                }
                warned = bytes > WARN_BYTES;
            }
            Err(e) => {
                tracing::warn!("the write-ahead log could not be copied: {e}");
                conn = None;
            }
        }
    }
}

/// Waits until there is something to do; false when there never will be again.
fn wait(wakes: &Receiver<()>, soon: bool) -> bool {
    if soon {
        wakes.recv_timeout(EMPTY_EVERY) != Err(RecvTimeoutError::Disconnected)
    } else {
        wakes.recv().is_ok()
    }
}

/// Copies all of the log and cuts it to nothing; false when somebody was reading it.
fn empty_log(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(RESTART_WAIT)?;
    let wal = checkpoint(conn, "TRUNCATE");
    conn.busy_timeout(BUSY)?;
    Ok(wal?.pages == 0)
}

/// Copies when there is enough to copy.
fn look(conn: &Connection) -> rusqlite::Result<Wal> {
    let wal = checkpoint(conn, "NOOP")?;
    if wal.left() < COPY_PAGES {
        return Ok(wal);
    }
    checkpoint(conn, "PASSIVE")
}

/// Syncs what was copied and copies what came meanwhile, until little is left or it makes no sense any more.
fn bring_near(conn: &Connection, database: &io::Result<Database>) -> rusqlite::Result<Wal> {
    for _ in 0..ROUNDS {
        // What is not synced here the writer syncs; it takes longer then.
        let _longer = database.as_ref().map(Database::sync);
        let wal = checkpoint(conn, "NOOP")?;
        if wal.left() <= LEFT_PAGES {
            return Ok(wal);
        }
        checkpoint(conn, "PASSIVE")?;
    }
    checkpoint(conn, "NOOP")
}

/// The database file beside SQLite's own handles, to sync it. It is never closed: the system takes the locks on a file
/// from a process that closes any of its handles, SQLite's with it.
struct Database(ManuallyDrop<File>);

impl Database {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(ManuallyDrop::new(File::open(path)?)))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Runs a checkpoint. One that readers or the writer kept from finishing is no error.
pub(super) fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<Wal> {
    conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        // -1 when there is no log yet.
        let count = |column| row.get(column).map(|n: i64| u64::try_from(n).unwrap_or(0));
        Ok(Wal {
            pages: count(1)?,
            copied: count(2)?,
        })
    })
}
