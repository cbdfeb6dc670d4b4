//! What is written: changes, each whole or not at all, and what becomes of them.

use bytes::Bytes;
use ipnet::IpNet;

use crate::{
    clock::Millis,
    id::{Epoch, FileId, HoldId, RedactionId, RoomId, SessionId, UserId},
    model::{
        AddressBan, Code, CodeHash, Deletion, Edit, Emoji, Entry, File, Hold, Key, Member, Mention,
        MoveOn, Pin, Reaction, Read, Redaction, Report, Role, RoleName, Room, Run, Sanction,
        SanctionKind, Segment, Session, User,
    },
    segment::Line,
};

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
    /// Members have read on.
    MoveOn(MoveOn),
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
    /// A file is to go. [`Outcome::Stale`] when there is none in that place, or it is to go already.
    DropFile {
        /// Which.
        id: FileId,
        /// The room and the `seq` of the message it is attached to; none when that is nothing.
        place: Option<(RoomId, u64)>,
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
