//! The index, for whoever feeds and asks it. One thread writes, in a server behind all others; a few connections read.

use std::{
    collections::HashMap,
    fmt,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::Connection;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task, time,
};

use super::{
    Error,
    apply::Batch,
    file,
    find::{Found, Wanted},
    inspect::Inspection,
    merge::Merging,
};
use crate::id::{Epoch, RoomId};

/// How many searches are under way at a time …
const READERS: u32 = 4;
/// … how many may wait for it; one more is told that much is going on …
const WAITING: usize = 64;
/// … and for how long.
const WAIT: Duration = Duration::from_secs(2);
/// How much the one who feeds may hand in beforehand.
const QUEUE: usize = 2;

/// How large the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Rooms that are in it.
    pub rooms: u64,
}

/// The index. Nothing is opened or made before [`Index::open`].
pub struct Index {
    path: PathBuf,
    epoch: Epoch,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// What the one who writes and those who read have in common.
#[derive(Default)]
struct Shared {
    /// Up to which entry each room is indexed.
    upto: Mutex<HashMap<RoomId, u64>>,
    /// Goes up when the file is another one.
    generation: AtomicU64,
    /// Whether there is a file to read.
    open: AtomicBool,
    /// Somebody found it damaged.
    damaged: AtomicBool,
    /// It is being closed: what takes long is left for the next time.
    closing: AtomicBool,
    idle: Mutex<Vec<(u64, Connection)>>,
}

enum Job {
    /// Answers whether it began anew.
    Open(oneshot::Sender<Result<bool, Error>>),
    Apply(Box<Batch>, oneshot::Sender<Result<(), Error>>),
    BeginAnew(oneshot::Sender<Result<(), Error>>),
    /// Answers whether all of the write-ahead log is in the file.
    Empty(oneshot::Sender<Result<bool, Error>>),
    /// Answers whether from now on everything else goes first.
    GiveWay(oneshot::Sender<bool>),
}

impl Index {
    /// The index in this file, of this incarnation of the store.
    pub fn new(path: PathBuf, epoch: Epoch) -> Self {
        Self {
            path,
            epoch,
            jobs: Mutex::default(),
            thread: Mutex::default(),
            shared: Arc::default(),
            turns: Arc::new(Semaphore::new(READERS as usize)),
            places: Arc::new(Semaphore::new(READERS as usize + WAITING)),
        }
    }

    /// Opens it, or sees to it that it is still there; makes it where it is missing or no good. Answers whether it
    /// has begun anew.
    pub async fn open(&self) -> Result<bool, Error> {
        self.ask(Job::Open).await?
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a batch down. After [`Error::Anew`] nothing is indexed.
    pub async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.ask(|reply| Job::Apply(Box::new(batch), reply)).await?
    }

    /// Forgets all of it.
    pub async fn begin_anew(&self) -> Result<(), Error> {
        self.ask(Job::BeginAnew).await?
    }

    /// Takes away the write-ahead log, in which there may be what is taken out. False when somebody reads it, or it is not
    /// open.
    pub async fn empty(&self) -> Result<bool, Error> {
        self.ask(Job::Empty).await?
    }

    /// From now on writing takes what nothing else on the machine wants. False where that is not allowed.
    pub async fn give_way(&self) -> Result<bool, Error> {
        self.ask(Job::GiveWay).await
    }

    /// Looks at the file as it lies there; none where there is none that is ours.
    pub async fn inspect(&self) -> Result<Option<Inspection>, Error> {
        Inspection::open(&self.path, self.epoch).await
    }

    /// Takes the file away, whoever has it open.
    pub fn remove(&self) -> std::io::Result<()> {
        file::remove(&self.path)
    }

    /// Up to which entry a room is indexed.
    pub fn upto(&self, room: RoomId) -> u64 {
        self.shared.upto.lock().get(&room).copied().unwrap_or(0)
    }

    /// The rooms that are in it.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.shared.upto.lock().keys().copied().collect()
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        Size {
            bytes: file::bytes(&self.path),
            rooms: self.shared.upto.lock().len() as u64,
        }
    }

    /// Looks for messages, for as long as `within` at most.
    pub async fn find(&self, wanted: Wanted, within: Duration) -> Result<Found, Error> {
        if !self.shared.open.load(Ordering::Acquire) {
            // The server has just begun.
            self.open().await?;
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::Busy)?;
        let turn = time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| closed())?;
        let (shared, path) = (Arc::clone(&self.shared), self.path.clone());
        // Whoever asked may go away; then the search ends, too.
        let gone = Arc::new(AtomicBool::new(false));
        let asks = Gone(Arc::clone(&gone));
        let until = Instant::now() + within;
        let over = move || gone.load(Ordering::Relaxed) || Instant::now() >= until;
        let searching = task::spawn_blocking(move || {
            let found = shared.find(&path, &wanted, over);
            drop((turn, place));
            found
        });
        let found = searching.await;
        drop(asks);
        found.map_err(|e| Error::Unavailable(format!("a search did not finish: {e}")))?
    }

    /// Finishes what was handed in and closes it; what takes long ends in between.
    pub async fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        let all = time::timeout(WAIT, self.turns.acquire_many(READERS)).await;
        self.turns.close();
        drop(all);
        self.shared.idle.lock().clear();
        self.jobs.lock().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ended = task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs()?;
        jobs.send(job(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }

    /// The way to the thread that writes; starts it.
    fn jobs(&self) -> Result<mpsc::Sender<Job>, Error> {
        if self.turns.is_closed() {
            return Err(closed());
        }
        let mut jobs = self.jobs.lock();
        if let Some(jobs) = &*jobs {
            return Ok(jobs.clone());
        }
        let (sender, queue) = mpsc::channel(QUEUE);
        let writer = Writer {
            path: self.path.clone(),
            epoch: self.epoch,
            shared: Arc::clone(&self.shared),
            open: None,
            merging: Merging::default(),
        };
        let thread = thread::Builder::new()
            .name("search".into())
            .spawn(move || writer.run(queue))
            .map_err(|e| Error::Unavailable(format!("cannot start a thread: {e}")))?;
        *self.thread.lock() = Some(thread);
        *jobs = Some(sender.clone());
        Ok(sender)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Says so when whoever asked has gone away.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn find(
        &self,
        path: &Path,
        wanted: &Wanted,
        over: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<Found, Error> {
        let generation = self.generation.load(Ordering::Acquire);
        let idle = {
            let mut idle = self.idle.lock();
            idle.retain(|(of, _)| *of == generation);
            idle.pop()
        };
        let run = |conn: &mut Connection| {
            file::end_when(conn, over.clone())?;
            let found = wanted.find(conn, &over);
            file::never_end(conn)?;
            found
        };
        let conn = match idle {
            Some((_, conn)) => Ok(conn),
            None => file::connect_to_read(path),
        };
        let found = conn.and_then(|mut conn| Ok((run(&mut conn)?, conn)));
        match found {
            Ok((found, conn)) => {
                self.idle.lock().push((generation, conn));
                Ok(found)
            }
            Err(e) => {
                let e = file::error(e);
                if matches!(e, Error::Anew(_)) {
                    self.damaged.store(true, Ordering::Relaxed);
                }
                Err(e)
            }
        }
    }
}

/// The thread that writes.
struct Writer {
    path: PathBuf,
    epoch: Epoch,
    shared: Arc<Shared>,
    /// The file, and which one it is.
    open: Option<(Connection, u64)>,
    merging: Merging,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.blocking_recv() {
            match job {
                Job::Open(reply) => drop(reply.send(self.open())),
                Job::Apply(batch, reply) => {
                    let done = self.apply(&batch);
                    let _gone = reply.send(done);
                }
                Job::BeginAnew(reply) => drop(reply.send(self.begin_anew())),
                Job::Empty(reply) => drop(reply.send(self.empty())),
                Job::GiveWay(reply) => drop(reply.send(give_way())),
            }
        }
    }

    fn open(&mut self) -> Result<bool, Error> {
        if self.shared.damaged.swap(false, Ordering::Relaxed) {
            tracing::warn!("the search index is damaged; it begins anew");
            self.begin_anew()?;
            return Ok(true);
        }
        let there = file_number(&self.path);
        if let Some((_, number)) = &self.open
            && there == Some(*number)
        {
            return Ok(false);
        }
        // Not opened yet, or somebody has taken the file away.
        self.forget();
        let conn = file::open(&self.path, self.epoch)?;
        let rooms = match file::rooms(&conn) {
            Ok(rooms) => rooms,
            Err(e) if file::is_damage(&e) => {
                drop(conn);
                self.begin_anew()?;
                return Ok(true);
            }
            Err(e) => return Err(file::error(e)),
        };
        let anew = rooms.is_empty();
        *self.shared.upto.lock() = rooms.into_iter().collect();
        self.keep(conn)?;
        Ok(anew)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), Error> {
        let Some((conn, _)) = &mut self.open else {
            return Err(Error::Unavailable("it is not open".into()));
        };
        let over = || self.shared.closing.load(Ordering::Relaxed);
        match batch.write(conn, &mut self.merging, &over) {
            Ok(false) => Err(closed()),
            Ok(true) => {
                let mut upto = self.shared.upto.lock();
                for room in &batch.gone {
                    upto.remove(room);
                }
                upto.extend(batch.upto.iter().map(|(room, upto)| (*room, *upto)));
                Ok(())
            }
            Err(e) if file::is_damage(&e) => {
                tracing::warn!(error = %e, "the search index is damaged; it begins anew");
                self.begin_anew()?;
                Err(file::error(e))
            }
            Err(e) => Err(file::error(e)),
        }
    }

    fn begin_anew(&mut self) -> Result<(), Error> {
        self.forget();
        let removed = file::remove(&self.path);
        removed.map_err(|e| Error::Unavailable(format!("{}: {e}", self.path.display())))?;
        let conn = file::open(&self.path, self.epoch)?;
        self.keep(conn)
    }

    fn empty(&mut self) -> Result<bool, Error> {
        let Some((conn, _)) = &self.open else {
            return Ok(false);
        };
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: rusqlite::Result<i64> = conn.query_row(sql, [], |row| row.get(0));
        busy.map(|busy| busy == 0).map_err(file::error)
    }

    /// Lets go of the file.
    fn forget(&mut self) {
        self.open = None;
        self.shared.generation.fetch_add(1, Ordering::Release);
        self.shared.idle.lock().clear();
        self.shared.upto.lock().clear();
    }

    fn keep(&mut self, conn: Connection) -> Result<(), Error> {
        let Some(number) = file_number(&self.path) else {
            return Err(Error::Unavailable("it is taken away".into()));
        };
        self.open = Some((conn, number));
        self.shared.open.store(true, Ordering::Release);
        Ok(())
    }
}

/// Has this thread take what no other wants. On Linux niceness and policy are a thread's own. Niceness alone says how
/// much of a busy processor it gets, not when: whoever wakes up may have to wait until it has had its slice, some
/// milliseconds, which an idle thread does not keep (`docs/benchmarks.md`).
fn give_way() -> bool {
    let _ = rustix::process::nice(19);
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Where the policy was set and the niceness that it sets as well was not, all is well.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    thread_schedule_policy().is_ok_and(|policy| policy == idle)
}

/// Which file this is.
fn file_number(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|m| m.ino())
}

fn closed() -> Error {
    Error::Unavailable("it is closed".into())
}
