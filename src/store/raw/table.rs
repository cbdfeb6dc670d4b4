//! The tables: what there is, field by field, and how each field lies in either backend.
//!
//! **A new table** is a variant of [`Table`], its word in [`Table::ALL`], and a [`Spec`]; **a new field** is
//! a line in one. Copying, comparing, checking and the contract's tests follow from that. A test compares
//! this file with SQLite's schema and MongoDB's collections, so that nothing is left out.

mod specs;

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, de::DeserializeOwned};

use self::specs::{
    ADDRESS_BANS, CODES, ENTRIES, FILES, HOLDS, KEYS, MEMBERS, MENTIONS, OVERLAY, REACTIONS,
    REDACTIONS, REPLIES, REPORTS, ROLES, ROOMS, RUNS, SANCTIONS, SEGMENTS, SESSIONS, SETTINGS,
    USERS,
};
use super::{Row, Value};

/// A table; MongoDB says collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Settings kept in the store.
    Settings,
    /// Public halves of the signing keys.
    Keys,
    /// Roles that operators made.
    Roles,
    /// Addresses that are banned.
    AddressBans,
    /// What must not be taken out.
    Holds,
    /// One-time codes.
    Codes,
    /// Logins.
    Sessions,
    /// Mutes and bans.
    Sanctions,
    /// Reports of messages.
    Reports,
    /// What lies over messages: that they are deleted, what they say now, how many react to them.
    Overlay,
    /// How people react to messages.
    Reactions,
    /// What answers which message.
    Replies,
    /// Where who was mentioned.
    Mentions,
    /// What is known of files.
    Files,
    /// Messages that were deleted together.
    Redactions,
    /// Who is in which room.
    Members,
    /// Entries of all logs, but for those of rooms that are in segments only.
    Entries,
    /// Old entries of rooms, sealed.
    Segments,
    /// Runs of the archive.
    Runs,
    /// Rooms.
    Rooms,
    /// Accounts.
    Users,
}

impl Table {
    /// All of them, each before those that it refers to: whoever reads them in this order from a store
    /// that is written to finds everything that was referred to. Accounts and rooms are never taken out.
    /// Entries come before segments, since one that is sealed is in its segment before it is taken out.
    pub const ALL: &[Self] = &[
        Self::Settings,
        Self::Keys,
        Self::Roles,
        Self::AddressBans,
        Self::Holds,
        Self::Codes,
        Self::Sessions,
        Self::Sanctions,
        Self::Reports,
        Self::Overlay,
        Self::Reactions,
        Self::Replies,
        Self::Mentions,
        Self::Files,
        Self::Redactions,
        Self::Members,
        Self::Entries,
        Self::Segments,
        Self::Runs,
        Self::Rooms,
        Self::Users,
    ];

    /// What it is made of.
    pub const fn spec(self) -> &'static Spec {
        match self {
            Self::Settings => &SETTINGS,
            Self::Keys => &KEYS,
            Self::Roles => &ROLES,
            Self::AddressBans => &ADDRESS_BANS,
            Self::Holds => &HOLDS,
            Self::Codes => &CODES,
            Self::Sessions => &SESSIONS,
            Self::Sanctions => &SANCTIONS,
            Self::Reports => &REPORTS,
            Self::Redactions => &REDACTIONS,
            Self::Overlay => &OVERLAY,
            Self::Reactions => &REACTIONS,
            Self::Replies => &REPLIES,
            Self::Mentions => &MENTIONS,
            Self::Files => &FILES,
            Self::Members => &MEMBERS,
            Self::Entries => &ENTRIES,
            Self::Segments => &SEGMENTS,
            Self::Runs => &RUNS,
            Self::Rooms => &ROOMS,
            Self::Users => &USERS,
        }
    }

    /// Its name in reports, which is its collection's.
    pub const fn as_str(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How a value lies in the backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 16 bytes: a blob, a UUID.
    Id,
    /// Bytes: a blob, a generic binary.
    Bytes,
    /// A text, in both.
    Text,
    /// Milliseconds since 1970: an integer, a date.
    Time,
    /// A number: an integer, a 64-bit integer.
    Int,
    /// A small number: an integer, a 32-bit integer.
    Short,
    /// Yes or no: 1 or 0, a boolean.
    Bool,
    /// The name of a log: a letter and an id, a text such as `room:UUID`.
    Log,
    /// A room, or everywhere: a blob that is empty then, a UUID or null.
    Place,
    /// JSON: a text, a document or an array.
    Json,
}

/// What it means that a document, written by an older chatd, has no such field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing is there.
    Nothing,
    /// Nothing is there, and that is written as null, since an index has it.
    Null,
    /// This number.
    Int(i64),
    /// This text.
    Text(&'static str),
}

/// Says why a text is none that the model takes.
pub type Valid = fn(&str) -> Result<(), String>;

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its column.
    pub sqlite: &'static str,
    /// Its name in a document.
    pub mongo: &'static str,
    /// How it lies.
    pub kind: Kind,
    /// What it means that it is not in a document.
    pub absent: Absent,
    /// Whether a text is one that the model takes; and if not, why.
    pub valid: Option<Valid>,
    /// In which table the record is whose id this is.
    pub refers: Option<Table>,
}

/// A field that MongoDB has besides, made of the others, for an index to have just what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Derived {
    /// Its name in a document.
    pub mongo: &'static str,
    /// How it lies.
    pub kind: Kind,
    /// The field that it repeats; nothing where it is absent.
    pub of: fn(&Row) -> Option<&Value>,
}

/// What a table is made of.
#[derive(Debug)]
pub struct Spec {
    /// Its collection.
    pub name: &'static str,
    /// Its table in SQLite.
    pub sqlite: &'static str,
    /// The index of MongoDB that has the key.
    pub index: &'static str,
    /// How many of the fields, from the first on, are the key.
    pub key: usize,
    /// The fields.
    pub fields: &'static [Field],
    /// What MongoDB has besides.
    pub derived: &'static [Derived],
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        sqlite: name,
        mongo: name,
        kind,
        absent: Absent::Nothing,
        valid: None,
        refers: None,
    }
}

impl Field {
    /// Under another name in documents.
    const fn called(mut self, mongo: &'static str) -> Self {
        self.mongo = mongo;
        self
    }

    /// With a meaning where a document has none.
    const fn or(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// The id of a record in another table.
    const fn to(mut self, table: Table) -> Self {
        self.refers = Some(table);
        self
    }
}

const fn id(name: &'static str) -> Field {
    field(name, Kind::Id)
}

const fn time(name: &'static str) -> Field {
    field(name, Kind::Time)
}

const fn bytes(name: &'static str) -> Field {
    field(name, Kind::Bytes)
}

const fn free(name: &'static str) -> Field {
    field(name, Kind::Text)
}

/// A text that the model parses.
const fn text<T: FromStr<Err: fmt::Display>>(name: &'static str) -> Field {
    let mut field = free(name);
    field.valid = Some(|text| text.parse::<T>().map(drop).map_err(|e| e.to_string()));
    field
}

/// A JSON value that the model reads.
const fn json<T: DeserializeOwned>(name: &'static str) -> Field {
    let mut field = field(name, Kind::Json);
    field.valid = Some(|text| {
        let read = serde_json::from_str::<T>(text);
        read.map(drop).map_err(|e| e.to_string())
    });
    field
}

/// Who did something: the column cannot be called as the field is.
const fn by() -> Field {
    id("made_by").called("by").to(Table::Users)
}

/// What else is recorded of something: JSON in a text, in both.
const fn detail<T: DeserializeOwned>() -> Field {
    json_text::<T>("detail")
}

/// JSON in a text, in both.
const fn json_text<T: DeserializeOwned>(name: &'static str) -> Field {
    Field {
        kind: Kind::Text,
        ..json::<T>(name)
    }
}
