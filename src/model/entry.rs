//! Entries: what a log is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    file::Attached,
    level::Level,
    mention::Mentions,
    over::Over,
    record::{History, RoomRole, RoomRules},
    sanction::SanctionKind,
    text::{Emoji, Reason, RoleName, RoomName, Title, Topic, Txn},
};
use crate::{
    clock::Millis,
    id::{EntryId, FileId, LogId, RoomId, SessionId, UserId},
};

/// The version of the entry format this code writes. Readers take any version up to it.
pub const FORMAT: u8 = 1;

/// Where a log stands: the `seq`, `n` and `at` of its last entry, zeros when it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The last entry's number.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
    /// When it was written; the next entry's `at` is never earlier.
    pub at: Millis,
}

/// A keyed digest of a request, kept with its `txn` so that another request under it is noticed.
pub type Digest = [u8; 16];

/// One entry of one log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The log.
    pub log: LogId,
    /// Its number in the log: 1, 2, 3 …, no gap, never reused.
    pub seq: u64,
    /// The number of messages in the log up to and with this entry.
    pub n: u64,
    /// When; never earlier than the entry before.
    pub at: Millis,
    /// Its id everywhere; a message's id on the wire.
    pub id: EntryId,
    /// Who did it; none when the server or an operator did.
    pub from: Option<UserId>,
    /// The client's name for the request that made it, unique per (log, sender).
    pub txn: Option<Txn>,
    /// Digest of that request.
    pub digest: Option<Digest>,
    /// What happened.
    pub payload: Payload,
    /// Of a message on a page: what lies over it. Nobody writes it.
    pub over: Option<Box<Over>>,
}

/// What an entry says. `kind` is the event's `ev` on the wire and the `kind` column in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// Somebody said something in a room.
    Message {
        /// The text.
        body: String,
        /// The `seq` of the message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<u64>,
        /// Whom it mentions, if it does.
        #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
        mentions: Option<Box<Mentions>>,
        /// The files that came with it; the text may be empty then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<Attached>,
    },
    /// A message that was deleted, as everybody reads it: without its text. It keeps its place, and counts
    /// in `n`. The store makes it of a message that has a [`super::Deletion`]; nobody writes one.
    #[serde(skip)]
    Tombstone,
    /// Somebody gave a message of theirs another text.
    Edit {
        /// The `seq` of the message.
        target: u64,
        /// The text; none where it is not shown: the message was deleted since, or lies before the reader's
        /// time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// Somebody reacted to a message, or no longer does.
    Reaction {
        /// The `seq` of the message.
        target: u64,
        /// What with; none where it was erased, and where all reactions of somebody to it are gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<Emoji>,
        /// Whether they do from here on.
        on: bool,
    },
    /// Somebody pinned a message, or took it down.
    Pin {
        /// The `seq` of the message.
        target: u64,
        /// Whether it is pinned from here on.
        on: bool,
    },
    /// The server's operator took out the bytes of a file of a message.
    FileGone {
        /// The `seq` of the message.
        target: u64,
        /// Which file.
        file: FileId,
    },
    /// Somebody, or the server's operator, deleted a message of this room.
    Delete {
        /// The `seq` of the message.
        target: u64,
    },
    /// A deletion was undone: the message is to be read again.
    Restore {
        /// The `seq` of the message.
        target: u64,
    },
    /// Entries of this room were purged: they cannot be read any more.
    Purged {
        /// The `seq` of the first of them.
        first: u64,
        /// The `seq` of the last of them.
        last: u64,
    },
    /// A room came to be.
    Created {
        /// Its name then.
        name: RoomName,
        /// Its owner.
        owner: UserId,
    },
    /// Somebody came into a room, left it, or has another role there.
    Membership {
        /// Who.
        user: UserId,
        /// The role from here on; none when they are out.
        role: Option<RoomRole>,
    },
    /// A room's ownership passed on.
    Owner {
        /// The new owner.
        owner: UserId,
        /// The owner before, now a moderator of the room.
        previous: UserId,
    },
    /// A room's settings changed; only what changed is named.
    Settings {
        /// The new name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<RoomName>,
        /// The new title; the empty string when it was taken away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<Cleared<Title>>,
        /// The new topic; the empty string when it was taken away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Cleared<Topic>>,
        /// The new rule about the past.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        history: Option<History>,
        /// The new rules about who may do what, all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<RoomRules>,
    },
    /// A room was deleted; the last entry of its log.
    Deleted,
    /// `@me`: I am in a room, from here on.
    Added {
        /// Which.
        target: RoomId,
        /// Its name then.
        name: RoomName,
        /// My role there.
        role: RoomRole,
        /// Whose direct conversation it is; empty for all other rooms.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        people: Vec<UserId>,
    },
    /// `@me`: I am no longer in a room.
    Removed {
        /// Which.
        target: RoomId,
        /// `left`, `removed`, `banned` or `deleted`.
        why: String,
    },
    /// `@me`: a message mentions me.
    Mention {
        /// In which room.
        target: RoomId,
        /// The `seq` of the message there.
        message_seq: u64,
    },
    /// `@me`: my role on the server changed.
    Role {
        /// The new role.
        role: RoleName,
    },
    /// `@me`: I am muted or banned, or no longer.
    Sanction {
        /// What is taken away, or given back.
        sanction: SanctionKind,
        /// In which room; none for everywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<RoomId>,
        /// Whether it holds from here on.
        holds: bool,
        /// Until when; none for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// Control log: somebody did something.
    Act(Box<Act>),
    /// An entry of a kind this version does not know: it has its place in the order, and is passed over.
    #[serde(skip)]
    Unknown {
        /// What the store says it is.
        kind: String,
        /// Its content, as it lies in the store.
        data: String,
    },
}

/// A text that may have been taken away: serialised as the empty string then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cleared<T> {
    /// It is this now.
    Set(T),
    /// It is gone (`""`).
    Gone(String),
}

impl<T: Clone> Cleared<T> {
    /// From what it is now.
    pub fn from_option(now: Option<&T>) -> Self {
        now.map_or_else(|| Self::Gone(String::new()), |t| Self::Set(t.clone()))
    }
}

impl Payload {
    /// The word for what this is, in `ev` and in the store.
    pub fn kind(&self) -> &str {
        match self {
            Self::Message { .. } | Self::Tombstone => "message",
            Self::Edit { .. } => "edit",
            Self::Reaction { .. } => "reaction",
            Self::Pin { .. } => "pin",
            Self::FileGone { .. } => "file_gone",
            Self::Delete { .. } => "delete",
            Self::Restore { .. } => "restore",
            Self::Purged { .. } => "purged",
            Self::Created { .. } => "created",
            Self::Membership { .. } => "membership",
            Self::Owner { .. } => "owner",
            Self::Settings { .. } => "settings",
            Self::Deleted => "deleted",
            Self::Added { .. } => "added",
            Self::Removed { .. } => "removed",
            Self::Mention { .. } => "mention",
            Self::Role { .. } => "role",
            Self::Sanction { .. } => "sanction",
            Self::Act(_) => "act",
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// Whether it counts in `n`.
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Tombstone)
    }
}

/// One act, as the control log keeps it. The hash chain covers everything but the values of `personal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// What was done, `noun.verb`: `user.create`, `session.open`, `room.delete`.
    pub act: String,
    /// Who did it, from where.
    pub actor: Actor,
    /// What it was done to: an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The particulars that name nobody: before, after, reason.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
    /// The particulars that do, apart, so that erasing them keeps the chain whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
    /// Salted digest of `personal`; stays when `personal` is erased. Hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_digest: Option<String>,
    /// SHA-256 over the hash of the entry before and this entry, hexadecimal; filled in when it is
    /// sequenced.
    #[serde(default)]
    pub hash: String,
}

/// Particulars of an act that name a person: user name, e-mail, address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Personal {
    /// Random, hexadecimal; makes the digest useless for guessing once it is erased.
    pub salt: String,
    /// Field by field.
    pub fields: BTreeMap<String, String>,
}

/// Who did an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// By which door.
    pub origin: Origin,
    /// The account, when one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The session, when one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The request's id, as logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The address the request came from. Never serialised: it goes into `personal`.
    #[serde(skip)]
    pub address: Option<std::net::IpAddr>,
}

/// The door an act came through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "door", rename_all = "snake_case")]
pub enum Origin {
    /// REST.
    Rest,
    /// A WebSocket.
    Ws,
    /// The admin socket or the command line.
    Admin {
        /// The operating system's user, as the kernel told.
        uid: u32,
        /// Its group.
        gid: u32,
        /// The process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<i32>,
        /// What that user was called then, where the machine knew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// How much they might do then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<Level>,
        /// What the client says it ran; a claim. Never serialised: it may name people, and goes into
        /// `personal`.
        #[serde(skip)]
        command: Option<String>,
        /// Who it says ran `sudo`; a claim.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sudo_user: Option<String>,
    },
    /// The server itself.
    Server,
}

impl Actor {
    /// The server itself.
    pub fn server() -> Self {
        Self {
            origin: Origin::Server,
            user: None,
            session: None,
            request: None,
            address: None,
        }
    }
}
