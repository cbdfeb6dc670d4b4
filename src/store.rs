//! The storage contract: what chatd asks of a database, and nothing more.
//!
//! Everything that lasts is either an [`Entry`] of a log or a record that folds entries (a user, a room, a
//! member …). Both change only through [`Store::commit`], which takes a batch of [`Change`]s; each change
//! happens whole or not at all, and the batch is durable when `commit` answers. Only `log` calls it.
//! Everything else here reads.
//!
//! Beside that, `raw` reads and loads a store as it lies, `copy` makes of one store another, and `backup` is how
//! a backup lies on a disk.
//!
//! Here is the contract itself; what is written is in `write`, what is read in `state` and `view`.
//!
//! The contract's tests are `store::contract`; each backend runs them.

mod archived;
mod around;
pub mod backup;
pub mod copy;
pub mod erasures;
mod error;
pub mod lock;
pub mod mongo;
mod overlay;
mod owner;
mod payload;
mod plain;
pub mod raw;
pub mod sqlite;
mod state;
mod view;
mod write;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod counted;

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use self::raw::Scan;
pub use self::{
    archived::{Gap, Lack, Messages, check_segment, open_segment, sealed_segment},
    around::Readable,
    error::Error,
    overlay::lay,
    payload::{erased, has_text, is_erased},
    plain::{RawEntry, Span},
    state::{ControlState, PolicyState, RoomState, UserState},
    view::{About, Info, MANY, Page, RoomRow, Scope},
    write::{Change, Outcome, Write},
};
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
};

/// The storage contract.
///
/// Whoever reads an entry, in whichever way, gets a deleted message as a tombstone, and its edits without text:
/// the text of one is in no answer of a store, but for [`Store::lines`] and the bytes of segments, which are for
/// the archive. Otherwise entries are read as they were written; only pages of messages, and single ones, have
/// what lies over them.
///
/// Old entries of rooms are in segments. [`Store::entries`], [`Store::entry`] and [`Store::messages`] read
/// across; a backend says what is live, and what segments there are.
#[async_trait]
pub trait Store: Scan {
    /// Makes a batch durable. The answers are in the batch's order. Changes are taken in order; after a
    /// change that does not happen, later changes to the same logs are [`Outcome::Conflict`], the others go
    /// on. An error means that none of the batch is known to have happened ([`Error::Unavailable`]) or that
    /// none did (every other).
    async fn commit(&self, batch: Arc<Vec<Change>>) -> Result<Vec<Outcome>, Error>;

    /// A room with its members and head, in one snapshot; deleted rooms too.
    async fn load_room(&self, id: RoomId) -> Result<Option<RoomState>, Error>;
    /// A user with the head of their log, in one snapshot.
    async fn load_user(&self, id: UserId) -> Result<Option<UserState>, Error>;
    /// The control log's head and last hash.
    async fn load_control(&self) -> Result<ControlState, Error>;

    /// Where a log stands; zeros for one without entries.
    async fn head(&self, log: LogId) -> Result<Head, Error>;
    /// The entries of a log with `after < seq <= upto`, in order: at most `limit`, and no more once their
    /// text is over `bytes` (the one that crosses it is the last). What was purged, or is in a segment that is
    /// damaged, is passed over.
    async fn entries(
        &self,
        log: LogId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        archived::entries(self, log, (after, upto), limit, bytes).await
    }
    /// The same, around rows that do not read: what lies behind them is read all the same.
    async fn readable(
        &self,
        log: LogId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Readable, Error> {
        around::readable(self, log, (after, upto), limit, bytes).await
    }
    /// The same as `entries`, of what is live.
    async fn live_entries(
        &self,
        log: LogId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error>;
    /// Live entries of a room as they lie there, deleted messages with their texts: for sealing them.
    async fn lines(
        &self,
        room: RoomId,
        after: u64,
        upto: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Line>, Error>;
    /// Rows of a log as they lie there, readable or not: at most `limit`, and no more once their text is over
    /// `bytes` (the one that crosses it is the last).
    async fn raw_entries(
        &self,
        log: LogId,
        span: Span,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<RawEntry>, Error>;
    /// The entry with this `seq`. [`Error::Damaged`] when it is in a segment that does not read.
    async fn entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, Error> {
        archived::entry(self, log, seq).await
    }
    /// The same, if it is live.
    async fn live_entry(&self, log: LogId, seq: u64) -> Result<Option<Entry>, Error>;
    /// Live entries of a room by `seq`, as they lie there, in no order; those that are not live are missing.
    async fn live_entries_at(&self, room: RoomId, seqs: &[u64]) -> Result<Vec<Entry>, Error>;
    /// The live entry that this sender made in this log under this `txn`.
    async fn entry_by_txn(
        &self,
        log: LogId,
        from: UserId,
        txn: &Txn,
    ) -> Result<Option<Entry>, Error>;
    /// A message as it is now, with what lies over it. [`Error::Damaged`] as for an entry.
    async fn message(&self, room: RoomId, seq: u64) -> Result<Option<Entry>, Error> {
        archived::message(self, room, seq).await
    }
    /// Messages of a room with `seq >= floor`, in `seq` order, as they are now, with what lies over them.
    async fn messages(
        &self,
        room: RoomId,
        page: Page,
        floor: u64,
        limit: usize,
    ) -> Result<Messages, Error> {
        archived::messages(self, room, page, floor, limit).await
    }
    /// The same, of what is live.
    async fn live_messages(
        &self,
        room: RoomId,
        page: Page,
        floor: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Error>;

    /// The first segment of a room that has an entry with this or a higher `seq`.
    async fn segment_from(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error>;
    /// The last segment of a room that has only entries with a lower `seq`.
    async fn segment_before(&self, room: RoomId, seq: u64) -> Result<Option<Segment>, Error>;
    /// A segment as it is at this moment, with its bytes.
    async fn segment(&self, room: RoomId, last: u64) -> Result<Option<(Segment, Bytes)>, Error>;
    /// Segments by room and `last`, from the first after `after`.
    async fn segments(
        &self,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Segment>, Error>;
    /// Which messages of a room are deleted: of those from `first` up to and with `last`, and of those
    /// `beside`.
    async fn deleted(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
        beside: &[u64],
    ) -> Result<HashSet<u64>, Error>;
    /// What lies over the messages of a room from `first` up to and with `last`, by `seq`, where something
    /// does.
    async fn laid_over(
        &self,
        room: RoomId,
        first: u64,
        last: u64,
    ) -> Result<BTreeMap<u64, Laid>, Error>;
    /// The same, of these messages.
    async fn laid_over_at(
        &self,
        room: RoomId,
        targets: &[u64],
    ) -> Result<BTreeMap<u64, Laid>, Error>;
    /// Reactions to a message by emoji and `seq`, from the first after `after`; with `emoji`, those with it alone.
    async fn reactions(
        &self,
        room: RoomId,
        target: u64,
        emoji: Option<&Emoji>,
        after: Option<(&Emoji, u64)>,
        limit: usize,
    ) -> Result<Vec<Reaction>, Error>;
    /// How somebody reacts to these messages of a room.
    async fn reactions_of(
        &self,
        room: RoomId,
        user: UserId,
        targets: &[u64],
    ) -> Result<Vec<Reaction>, Error>;
    /// The pinned messages of a room, the one that was pinned last first.
    async fn pins(&self, room: RoomId) -> Result<Vec<u64>, Error>;
    /// Where this user, and everyone in these rooms, was mentioned, the newest message first, from the first that is
    /// older than `before`.
    async fn mentions(
        &self,
        user: UserId,
        rooms: &[RoomId],
        before: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Mention>, Error>;
    /// The messages of others that mention this user from these places on, in no order: of each room at least the
    /// newest `most`, without those that were purged.
    async fn mentions_from(
        &self,
        user: UserId,
        from: &[MentionsFrom],
        most: usize,
    ) -> Result<Vec<Mentioned>, Error>;
    /// The answers to a message, by `seq`, from the first after `after`.
    async fn replies(
        &self,
        room: RoomId,
        target: u64,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, Error>;
    /// Messages of a room by `seq`, in that order, as they are now; those that do not exist are missing from the
    /// answer, and for those that cannot be read any more there is a gap.
    async fn messages_at(&self, room: RoomId, seqs: &[u64]) -> Result<Messages, Error> {
        archived::messages_at(self, room, seqs).await
    }
    /// The same of the first of these, and how many of the numbers that answers: no more are than lie in a few segments,
    /// so that one question has a bound.
    async fn some_messages_at(
        &self,
        room: RoomId,
        seqs: &[u64],
    ) -> Result<(Messages, usize), Error> {
        archived::some_messages_at(self, room, seqs).await
    }
    /// A run of the archive.
    async fn run(&self, id: RunId) -> Result<Option<Run>, Error>;
    /// Runs, the newest first, from the first that is older than `before`.
    async fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Error>;

    /// A file, also one that is to go.
    async fn file(&self, id: FileId) -> Result<Option<File>, Error>;
    /// Files by id; those that do not exist are missing from the answer.
    async fn files(&self, ids: &[FileId]) -> Result<Vec<File>, Error>;
    /// All files, also those that are to go, by id, from the first after `after`.
    async fn all_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error>;
    /// Files of somebody, but for those that are to go, the oldest first, from the first after `after`.
    async fn files_of(
        &self,
        owner: UserId,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<File>, Error>;
    /// How much somebody has of files, but for those that are to go.
    async fn file_usage(&self, owner: UserId) -> Result<Usage, Error>;
    /// Files of a filter, also those that are to go, from the first after a place.
    async fn list_files(
        &self,
        filter: &FileFilter,
        order: FileOrder,
        after: Option<FilePlace>,
        limit: usize,
    ) -> Result<Vec<File>, Error>;
    /// How much there is of such files.
    async fn sum_files(&self, filter: &FileFilter) -> Result<Usage, Error>;
    /// Files that are attached to nothing and are not to go, the oldest first, from the first after `after`.
    async fn unused_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>, Error>;
    /// Files that are to go, those first that are for longest, from the first after `after`.
    async fn gone_files(
        &self,
        after: Option<(Millis, FileId)>,
        limit: usize,
    ) -> Result<Vec<File>, Error>;

    /// That this message is deleted, if it is.
    async fn deletion(&self, room: RoomId, target: u64) -> Result<Option<Deletion>, Error>;
    /// Messages deleted from `since` on, up to and with `upto`, whose text is still there, the longest deleted
    /// first.
    async fn unerased(
        &self,
        since: Millis,
        upto: Millis,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error>;
    /// What a redaction deleted and is not restored, by room and `seq`, from the first after `after`.
    async fn deletions_of(
        &self,
        redaction: RedactionId,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Deletion>, Error>;
    /// A redaction.
    async fn redaction(&self, id: RedactionId) -> Result<Option<Redaction>, Error>;
    /// Redactions, the newest first, from the first that is older than `before`.
    async fn redactions(
        &self,
        before: Option<RedactionId>,
        limit: usize,
    ) -> Result<Vec<Redaction>, Error>;

    /// A user by name.
    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, Error>;
    /// A user by an e-mail that may log in.
    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, Error>;
    /// Users by id; those that do not exist are missing from the answer.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, Error>;
    /// Users by name; those that do not exist are missing from the answer.
    async fn users_named(&self, names: &[Username]) -> Result<Vec<User>, Error>;
    /// Users by an e-mail that may log in; those that do not exist are missing from the answer.
    async fn users_by_email(&self, emails: &[Email]) -> Result<Vec<User>, Error>;
    /// Users by name, from the first after `after`.
    async fn list_users(&self, after: Option<&Username>, limit: usize) -> Result<Vec<User>, Error>;

    /// Ids of all rooms, deleted ones too, in their order, from the first after `after`.
    async fn room_ids(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RoomId>, Error>;
    /// Rooms by id, deleted ones too; those that do not exist are missing from the answer.
    async fn rooms(&self, ids: &[RoomId]) -> Result<Vec<Room>, Error>;
    /// The public room of this name.
    async fn public_room(&self, name: &RoomName) -> Result<Option<RoomId>, Error>;
    /// The rooms of this name that this user is in, at most two of them.
    async fn rooms_named(&self, user: UserId, name: &RoomName) -> Result<Vec<RoomId>, Error>;
    /// Rooms in a scope, from the first after (name, id) `after`.
    async fn list_rooms(
        &self,
        scope: Scope,
        after: Option<(&RoomName, RoomId)>,
        limit: usize,
    ) -> Result<Vec<RoomRow>, Error>;
    /// All rooms of this name, for operators; deleted ones not.
    async fn all_rooms_named(&self, name: &RoomName) -> Result<Vec<RoomId>, Error>;
    /// A room's members with their accounts, by user name, from the first after `after`.
    async fn list_members(
        &self,
        room: RoomId,
        after: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<(Member, User)>, Error>;
    /// Ids of the rooms a user is in.
    async fn room_ids_of(&self, user: UserId) -> Result<Vec<RoomId>, Error>;
    /// The rooms a user is in, each with what its members read of it and the `seq` of the entry by which they came in.
    async fn histories_of(&self, user: UserId) -> Result<Vec<(RoomId, History, u64)>, Error>;

    /// A session.
    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error>;
    /// A user's sessions that have not ended or expired by `now`, the newest first.
    async fn sessions_of(&self, user: UserId, now: Millis) -> Result<Vec<Session>, Error>;
    /// Sessions that ended at or after `since`: their access tokens may still be about.
    async fn ended_sessions(&self, since: Millis) -> Result<Vec<SessionId>, Error>;
    /// A one-time code.
    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, Error>;
    /// All public keys.
    async fn keys(&self) -> Result<Vec<Key>, Error>;
    /// A setting that is kept in the store, as JSON.
    async fn setting(&self, name: &str) -> Result<Option<String>, Error>;
    /// Codes of a kind, for one room or for none, the newest first; at most [`MANY`].
    async fn codes(&self, kind: CodeKind, room: Option<RoomId>) -> Result<Vec<Code>, Error>;

    /// Sanctions in a room, or everywhere, by user and kind; also those that have run out. At most `limit`,
    /// from the first after `after`.
    async fn sanctions(
        &self,
        room: Option<RoomId>,
        after: Option<(UserId, SanctionKind)>,
        limit: usize,
    ) -> Result<Vec<Sanction>, Error>;
    /// How many accounts have this role.
    async fn count_role(&self, role: &RoleName) -> Result<u64, Error>;
    /// Accounts with this role and this status, at most so many, in no order.
    async fn role_holders(
        &self,
        role: &RoleName,
        status: Status,
        limit: usize,
    ) -> Result<Vec<User>, Error>;
    /// A report.
    async fn report(&self, id: ReportId) -> Result<Option<Report>, Error>;
    /// Reports in a state, of one room or of all, the newest first, from the first before `before`.
    async fn reports(
        &self,
        state: ReportState,
        room: Option<RoomId>,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<Vec<Report>, Error>;

    /// What the store is and how it is.
    async fn info(&self) -> Result<Info, Error>;
    /// What the store is, also while it does not answer.
    fn about(&self) -> About;
    /// 32 random bytes of this store, for keyed digests; made with it.
    fn secret(&self) -> [u8; 32];
    /// This incarnation.
    fn epoch(&self) -> Epoch;
    /// Gives back some of the space that was freed, where that does not happen by itself; answers how many
    /// bytes are left to give back. To be called again while something is.
    async fn reclaim(&self) -> Result<u64, Error> {
        Ok(0)
    }
    /// Writes all of it, as it is at one moment from now on, into a new SQLite file, while it goes on being
    /// written to. `tell` is told how far it is; breaking there ends it.
    async fn back_up(&self, to: &Path, tell: &backup::Tell) -> Result<ControlFlow<()>, Error>;
    /// Whether it answers; what readiness asks.
    async fn ping(&self) -> Result<(), Error>;
    /// Closes it: waits for what is under way, leaves it tidy for the next start. Later calls fail.
    async fn close(&self);
}
