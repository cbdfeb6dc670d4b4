//! The embedded store: one SQLite database in the data directory, and the default.
//!
//! One thread writes (`writer`), a small pool reads (`readers`), a third party keeps the write-ahead
//! log short (`checkpoint`). One process at a time has the store, which `lock` sees to. SQLite is named
//! nowhere but here.

mod apply;
mod archive;
mod backup;
mod bell;
mod checkpoint;
mod files;
mod logs;
mod moderation;
mod overlay;
mod place;
mod plain;
mod raw;
mod readers;
mod records;
mod rows;
mod schema;
mod space;
mod txns;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    fmt, fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use self::{
    bell::Bell,
    checkpoint::Snapshots,
    readers::Readers,
    schema::Identity,
    space::Space,
    writer::{Job, Writer},
};
use super::{
    About, Change, ControlState, Error, Info, Outcome, Page, RawEntry, RoomRow, RoomState, Scope,
    Span, Store, UserState, lock::Lock, raw::Use,
};
use crate::{
    clock::{Clock, Millis},
    id::{EntryId, Epoch, FileId, LogId, RedactionId, ReportId, RoomId, RunId, SessionId, UserId},
    model::{
        Code, CodeHash, CodeKind, Deletion, Email, Emoji, Entry, File, FileFilter, FileOrder,
        FilePlace, Head, History, Key, Laid, Member, Mention, Mentioned, MentionsFrom, Reaction,
        Redaction, Report, ReportState, RoleName, Room, RoomName, Run, Sanction, SanctionKind,
        Segment, Session, Status, Txn, Usage, User, Username,
    },
    segment::Line,
};

/// The schema that this chatd makes and reads.
pub fn schema_version() -> u32 {
    schema::version()
}

/// What an embedded store is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file. Its directory is made if it is missing, and has the lock file.
    pub path: PathBuf,
    /// The most bytes the database may have; messages are refused a little earlier.
    pub max_size: Option<u64>,
    /// Messages are refused when the disk has fewer free bytes; 0 for never.
    pub min_free: u64,
    /// How many reads may run at a time; at least one.
    pub readers: usize,
    /// What tells the time.
    pub clock: Clock,
}

/// An open embedded store. Dropping it waits for what is being written; [`Store::close`] does so without
/// holding up the thread.
pub struct Sqlite {
    path: PathBuf,
    identity: Identity,
    readers: Readers,
    snapshots: Snapshots,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    bell: Bell,
    writer: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<Lock>>,
}

impl Sqlite {
    /// Opens the store, makes it when there is none, and brings it to the newest schema.
    pub fn open(options: Options) -> Result<Self, Error> {
        Self::open_for(options, Use::Serve)
    }

    /// The same, for `what`.
    pub fn open_for(options: Options, what: Use) -> Result<Self, Error> {
        let Options {
            path,
            max_size,
            min_free,
            readers,
            clock,
        } = options;
        let lock = Lock::take(&path)?;
        let identity = schema::prepare(&path, clock.now(), what)?;
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        };
        let space = Space::new(dir, min_free, max_size, clock);
        let (jobs, queue) = mpsc::channel(writer::QUEUE);
        let (bell, rope) =
            bell::bell().map_err(|e| Error::Unavailable(format!("cannot make a pipe: {e}")))?;
        let snapshots = Snapshots::default();
        let writer = Writer::new(path.clone(), max_size, space, snapshots.clone())?
            .start(queue, rope)
            .map_err(|e| Error::Unavailable(format!("cannot start a thread: {e}")))?;
        Ok(Self {
            readers: Readers::new(path.clone(), readers),
            path,
            identity,
            snapshots,
            jobs: Mutex::new(Some(jobs)),
            bell,
            writer: Mutex::new(Some(writer)),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Brings the file to the newest schema, and does nothing else to it.
    pub fn upgrade(path: &Path) -> Result<(), Error> {
        let _alone = Lock::take(path)?;
        schema::upgrade(path)
    }

    /// The newest schema.
    pub fn schema() -> u32 {
        schema::version()
    }

    /// Writes into the lock file where our admin socket is, for whoever finds the store locked.
    pub fn announce(&self, socket: &Path) -> io::Result<()> {
        match &*held(&self.lock) {
            Some(lock) => lock.write(Some(socket)),
            None => Ok(()),
        }
    }

    /// The way to the writer, while there is one.
    fn jobs(&self) -> Result<mpsc::Sender<Job>, Error> {
        held(&self.jobs)
            .clone()
            .filter(|jobs| !jobs.is_closed())
            .ok_or_else(|| Error::Unavailable("it is closed".into()))
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        held(&self.jobs).take();
        if let Some(writer) = held(&self.writer).take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, batch: Arc<Vec<Change>>) -> Result<Vec<Outcome>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let gone = || Error::Unavailable("its writer is gone".into());
        let (answer, answered) = oneshot::channel();
        self.jobs()?
            .send(Job::Commit { batch, answer })
            .await
            .map_err(|_| gone())?;
        self.bell.answer(answered).await.ok_or_else(gone)?
    }

    async fn load_room(&self, id: RoomId) -> Result<Option<RoomState>, Error> {
        self.readers
            .read(move |conn| logs::load_room(conn, id))
            .await
    }

    async fn load_user(&self, id: UserId) -> Result<Option<UserState>, Error> {
        self.readers
            .read(move |conn| logs::load_user(conn, id))
            .await
    }

    async fn load_control(&self) -> Result<ControlState, Error> {
        self.readers.read(logs::load_control).await
    }

    async fn head(&self, log: LogId) -> Result<Head, Error> {
        self.readers.read(move |conn| logs::head(conn, log)).await
    }

    async fn live_entries(
        &self,
        log: LogId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.readers
            .read(move |conn| logs::entries(conn, log, (after, upto), limit, bytes))
            .await
    }

    async fn lines(
        &self,
        room: RoomId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Line>, Error> {
        self.readers
            .read(move |conn| archive::lines(conn, room, (after, upto), limit, bytes))
            .await
    }

    async fn raw_entries(
        &self,
        log: LogId,
        span: Span,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<RawEntry>, Error> {
        self.readers
            .read(move |conn| plain::entries(conn, log, span, limit, bytes))
            .await
    }

    async fn live_entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, Error> {
        self.readers
            .read(move |conn| logs::entry(conn, log, seq))
            .await
    }

    async fn live_entries_at(&self, room: RoomId, seqs: &[u64]) -> Result<Vec<Entry>, Error> {
        let seqs = seqs.to_vec();
        self.readers
            .read(move |conn| logs::entries_at(conn, room.into(), &seqs))
            .await
    }

    async fn entry_by_txn(
        &self,
        log: LogId,
        from: UserId,
        txn: &Txn,
    ) -> Result<Option<Entry>, Error> {
        let txn = txn.clone();
        self.readers
            .read(move |conn| txns::find(conn, log, from, &txn))
            .await
    }

    async fn live_messages(
        &self,
        room: RoomId,
        page: Page,
        floor: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.readers
            .read(move |conn| logs::messages(conn, room, page, floor, limit))
            .await
    }

    async fn segment_from(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error> {
        self.readers
            .read(move |conn| archive::segment_from(conn, room, seq))
            .await
    }

    async fn segment_before(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error> {
        self.readers
            .read(move |conn| archive::segment_before(conn, room, seq))
            .await
    }

    async fn segment(&self, room: RoomId, last: u64) -> Result<Option<(Segment, Bytes)>, Error> {
        self.readers
            .read(move |conn| archive::segment(conn, room, last))
            .await
    }

    async fn segments(
        &self,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        self.readers
            .read(move |conn| archive::segments(conn, after, limit))
            .await
    }

    async fn deleted(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
        beside: &[u64],
    ) -> Result<HashSet<u64>, Error> {
        let beside = beside.to_vec();
        self.readers
            .read(move |conn| overlay::deleted(conn, room, (first, last), &beside))
            .await
    }

    async fn laid_over(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
    ) -> Result<BTreeMap<u64, Laid>, Error> {
        self.readers
            .read(move |conn| overlay::laid_over(conn, room, first, last))
            .await
    }

    async fn laid_over_at(
        &self,
        room: RoomId,
        targets: &[u64],
    ) -> Result<BTreeMap<u64, Laid>, Error> {
        let targets = targets.to_vec();
        self.readers
            .read(move |conn| overlay::laid_over_at(conn, room, &targets))
            .await
    }

    async fn reactions(
        &self,
        room: RoomId,
        target: u64,
        emoji: Option<&Emoji>,
        after: Option<(&Emoji, u64)>,
        limit: usize,
    ) -> Result<Vec<Reaction>, Error> {
        let emoji = emoji.cloned();
        let after = after.map(|(emoji, seq)| (emoji.clone(), seq));
        self.readers
            .read(move |conn| {
                let after = after.as_ref().map(|(emoji, seq)| (emoji, *seq));
                overlay::reactions(conn, (room, target), emoji.as_ref(), after, limit)
            })
            .await
    }

    async fn reactions_of(
        &self,
        room: RoomId,
        user: UserId,
        targets: &[u64],
    ) -> Result<Vec<Reaction>, Error> {
        let targets = targets.to_vec();
        self.readers
            .read(move |conn| overlay::reactions_of(conn, room, user, &targets))
            .await
    }

    async fn mentions(
        &self,
        user: UserId,
        rooms: &[RoomId],
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Mention>, Error> {
        let rooms = rooms.to_vec();
        self.readers
            .read(move |conn| overlay::mentions(conn, user, &rooms, before, limit))
            .await
    }

    async fn mentions_from(
        &self,
        user: UserId,
        from: &[MentionsFrom],
        most: usize,
    ) -> Result<Vec<Mentioned>, Error> {
        let from = from.to_vec();
        self.readers
            .read(move |conn| overlay::mentions_from(conn, user, &from, most))
            .await
    }

    async fn replies(
        &self,
        room: RoomId,
        target: u64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, Error> {
        self.readers
            .read(move |conn| overlay::replies(conn, (room, target), after, limit))
            .await
    }

    async fn pins(&self, room: RoomId) -> Result<Vec<u64>, Error> {
        self.readers
            .read(move |conn| overlay::pins(conn, room))
            .await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, Error> {
        self.readers.read(move |conn| archive::run(conn, id)).await
    }

    async fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Error> {
        self.readers
            .read(move |conn| archive::runs(conn, before, limit))
            .await
    }

    async fn file(&self, id: FileId) -> Result<Option<File>, Error> {
        self.readers.read(move |conn| files::file(conn, id)).await
    }

    async fn files(&self, ids: &[FileId]) -> Result<Vec<File>, Error> {
        let ids = ids.to_vec();
        self.readers
            .read(move |conn| files::files(conn, &ids))
            .await
    }

    async fn all_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error> {
        self.readers
            .read(move |conn| files::all_files(conn, after, limit))
            .await
    }

    async fn files_of(
        &self,
        owner: UserId,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        self.readers
            .read(move |conn| files::files_of(conn, owner, after, limit))
            .await
    }

    async fn file_usage(&self, owner: UserId) -> Result<Usage, Error> {
        self.readers
            .read(move |conn| files::usage(conn, owner))
            .await
    }

    async fn list_files(
        &self,
        filter: &FileFilter,
        order: FileOrder,
        after: Option<FilePlace>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        let query = files::Query::page(filter, order, after, limit);
        self.readers
            .read(move |conn| files::list(conn, &query))
            .await
    }

    async fn sum_files(&self, filter: &FileFilter) -> Result<Usage, Error> {
        let query = files::Query::sum(filter);
        self.readers
            .read(move |conn| files::sum(conn, &query))
            .await
    }

    async fn unused_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error> {
        self.readers
            .read(move |conn| files::unused(conn, after, limit))
            .await
    }

    async fn gone_files(
        &self,
        after: Option<(Millis, FileId)>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        self.readers
            .read(move |conn| files::gone(conn, after, limit))
            .await
    }

    async fn deletion(&self, room: RoomId, target: u64) -> Result<Option<Deletion>, Error> {
        self.readers
            .read(move |conn| overlay::deletion(conn, room, target))
            .await
    }

    async fn unerased(
        &self,
        since: Millis,
        upto: Millis,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error> {
        self.readers
            .read(move |conn| overlay::unerased(conn, since, upto, limit))
            .await
    }

    async fn deletions_of(
        &self,
        redaction: RedactionId,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error> {
        self.readers
            .read(move |conn| overlay::deletions_of(conn, redaction, after, limit))
            .await
    }

    async fn redaction(&self, id: RedactionId) -> Result<Option<Redaction>, Error> {
        self.readers
            .read(move |conn| overlay::redaction(conn, id))
            .await
    }

    async fn redactions(
        &self,
        before: Option<RedactionId>,
        limit: usize,
    ) -> Result<Vec<Redaction>, Error> {
        self.readers
            .read(move |conn| overlay::redactions(conn, before, limit))
            .await
    }

    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, Error> {
        let name = name.clone();
        self.readers
            .read(move |conn| records::user_by_name(conn, &name))
            .await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, Error> {
        let email = email.clone();
        self.readers
            .read(move |conn| records::user_by_email(conn, &email))
            .await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, Error> {
        let ids = ids.to_vec();
        self.readers
            .read(move |conn| records::users(conn, &ids))
            .await
    }

    async fn users_named(&self, names: &[Username]) -> Result<Vec<User>, Error> {
        let names = names.to_vec();
        self.readers
            .read(move |conn| plain::users_named(conn, &names))
            .await
    }

    async fn users_by_email(&self, emails: &[Email]) -> Result<Vec<User>, Error> {
        let emails = emails.to_vec();
        self.readers
            .read(move |conn| plain::users_by_email(conn, &emails))
            .await
    }

    async fn list_users(&self, after: Option<&Username>, limit: usize) -> Result<Vec<User>, Error> {
        let after = after.cloned();
        self.readers
            .read(move |conn| records::list_users(conn, after.as_ref(), limit))
            .await
    }

    async fn room_ids(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RoomId>, Error> {
        self.readers
            .read(move |conn| records::room_ids(conn, after, limit))
            .await
    }

    async fn rooms(&self, ids: &[RoomId]) -> Result<Vec<Room>, Error> {
        let ids = ids.to_vec();
        self.readers
            .read(move |conn| plain::rooms(conn, &ids))
            .await
    }

    async fn public_room(&self, name: &RoomName) -> Result<Option<RoomId>, Error> {
        let name = name.clone();
        self.readers
            .read(move |conn| records::public_room(conn, &name))
            .await
    }

    async fn rooms_named(&self, user: UserId, name: &RoomName) -> Result<Vec<RoomId>, Error> {
        let name = name.clone();
        self.readers
            .read(move |conn| records::rooms_named(conn, user, &name))
            .await
    }

    async fn list_rooms(
        &self,
        scope: Scope,
        after: Option<(&RoomName, RoomId)>,
        limit: usize,
    ) -> Result<Vec<RoomRow>, Error> {
        let after = after.map(|(name, id)| (name.clone(), id));
        self.readers
            .read(move |conn| {
                let after = after.as_ref().map(|(name, id)| (name, *id));
                records::list_rooms(conn, scope, after, limit)
            })
            .await
    }

    async fn all_rooms_named(&self, name: &RoomName) -> Result<Vec<RoomId>, Error> {
        let name = name.clone();
        self.readers
            .read(move |conn| records::all_rooms_named(conn, &name))
            .await
    }

    async fn list_members(
        &self,
        room: RoomId,
        after: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<(Member, User)>, Error> {
        let after = after.cloned();
        self.readers
            .read(move |conn| records::list_members(conn, room, after.as_ref(), limit))
            .await
    }

    async fn room_ids_of(&self, user: UserId) -> Result<Vec<RoomId>, Error> {
        self.readers
            .read(move |conn| records::room_ids_of(conn, user))
            .await
    }

    async fn histories_of(&self, user: UserId) -> Result<Vec<(RoomId, History, u64)>, Error> {
        self.readers
            .read(move |conn| records::histories_of(conn, user))
            .await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error> {
        self.readers
            .read(move |conn| records::session(conn, id))
            .await
    }

    async fn sessions_of(&self, user: UserId, now: Millis) -> Result<Vec<Session>, Error> {
        self.readers
            .read(move |conn| records::sessions_of(conn, user, now))
            .await
    }

    async fn ended_sessions(&self, since: Millis) -> Result<Vec<SessionId>, Error> {
        self.readers
            .read(move |conn| records::ended_sessions(conn, since))
            .await
    }

    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, Error> {
        let hash = *hash;
        self.readers
            .read(move |conn| records::code(conn, &hash))
            .await
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        self.readers.read(records::keys).await
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let name = name.to_owned();
        self.readers
            .read(move |conn| records::setting(conn, &name))
            .await
    }

    async fn codes(&self, kind: CodeKind, room: Option<RoomId>) -> Result<Vec<Code>, Error> {
        self.readers
            .read(move |conn| records::codes(conn, kind, room))
            .await
    }

    async fn sanctions(
        &self,
        room: Option<RoomId>,
        after: Option<(UserId, SanctionKind)>,
        limit: usize,
    ) -> Result<Vec<Sanction>, Error> {
        self.readers
            .read(move |conn| moderation::sanctions(conn, room, after, limit))
            .await
    }

    async fn count_role(&self, role: &RoleName) -> Result<u64, Error> {
        let role = role.clone();
        self.readers
            .read(move |conn| records::count_role(conn, &role))
            .await
    }

    async fn role_holders(
        &self,
        role: &RoleName,
        status: Status,
        limit: usize,
    ) -> Result<Vec<User>, Error> {
        let role = role.clone();
        self.readers
            .read(move |conn| records::role_holders(conn, &role, status, limit))
            .await
    }

    async fn report(&self, id: ReportId) -> Result<Option<Report>, Error> {
        self.readers
            .read(move |conn| moderation::report(conn, id))
            .await
    }

    async fn reports(
        &self,
        state: ReportState,
        room: Option<RoomId>,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error> {
        self.readers
            .read(move |conn| moderation::reports(conn, state, room, before, limit))
            .await
    }

    async fn info(&self) -> Result<Info, Error> {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        let counts = move |conn: &rusqlite::Connection| {
            let wal = fs::metadata(wal).map_or(0, |file| file.len());
            records::counts(conn).map(|(users, rooms, bytes)| (users, rooms, bytes + wal))
        };
        let (users, rooms, bytes) = self.readers.read(counts).await?;
        Ok(Info {
            about: self.about(),
            bytes,
            users,
            rooms,
        })
    }

    fn about(&self) -> About {
        About {
            backend: "sqlite",
            location: self.path.display().to_string(),
            version: rusqlite::version().to_owned(),
            schema: schema::version(),
            epoch: self.identity.epoch,
        }
    }

    fn secret(&self) -> [u8; 32] {
        self.identity.secret
    }

    fn epoch(&self) -> Epoch {
        self.identity.epoch
    }

    async fn reclaim(&self) -> Result<u64, Error> {
        let gone = || Error::Unavailable("its writer is gone".into());
        let (answer, answered) = oneshot::channel();
        self.jobs()?
            .send(Job::Reclaim(answer))
            .await
            .map_err(|_| gone())?;
        self.bell.answer(answered).await.ok_or_else(gone)?
    }

    async fn back_up(
        &self,
        to: &Path,
        tell: &super::backup::Tell,
    ) -> Result<ControlFlow<()>, Error> {
        self.jobs()?;
        let (from, to) = (self.path.clone(), to.to_owned());
        let (snapshots, tell) = (self.snapshots.clone(), Arc::clone(tell));
        let copying = move || backup::copy(&from, &to, &snapshots, &tell);
        tokio::task::spawn_blocking(copying)
            .await
            .map_err(|e| Error::Unavailable(format!("it did not finish: {e}")))?
    }

    async fn ping(&self) -> Result<(), Error> {
        self.jobs()?;
        self.readers
            .read(|conn| conn.query_row("SELECT 1", [], |_| Ok(())))
            .await
    }

    async fn close(&self) {
        held(&self.jobs).take();
        self.readers.close().await;
        let writer = held(&self.writer).take();
        if let Some(writer) = writer {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        held(&self.lock).take();
    }
}

/// What a mutex guards. These are held for no more than a look, and a panic leaves nothing half done.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
