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
//! The contract's tests are `store::contract`; each backend runs them.

mod archived;
mod around;
pub mod backup;
pub mod copy;
pub mod erasures;
pub mod lock;
pub mod mongo;
mod overlay;
mod payload;
mod plain;
pub mod raw;
pub mod sqlite;

#[cfg(test)]
mod contract;

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use ipnet::IpNet;

use self::raw::Scan;
pub use self::{
    archived::{Gap, Lack, Messages, check_segment, open_segment, sealed_segment},
    around::Readable,
    overlay::lay,
    payload::{erased, has_text, is_erased},
    plain::{RawEntry, Span},
};
use crate::{
    clock::Millis,
    id::{
        EntryId, Epoch, FileId, HoldId, LogId, RedactionId, ReportId, RoomId, RunId, SessionId,
        UserId,
    },
    model::{
        AddressBan, Code, CodeHash, CodeKind, Deletion, Edit, Email, Emoji, Entry, File, Head,
        Hold, Key, Laid, Member, Mention, Pin, Reaction, Read, Redaction, Report, ReportState,
        Role, RoleName, Room, RoomName, Run, Sanction, SanctionKind, Segment, Session, Status, Txn,
        Usage, User, Username,
    },
    segment::Line,
};

/// What went wrong with the store as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer, or its answer was lost: what was asked may have happened.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It is known not to answer, and was not asked: nothing happened. Whoever found that out has logged it.
    #[error("the store is away {0}")]
    Away(String),
    /// The disk, or the limit set by `store.max_size`, is full; nothing of the batch happened.
    #[error("the store is full")]
    Full,
    /// Another process has it open.
    #[error("{path} is in use by another chatd (process {pid})")]
    Locked {
        /// What is locked.
        path: String,
        /// By which process; 0 when it cannot be told.
        pid: u32,
        /// The admin socket of that process, when it says one.
        socket: Option<std::path::PathBuf>,
    },
    /// It was written by a newer chatd.
    #[error(
        "the store has schema version {found}, this chatd knows up to {known}: use a newer chatd"
    )]
    Newer {
        /// What it says it is.
        found: u32,
        /// What this binary knows.
        known: u32,
    },
    /// A copy into it is under way, or was interrupted.
    #[error(
        "the store {path} holds a copy of {from} that is not finished; finish it with: \
         chatd store copy --from {from} --to {path}"
    )]
    Unfinished {
        /// Which, as a URL without credentials.
        path: String,
        /// What is copied, as a URL without credentials.
        from: String,
    },
    /// It is being replaced by a backup, or that was interrupted.
    #[error(
        "the store {path} is being restored from {from}, and that is not finished; finish it with: \
         chatd store restore {from} --yes"
    )]
    HalfRestored {
        /// Which, as a URL without credentials.
        path: String,
        /// From which backup.
        from: String,
    },
    /// It is not what chatd can work with, or is not named rightly: somebody has to mend it, there or in the
    /// settings.
    #[error("{what} will not do: {why}")]
    Unfit {
        /// Which, without credentials; or which setting.
        what: String,
        /// Why not, and what to do.
        why: String,
    },
    /// What it holds is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// It could not be opened.
    #[error("cannot open the store {path}: {why}")]
    Open {
        /// Which.
        path: String,
        /// Why not.
        why: String,
    },
}

/// Things that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Entries, each with the next `seq` of its log as the caller knows it.
    pub entries: Vec<Entry>,
    /// Records.
    pub writes: Vec<Write>,
}

/// One change to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A new account. [`Outcome::Exists`] when its name, or its login e-mail, is taken.
    InsertUser(User),
    /// An account as it is from now on. [`Outcome::Exists`] as for a new one.
    UpdateUser(User),
    /// A new room. [`Outcome::Exists`] when it is public and its name is taken by a public room.
    InsertRoom(Room),
    /// A room as it is from now on; deleting one sets `deleted_at`, which frees its name.
    /// [`Outcome::Exists`] as for a new one.
    UpdateRoom(Room),
    /// A member as they are from now on, new or not. How far they have read counts for a new one only.
    PutMember(Member),
    /// Up to where members have read. Fine for those who are not in the room any more.
    Read(Vec<Read>),
    /// Somebody is out.
    DeleteMember(RoomId, UserId),
    /// A new session.
    InsertSession(Session),
    /// A session as it is from now on; its `version` is one more than the stored one, or
    /// [`Outcome::Stale`].
    UpdateSession(Session),
    /// Ends those of the user's sessions that have not ended, but for one.
    EndSessions {
        /// Whose.
        user: UserId,
        /// Which to leave alone.
        except: Option<SessionId>,
        /// When.
        at: Millis,
    },
    /// Forgets every session of somebody, those that have ended too.
    DeleteSessions(UserId),
    /// Takes the particulars that name people out of the act with this `seq` of the control log. What the
    /// hash chain covers stays; fine when there are none.
    ErasePersonal(u64),
    /// A new code.
    InsertCode(Code),
    /// Uses a code once; after its last use it is gone. [`Outcome::Stale`] when there is none.
    TakeCode(CodeHash),
    /// Takes a code back. [`Outcome::Stale`] when there is none.
    DeleteCode(CodeHash),
    /// Voids every code for this account.
    DeleteCodes(UserId),
    /// A signing key's public half, new or again.
    PutKey(Key),
    /// A setting that is kept in the store, as JSON.
    PutSetting(String, String),
    /// A role as it is from now on, new or not.
    PutRole(Role),
    /// A role is gone.
    DeleteRole(RoleName),
    /// A sanction, in the place of the one of this kind for this person and place.
    PutSanction(Sanction),
    /// A sanction is lifted; fine when there is none.
    DeleteSanction {
        /// Of this kind.
        kind: SanctionKind,
        /// Whose.
        user: UserId,
        /// Where; none for everywhere.
        room: Option<RoomId>,
    },
    /// Addresses that are banned, in the place of an earlier ban of the same ones.
    PutAddressBan(AddressBan),
    /// Addresses are let in again; fine when they were.
    DeleteAddressBan(IpNet),
    /// A new report. [`Outcome::Exists`] when this person has reported this message.
    InsertReport(Report),
    /// An open report as it is from now on. [`Outcome::Stale`] when there is none, or not any more.
    UpdateReport(Report),
    /// Makes the store another incarnation, from the next opening on.
    SetEpoch(Epoch),
    /// A message is deleted: from now on it reads as a [`crate::model::Payload::Tombstone`]. It is not pinned any
    /// more, also when that is undone.
    /// [`Outcome::Stale`] when it was deleted before.
    Delete(Deletion),
    /// A deletion is undone. [`Outcome::Stale`] when the message is not deleted by this redaction (or, with
    /// none, by no redaction), or its text is gone already.
    Restore {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
        /// What it was deleted by.
        redaction: Option<RedactionId>,
    },
    /// A message says something else: the newest text lies over it. [`Outcome::Stale`] when it is deleted, or
    /// was edited [`Edit::MOST`] times.
    Edit(Edit),
    /// Somebody reacts to a message. [`Outcome::Stale`] when it is deleted, they do already, they do with
    /// [`Reaction::EACH`] others, or the message has [`Reaction::KINDS`] others.
    React(Reaction),
    /// Somebody no longer reacts to a message. [`Outcome::Stale`] when they did not.
    Unreact {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
        /// Who.
        user: UserId,
        /// What with; none for all of theirs.
        emoji: Option<Emoji>,
    },
    /// The text of a deleted message, and the digest made of it, leave the store for good, and so does the
    /// text that lies over it, with the reactions to it; its files are to go. Nothing happens to a message that is not deleted (any more), or was erased
    /// before. [`Outcome::Stale`] when a segment has the message, and is not of this generation: its text would
    /// stay there; or when none has it, and a generation is given; or when it was edited more or less often.
    Erase {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
        /// When.
        at: Millis,
        /// The generation of the segment that has the message, from which the text is gone; none when it is
        /// live only.
        generation: Option<u32>,
        /// How often it was edited: so many [`Write::EraseEdit`] go before.
        edits: usize,
    },
    /// The text of an edit of a deleted message leaves the store, as that of the message does. Nothing happens
    /// where the message is not deleted (any more). [`Outcome::Stale`] as for the message.
    EraseEdit {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
        /// The `seq` of the entry that edited it.
        seq: u64,
        /// When.
        at: Millis,
        /// The generation of the segment that has that entry; none when it is live only.
        generation: Option<u32>,
    },
    /// A message is answered by another. [`Outcome::Stale`] when it is deleted.
    Reply {
        /// Where.
        room: RoomId,
        /// The `seq` of the message that is answered.
        target: u64,
        /// The `seq` of the answer.
        seq: u64,
        /// When.
        at: Millis,
    },
    /// A message mentions somebody, or everyone in its room.
    Mention(Mention),
    /// A message is pinned. [`Outcome::Stale`] when it is deleted, it is pinned, or [`Pin::MOST`] others of the
    /// room are.
    Pin(Pin),
    /// A message is taken down. [`Outcome::Stale`] when it is not pinned.
    Unpin {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
    },
    /// What somebody reacted with, by an entry that says so, leaves the store for good. [`Outcome::Stale`] as for
    /// the text of a message.
    EraseReaction {
        /// Where.
        room: RoomId,
        /// The `seq` of the message.
        target: u64,
        /// What the entry says: whether they reacted from there on.
        on: bool,
        /// The `seq` of that entry.
        seq: u64,
        /// When.
        at: Millis,
        /// The generation of the segment that has that entry; none when it is live only.
        generation: Option<u32>,
    },
    /// A new file, which is attached to nothing yet.
    InsertFile(File),
    /// A file is part of a message. [`Outcome::Stale`] when there is none of this owner that is unused.
    AttachFile {
        /// Which.
        id: FileId,
        /// Whose it has to be.
        owner: UserId,
        /// Where the message is.
        room: RoomId,
        /// Its `seq`.
        seq: u64,
    },
    /// A file that is attached to nothing is to go. [`Outcome::Stale`] when there is none, or it is attached by now.
    DropFile {
        /// Which.
        id: FileId,
        /// When.
        at: Millis,
    },
    /// The record of a file that was to go is gone, as its bytes are; fine when there is none.
    DeleteFile(FileId),
    /// A mass redaction as it is from now on, new or not.
    PutRedaction(Redaction),
    /// A new segment, with its bytes. [`Outcome::Stale`] when it does not follow the room's last one, or when
    /// texts of its messages were erased since it was made.
    InsertSegment(Segment, Bytes),
    /// A segment as it is from now on, with other bytes. [`Outcome::Stale`] when the stored one is not of the
    /// generation before.
    RewriteSegment(Segment, Bytes),
    /// A segment as it is from now on, with the bytes it has; when it is purged, with none, and without the
    /// texts, reactions, pins and threads that lie over its messages, whose files are to go.
    /// [`Outcome::Stale`] when the stored one is not of the generation before, or is purged.
    UpdateSegment(Segment),
    /// A segment is gone whose entries are live again. [`Outcome::Stale`] when it is not one that was
    /// restored.
    DeleteSegment {
        /// Whose.
        room: RoomId,
        /// The `seq` of its last entry.
        last: u64,
    },
    /// Live entries of a room that are in a segment, too, are gone, up to and with `upto`.
    /// [`Outcome::Stale`] when no segment has the entry `upto`, or that one was restored or purged.
    DeleteLive {
        /// Whose.
        room: RoomId,
        /// The `seq` of the last of them.
        upto: u64,
    },
    /// Entries of a room are live again, as they were. Fine for those that are. [`Outcome::Stale`] when the
    /// segment that has them is of another generation by now: texts were taken out of it.
    InsertLive {
        /// Whose.
        room: RoomId,
        /// The entries, all of one segment.
        lines: Vec<Line>,
        /// The generation of the segment that they were read from.
        generation: u32,
    },
    /// A run of the archive as it is from now on, new or not.
    PutRun(Run),
    /// A hold.
    PutHold(Hold),
    /// A hold is over; fine when there is none.
    DeleteHold(HoldId),
}

/// What became of one change of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is durable.
    Committed,
    /// An entry's (log, sender, txn) is there already: this is that entry. Nothing of the change happened.
    Duplicate(Box<Entry>),
    /// A log it appends to has moved on, or an earlier change of the batch to one of its logs did not
    /// happen: nothing of it happened; give its entries new numbers and try again.
    Conflict,
    /// Something that must be unique is taken: `username`, `email`, `room name` or `report`. Nothing of it
    /// happened.
    Exists(&'static str),
    /// A record was not as the change expected. Nothing of it happened.
    Stale,
}

/// A room as the log keeps it in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomState {
    /// The record.
    pub room: Room,
    /// Everyone in it.
    pub members: Vec<Member>,
    /// Who is muted in it or banned from it, also where that has run out.
    pub sanctions: Vec<Sanction>,
    /// Where its log stands; read in the same snapshot.
    pub head: Head,
}

/// A user as the log keeps them in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct UserState {
    /// The record.
    pub user: User,
    /// What is taken from them everywhere, also what has run out.
    pub sanctions: Vec<Sanction>,
    /// Where their `@me` log stands; read in the same snapshot.
    pub head: Head,
}

/// The control log as the log keeps it in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlState {
    /// Where it stands.
    pub head: Head,
    /// The hash of its last entry; empty when it has none.
    pub hash: String,
    /// What holds for the whole server.
    pub policy: PolicyState,
}

/// What holds for the whole server, all of it: there is little.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyState {
    /// The roles that operators made, by name.
    pub roles: Vec<Role>,
    /// The settings that are kept in the store, as JSON, by name.
    pub settings: Vec<(String, String)>,
    /// The addresses that are banned.
    pub address_bans: Vec<AddressBan>,
    /// What must not be taken out of the store.
    pub holds: Vec<Hold>,
}

/// Which part of a room's messages to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The last ones with a `seq` under this; `u64::MAX` for the newest.
    Before(u64),
    /// The first ones with a `seq` over this.
    After(u64),
    /// About half before, and the rest from this `seq` on.
    Around(u64),
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomRow {
    /// The record.
    pub room: Room,
    /// The asker's membership, where there is an asker who is in it.
    pub member: Option<Member>,
    /// How many are in it.
    pub members: u64,
    /// Where its log stands.
    pub head: Head,
}

/// Which rooms to list; always by name, then id, and without deleted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those this user is in.
    Of(UserId),
    /// Public ones; the user is the asker, whose memberships are told.
    Public(UserId),
    /// All; for operators.
    All,
}

/// How many codes of a kind are listed at most.
pub const MANY: usize = 1000;

/// What the store is; known without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// `sqlite` or `mongodb`.
    pub backend: &'static str,
    /// Where, without credentials.
    pub location: String,
    /// The backend's own version, as it was when the store was opened.
    pub version: String,
    /// The schema's version.
    pub schema: u32,
    /// This incarnation.
    pub epoch: Epoch,
}

/// What the store is and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What it is.
    pub about: About,
    /// How many bytes it takes on disk; for a remote store, as it says.
    pub bytes: u64,
    /// How many users there are.
    pub users: u64,
    /// How many rooms there are, deleted ones not counted.
    pub rooms: u64,
}

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
