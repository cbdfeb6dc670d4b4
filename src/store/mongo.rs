//! The store on MongoDB, through the official driver: a replica set, of which one member is enough.
//!
//! Writes are acknowledged by the majority with their journals (`w: majority, j: true`), reads are of what
//! the majority has, on the primary. Batches are committed one at a time (`commit`); what was written is
//! found again by ids that were made before the first try (`settle`). The collections are described in
//! `docs/mongodb.md`. The driver is named nowhere but here.

mod archive;
mod backup;
mod begun;
mod bulk;
mod commit;
mod connect;
mod documents;
mod fault;
mod files;
mod heads;
mod histories;
mod logs;
mod members;
mod moderation;
mod overlay;
mod plain;
mod presence;
mod raw;
mod records;
mod restore;
mod schema;
mod secret;
pub mod set;
mod settle;
mod transact;
mod writes;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use mongodb::{Database, bson::doc};
use tokio::{sync::Mutex, time::timeout};

/// The schema that this chatd makes and reads.
pub fn schema_version() -> u32 {
    schema::VERSION
}

use self::{
    begun::Begun,
    connect::reach,
    fault::store_error,
    heads::Heads,
    presence::{SELECT, Watcher},
    schema::{Collections, Identity},
};
use super::{
    About, Change, ControlState, Error, Info, Outcome, Page, RawEntry, RoomRow, RoomState, Scope,
    Span, Store, UserState, copy, raw::Use,
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

/// How long the answer to a ping may take. Longer than the wait for a server, and much shorter than what a
/// request may take that has something to do.
const PING: Duration = Duration::from_secs(3);

/// A store on MongoDB.
pub struct Mongo {
    db: Collections,
    identity: Identity,
    version: String,
    location: String,
    heads: Heads,
    /// Batches are made durable one after the other: only so is it known which `seq` is next.
    committing: Mutex<Begun>,
    watcher: Watcher,
    closed: AtomicBool,
}

impl Mongo {
    /// Reaches the MongoDB that `url` names, waiting for it as long as `wait` says, and brings its database to
    /// the newest schema. What may be secret in `url` is in no error.
    pub async fn open(url: &str, wait: Duration, clock: &Clock) -> Result<Self, Error> {
        Self::open_for(url, wait, clock, Use::Serve).await
    }

    /// The same, for `what`.
    pub async fn open_for(
        url: &str,
        wait: Duration,
        clock: &Clock,
        what: Use,
    ) -> Result<Self, Error> {
        Self::open_with(url, wait, clock, what, Begun::default()).await
    }

    /// The same, to serve. Which session writes is noted in this file; what a process before, which had the file, did
    /// not finish is ended. Otherwise that would be in the way for a minute.
    pub async fn open_noting(
        url: &str,
        wait: Duration,
        clock: &Clock,
        file: &Path,
    ) -> Result<Self, Error> {
        Self::open_with(url, wait, clock, Use::Serve, Begun::noting(file)).await
    }

    async fn open_with(
        url: &str,
        wait: Duration,
        clock: &Clock,
        what: Use,
        mut begun: Begun,
    ) -> Result<Self, Error> {
        let reached = reach(url, wait).await?;
        let presence = reached.presence;
        let db = Collections::new(reached.client, reached.database, presence.clone());
        if what == Use::Serve
            && let Some(mark) = raw::mark(&db).await?
        {
            return Err(copy::unfinished(&reached.location, &mark));
        }
        begun.end(&db.client).await;
        let identity = schema::prepare(&db, clock).await?;
        let database = db.database.clone();
        let watcher = Watcher::start(presence, clock.clone(), SELECT, move || {
            let database = database.clone();
            async move { ping(&database).await.is_ok() }
        });
        Ok(Self {
            db,
            identity,
            version: reached.version,
            location: reached.location,
            heads: Heads::default(),
            committing: Mutex::new(begun),
            watcher,
            closed: AtomicBool::new(false),
        })
    }

    /// Brings the database to the newest schema, and does nothing else to it.
    pub async fn upgrade(url: &str, wait: Duration, clock: &Clock) -> Result<(), Error> {
        let reached = reach(url, wait).await?;
        let db = Collections::new(reached.client, reached.database, reached.presence);
        schema::prepare(&db, clock).await.map(drop)
    }

    /// The newest schema.
    pub const fn schema() -> u32 {
        schema::VERSION
    }

    /// The collections, while it is open and the database is not known to be away.
    fn db(&self) -> Result<&Collections, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Unavailable("it is closed".into()));
        }
        self.db.presence.check()?;
        Ok(&self.db)
    }
}

impl fmt::Debug for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mongo")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Mongo {
    async fn commit(&self, batch: Arc<Vec<Change>>) -> Result<Vec<Outcome>, Error> {
        let mut begun = self.committing.lock().await;
        let db = self.db()?;
        begun.end(&db.client).await;
        commit::commit(db, &self.heads, &mut begun, &batch).await
    }

    async fn load_room(&self, id: RoomId) -> Result<Option<RoomState>, Error> {
        let found = logs::load_room(self.db()?, id).await?;
        if let Some(state) = &found {
            self.heads.advance(id.into(), state.head.seq);
        }
        Ok(found)
    }

    async fn load_user(&self, id: UserId) -> Result<Option<UserState>, Error> {
        let found = logs::load_user(self.db()?, id).await?;
        if let Some(state) = &found {
            self.heads.advance(id.into(), state.head.seq);
        }
        Ok(found)
    }

    async fn load_control(&self) -> Result<ControlState, Error> {
        let state = logs::load_control(self.db()?).await?;
        self.heads.advance(LogId::Control, state.head.seq);
        Ok(state)
    }

    async fn head(&self, log: LogId) -> Result<Head, Error> {
        logs::head(self.db()?, log).await
    }

    async fn live_entries(
        &self,
        log: LogId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        logs::entries(self.db()?, log, (after, upto), limit, bytes).await
    }

    async fn lines(
        &self,
        room: RoomId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Line>, Error> {
        archive::lines(self.db()?, room, (after, upto), limit, bytes).await
    }

    async fn raw_entries(
        &self,
        log: LogId,
        span: Span,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<RawEntry>, Error> {
        plain::entries(self.db()?, log, span, limit, bytes).await
    }

    async fn live_entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, Error> {
        logs::entry(self.db()?, log, seq).await
    }

    async fn live_entries_at(&self, room: RoomId, seqs: &[u64]) -> Result<Vec<Entry>, Error> {
        logs::entries_at(self.db()?, room.into(), seqs).await
    }

    async fn entry_by_txn(
        &self,
        log: LogId,
        from: UserId,
        txn: &Txn,
    ) -> Result<Option<Entry>, Error> {
        logs::entry_by_txn(self.db()?, log, from, txn).await
    }

    async fn live_messages(
        &self,
        room: RoomId,
        page: Page,
        floor: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        logs::messages(self.db()?, room, page, floor, limit).await
    }

    async fn segment_from(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error> {
        archive::segment_from(self.db()?, room, seq).await
    }

    async fn segment_before(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error> {
        archive::segment_before(self.db()?, room, seq).await
    }

    async fn segment(&self, room: RoomId, last: u64) -> Result<Option<(Segment, Bytes)>, Error> {
        archive::segment(self.db()?, room, last).await
    }

    async fn segments(
        &self,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        archive::segments(self.db()?, after, limit).await
    }

    async fn deleted(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
        beside: &[u64],
    ) -> Result<HashSet<u64>, Error> {
        overlay::deleted(self.db()?, room, (first, last), beside).await
    }

    async fn laid_over(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
    ) -> Result<BTreeMap<u64, Laid>, Error> {
        overlay::laid_over(self.db()?, room, first, last).await
    }

    async fn laid_over_at(
        &self,
        room: RoomId,
        targets: &[u64],
    ) -> Result<BTreeMap<u64, Laid>, Error> {
        overlay::laid_over_at(self.db()?, room, targets).await
    }

    async fn reactions(
        &self,
        room: RoomId,
        target: u64,
        emoji: Option<&Emoji>,
        after: Option<(&Emoji, u64)>,
        limit: usize,
    ) -> Result<Vec<Reaction>, Error> {
        overlay::reactions(self.db()?, (room, target), emoji, after, limit).await
    }

    async fn reactions_of(
        &self,
        room: RoomId,
        user: UserId,
        targets: &[u64],
    ) -> Result<Vec<Reaction>, Error> {
        overlay::reactions_of(self.db()?, room, user, targets).await
    }

    async fn mentions(
        &self,
        user: UserId,
        rooms: &[RoomId],
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Mention>, Error> {
        overlay::mentions(self.db()?, user, rooms, before, limit).await
    }

    async fn mentions_from(
        &self,
        user: UserId,
        from: &[MentionsFrom],
        most: usize,
    ) -> Result<Vec<Mentioned>, Error> {
        overlay::mentions_from(self.db()?, user, from, most).await
    }

    async fn replies(
        &self,
        room: RoomId,
        target: u64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, Error> {
        overlay::replies(self.db()?, (room, target), after, limit).await
    }

    async fn pins(&self, room: RoomId) -> Result<Vec<u64>, Error> {
        overlay::pins(self.db()?, room).await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, Error> {
        archive::run(self.db()?, id).await
    }

    async fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Error> {
        archive::runs(self.db()?, before, limit).await
    }

    async fn file(&self, id: FileId) -> Result<Option<File>, Error> {
        files::file(self.db()?, id).await
    }

    async fn files(&self, ids: &[FileId]) -> Result<Vec<File>, Error> {
        files::files(self.db()?, ids).await
    }

    async fn all_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error> {
        files::all_files(self.db()?, after, limit).await
    }

    async fn files_of(
        &self,
        owner: UserId,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        files::files_of(self.db()?, owner, after, limit).await
    }

    async fn file_usage(&self, owner: UserId) -> Result<Usage, Error> {
        files::usage(self.db()?, owner).await
    }

    async fn list_files(
        &self,
        filter: &FileFilter,
        order: FileOrder,
        after: Option<FilePlace>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        files::list(self.db()?, filter, order, after, limit).await
    }

    async fn sum_files(&self, filter: &FileFilter) -> Result<Usage, Error> {
        files::sum(self.db()?, filter).await
    }

    async fn unused_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error> {
        files::unused(self.db()?, after, limit).await
    }

    async fn gone_files(
        &self,
        after: Option<(Millis, FileId)>,
        limit: usize,
    ) -> Result<Vec<File>, Error> {
        files::gone(self.db()?, after, limit).await
    }

    async fn deletion(&self, room: RoomId, target: u64) -> Result<Option<Deletion>, Error> {
        overlay::deletion(self.db()?, room, target).await
    }

    async fn unerased(
        &self,
        since: Millis,
        upto: Millis,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error> {
        overlay::unerased(self.db()?, since, upto, limit).await
    }

    async fn deletions_of(
        &self,
        redaction: RedactionId,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error> {
        overlay::deletions_of(self.db()?, redaction, after, limit).await
    }

    async fn redaction(&self, id: RedactionId) -> Result<Option<Redaction>, Error> {
        overlay::redaction(self.db()?, id).await
    }

    async fn redactions(
        &self,
        before: Option<RedactionId>,
        limit: usize,
    ) -> Result<Vec<Redaction>, Error> {
        overlay::redactions(self.db()?, before, limit).await
    }

    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, Error> {
        records::user_by_name(self.db()?, name).await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, Error> {
        records::user_by_email(self.db()?, email).await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, Error> {
        records::users(self.db()?, ids).await
    }

    async fn users_named(&self, names: &[Username]) -> Result<Vec<User>, Error> {
        plain::users_named(self.db()?, names).await
    }

    async fn users_by_email(&self, emails: &[Email]) -> Result<Vec<User>, Error> {
        plain::users_by_email(self.db()?, emails).await
    }

    async fn list_users(&self, after: Option<&Username>, limit: usize) -> Result<Vec<User>, Error> {
        records::list_users(self.db()?, after, limit).await
    }

    async fn room_ids(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RoomId>, Error> {
        records::all_room_ids(self.db()?, after, limit).await
    }

    async fn rooms(&self, ids: &[RoomId]) -> Result<Vec<Room>, Error> {
        plain::rooms(self.db()?, ids).await
    }

    async fn public_room(&self, name: &RoomName) -> Result<Option<RoomId>, Error> {
        records::public_room(self.db()?, name).await
    }

    async fn rooms_named(&self, user: UserId, name: &RoomName) -> Result<Vec<RoomId>, Error> {
        records::rooms_named(self.db()?, user, name).await
    }

    async fn list_rooms(
        &self,
        scope: Scope,
        after: Option<(&RoomName, RoomId)>,
        limit: usize,
    ) -> Result<Vec<RoomRow>, Error> {
        records::list_rooms(self.db()?, scope, after, limit).await
    }

    async fn all_rooms_named(&self, name: &RoomName) -> Result<Vec<RoomId>, Error> {
        records::all_rooms_named(self.db()?, name).await
    }

    async fn list_members(
        &self,
        room: RoomId,
        after: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<(Member, User)>, Error> {
        records::list_members(self.db()?, room, after, limit).await
    }

    async fn room_ids_of(&self, user: UserId) -> Result<Vec<RoomId>, Error> {
        records::room_ids_of(self.db()?, user).await
    }

    async fn histories_of(&self, user: UserId) -> Result<Vec<(RoomId, History, u64)>, Error> {
        histories::histories_of(self.db()?, user).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error> {
        records::session(self.db()?, id).await
    }

    async fn sessions_of(&self, user: UserId, now: Millis) -> Result<Vec<Session>, Error> {
        records::sessions_of(self.db()?, user, now).await
    }

    async fn ended_sessions(&self, since: Millis) -> Result<Vec<SessionId>, Error> {
        records::ended_sessions(self.db()?, since).await
    }

    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, Error> {
        records::code(self.db()?, hash).await
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        records::keys(self.db()?).await
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        records::setting(self.db()?, name).await
    }

    async fn codes(&self, kind: CodeKind, room: Option<RoomId>) -> Result<Vec<Code>, Error> {
        moderation::codes(self.db()?, kind, room).await
    }

    async fn sanctions(
        &self,
        room: Option<RoomId>,
        after: Option<(UserId, SanctionKind)>,
        limit: usize,
    ) -> Result<Vec<Sanction>, Error> {
        moderation::sanctions(self.db()?, room, after, limit).await
    }

    async fn count_role(&self, role: &RoleName) -> Result<u64, Error> {
        moderation::count_role(self.db()?, role).await
    }

    async fn role_holders(
        &self,
        role: &RoleName,
        status: Status,
        limit: usize,
    ) -> Result<Vec<User>, Error> {
        moderation::role_holders(self.db()?, role, status, limit).await
    }

    async fn report(&self, id: ReportId) -> Result<Option<Report>, Error> {
        moderation::report(self.db()?, id).await
    }

    async fn reports(
        &self,
        state: ReportState,
        room: Option<RoomId>,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error> {
        moderation::reports(self.db()?, state, room, before, limit).await
    }

    async fn info(&self) -> Result<Info, Error> {
        let (users, rooms, bytes) = records::counts(self.db()?).await?;
        Ok(Info {
            about: self.about(),
            bytes,
            users,
            rooms,
        })
    }

    fn about(&self) -> About {
        About {
            backend: "mongodb",
            location: self.location.clone(),
            version: self.version.clone(),
            schema: schema::VERSION,
            epoch: self.identity.epoch,
        }
    }

    fn secret(&self) -> [u8; 32] {
        self.identity.secret
    }

    fn epoch(&self) -> Epoch {
        self.identity.epoch
    }

    async fn back_up(
        &self,
        to: &Path,
        tell: &super::backup::Tell,
    ) -> Result<ControlFlow<()>, Error> {
        let snapshot = backup::Snapshot::take(self.db()?).await?;
        let (epoch, secret) = (self.identity.epoch, self.identity.secret);
        let done = super::backup::copy_rows(&snapshot, epoch, secret, to, tell).await;
        snapshot.end().await;
        done
    }

    async fn ping(&self) -> Result<(), Error> {
        ping(&self.db()?.database).await
    }

    async fn close(&self) {
        let _under_way = self.committing.lock().await;
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.watcher.stop();
            self.db.client.clone().shutdown().immediate(true).await;
        }
    }
}

/// One question that anybody who is there answers at once.
async fn ping(database: &Database) -> Result<(), Error> {
    let asked = timeout(PING, database.run_command(doc! { "ping": 1 }));
    match asked.await {
        Ok(answer) => answer.map(drop).map_err(store_error),
        Err(_) => Err(Error::Unavailable(format!(
            "no answer within {} s",
            PING.as_secs()
        ))),
    }
}
