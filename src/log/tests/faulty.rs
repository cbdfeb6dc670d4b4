//! A store whose faults are ours to choose.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::{
    clock::Millis,
    id::{EntryId, Epoch, FileId, LogId, RedactionId, ReportId, RoomId, RunId, SessionId, UserId},
    model::{
        Code, CodeHash, CodeKind, Deletion, Email, Emoji, Entry, File, FileFilter, FileOrder,
        FilePlace, Head, History, Key, Laid, Member, Mention, Mentioned, MentionsFrom, Reaction,
        Redaction, Report, ReportState, RoleName, Room, RoomName, Run, Sanction, SanctionKind,
        Segment, Session, Status, Txn, Usage, User, Username,
    },
    segment::Line,
    store::{
        About, Change, ControlState, Error, Info, Outcome, Page, RawEntry, RoomRow, RoomState,
        Scope, Span, Store, UserState, backup,
        raw::{Row, Scan, Table, Value},
        sqlite::Sqlite,
    },
};

/// A store whose faults are ours to choose.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) inner: Sqlite,
    /// The next commit happens, but its answer is lost.
    pub(super) lose_answer: AtomicBool,
    /// Reads of rooms take one of these each.
    pub(super) reads: Semaphore,
}

macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl Store for Faulty {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, Error> {
                self.inner.$name($($arg),*).await
            })+

            async fn commit(&self, batch: Arc<Vec<Change>>) -> Result<Vec<Outcome>, Error> {
                let outcomes = self.inner.commit(batch).await;
                if self.lose_answer.swap(false, Ordering::SeqCst) {
                    return Err(Error::Unavailable("the answer was lost".into()));
                }
                outcomes
            }

            async fn load_room(&self, id: RoomId) -> Result<Option<RoomState>, Error> {
                let turn = self.reads.acquire().await.unwrap();
                turn.forget();
                self.inner.load_room(id).await
            }

            fn about(&self) -> About {
                self.inner.about()
            }

            fn secret(&self) -> [u8; 32] {
                self.inner.secret()
            }

            fn epoch(&self) -> Epoch {
                self.inner.epoch()
            }

            async fn close(&self) {
                self.inner.close().await;
            }
        }
    };
}

#[async_trait]
impl Scan for Faulty {
    async fn scan(
        &self,
        table: Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        self.inner.scan(table, after, limit).await
    }

    async fn count(&self, table: Table) -> Result<u64, Error> {
        self.inner.count(table).await
    }

    async fn faults(&self) -> Result<Vec<String>, Error> {
        self.inner.faults().await
    }
}

pass_on! {
    back_up(to: &Path, tell: &backup::Tell) -> ControlFlow<()>;
    load_user(id: UserId) -> Option<UserState>;
    load_control() -> ControlState;
    head(log: LogId) -> Head;
    live_entries(log: LogId, after: u64, upto: u64, limit: usize, bytes: usize) -> Vec<Entry>;
    raw_entries(log: LogId, span: Span, limit: usize, bytes: usize) -> Vec<RawEntry>;
    live_entry(log: LogId, seq: u64) -> Option<Entry>;
    live_entries_at(room: RoomId, seqs: &[u64]) -> Vec<Entry>;
    live_messages(room: RoomId, page: Page, floor: u64, limit: usize) -> Vec<Entry>;
    lines(room: RoomId, after: u64, upto: u64, limit: usize, bytes: usize) -> Vec<Line>;
    segment_from(room: RoomId, seq: u64) -> Option<Segment>;
    segment_before(room: RoomId, seq: u64) -> Option<Segment>;
    segment(room: RoomId, last: u64) -> Option<(Segment, bytes::Bytes)>;
    segments(after: Option<(RoomId, u64)>, limit: usize) -> Vec<Segment>;
    deleted(
        room: RoomId, first: u64, last: u64, beside: &[u64]
    ) -> HashSet<u64>;
    laid_over(room: RoomId, first: u64, last: u64) -> BTreeMap<u64, Laid>;
    laid_over_at(room: RoomId, targets: &[u64]) -> BTreeMap<u64, Laid>;
    reactions(
        room: RoomId, target: u64, emoji: Option<&Emoji>, after: Option<(&Emoji, u64)>, limit: usize
    ) -> Vec<Reaction>;
    reactions_of(room: RoomId, user: UserId, targets: &[u64]) -> Vec<Reaction>;
    mentions(
        user: UserId, rooms: &[RoomId], before: Option<EntryId>, limit: usize
    ) -> Vec<Mention>;
    mentions_from(user: UserId, from: &[MentionsFrom], most: usize) -> Vec<Mentioned>;
    replies(room: RoomId, target: u64, after: u64, limit: usize) -> Vec<u64>;
    pins(room: RoomId) -> Vec<u64>;
    run(id: RunId) -> Option<Run>;
    runs(before: Option<RunId>, limit: usize) -> Vec<Run>;
    room_ids(after: Option<RoomId>, limit: usize) -> Vec<RoomId>;
    file(id: FileId) -> Option<File>;
    files(ids: &[FileId]) -> Vec<File>;
    all_files(after: Option<FileId>, limit: usize) -> Vec<File>;
    files_of(owner: UserId, after: Option<FileId>, limit: usize) -> Vec<File>;
    file_usage(owner: UserId) -> Usage;
    list_files(
        filter: &FileFilter, order: FileOrder, after: Option<FilePlace>, limit: usize
    ) -> Vec<File>;
    sum_files(filter: &FileFilter) -> Usage;
    unused_files(after: Option<FileId>, limit: usize) -> Vec<File>;
    gone_files(after: Option<(Millis, FileId)>, limit: usize) -> Vec<File>;
    deletion(room: RoomId, target: u64) -> Option<Deletion>;
    unerased(since: Millis, upto: Millis, limit: usize) -> Vec<Deletion>;
    deletions_of(redaction: RedactionId, after: Option<(RoomId, u64)>, limit: usize) -> Vec<Deletion>;
    redaction(id: RedactionId) -> Option<Redaction>;
    redactions(before: Option<RedactionId>, limit: usize) -> Vec<Redaction>;
    user_by_name(name: &Username) -> Option<User>;
    user_by_email(email: &Email) -> Option<User>;
    users(ids: &[UserId]) -> Vec<User>;
    codes(kind: CodeKind, room: Option<RoomId>) -> Vec<Code>;
    sanctions(
        room: Option<RoomId>, after: Option<(UserId, SanctionKind)>, limit: usize
    ) -> Vec<Sanction>;
    count_role(role: &RoleName) -> u64;
    role_holders(role: &RoleName, status: Status, limit: usize) -> Vec<User>;
    report(id: ReportId) -> Option<Report>;
    reports(
        state: ReportState, room: Option<RoomId>, before: Option<ReportId>, limit: usize
    ) -> Vec<Report>;
    users_named(names: &[Username]) -> Vec<User>;
    users_by_email(emails: &[Email]) -> Vec<User>;
    list_users(after: Option<&Username>, limit: usize) -> Vec<User>;
    rooms(ids: &[RoomId]) -> Vec<Room>;
    public_room(name: &RoomName) -> Option<RoomId>;
    rooms_named(user: UserId, name: &RoomName) -> Vec<RoomId>;
    list_rooms(scope: Scope, after: Option<(&RoomName, RoomId)>, limit: usize) -> Vec<RoomRow>;
    all_rooms_named(name: &RoomName) -> Vec<RoomId>;
    list_members(room: RoomId, after: Option<&Username>, limit: usize) -> Vec<(Member, User)>;
    room_ids_of(user: UserId) -> Vec<RoomId>;
    histories_of(user: UserId) -> Vec<(RoomId, History, u64)>;
    session(id: SessionId) -> Option<Session>;
    sessions_of(user: UserId, now: Millis) -> Vec<Session>;
    code(hash: &CodeHash) -> Option<Code>;
    keys() -> Vec<Key>;
    entry_by_txn(log: LogId, from: UserId, txn: &Txn) -> Option<Entry>;
    ended_sessions(since: Millis) -> Vec<SessionId>;
    setting(name: &str) -> Option<String>;
    info() -> Info;
    ping() -> ();
}
