//! How things lie in MongoDB, both ways: the documents an administrator sees in `mongosh`.
//!
//! Ids are BSON UUIDs, times are BSON dates (UTC, to the millisecond, as exact as [`Millis`]), digests are
//! binary. What is not there is absent, never null. `docs/mongodb.md` describes the fields.

mod archive;
mod entry;
mod file;
mod moderation;
mod overlay;
mod rooms;
mod sessions;

use std::str::FromStr;

use mongodb::bson::{Binary, Bson, DateTime, Document, Uuid, doc, spec::BinarySubtype};

pub(super) use self::{
    archive::{HoldDoc, RunDoc, SegmentDoc, hold_uuid, run_uuid},
    entry::{EntryDoc, HeadDoc},
    file::{FileDoc, file_uuid},
    moderation::{AddressBanDoc, ReportDoc, RoleDoc, SanctionDoc, report_uuid},
    overlay::{MentionDoc, OverlayDoc, ReactionDoc, RedactionDoc, ReplyDoc, redaction_uuid},
    rooms::{MemberDoc, RoomDoc, UserDoc},
    sessions::{CodeDoc, KeyDoc, SessionDoc, SettingDoc},
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId, SessionId, UserId},
    store::Error,
};

/// The first part of the name of a room's log.
const ROOM: &str = "room:";
/// The first part of the name of a user's log.
const USER: &str = "user:";

/// How this log is named in `entries.log`: `control`, `user:UUID` or `room:UUID`.
pub(super) fn log_key(log: LogId) -> String {
    match log {
        LogId::Control => "control".to_owned(),
        LogId::User(id) => format!("{USER}{id}"),
        LogId::Room(id) => format!("{ROOM}{id}"),
    }
}

pub(super) fn user_uuid(id: UserId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn room_uuid(id: RoomId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn session_uuid(id: SessionId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn date(at: Millis) -> DateTime {
    DateTime::from_millis(at.0)
}

fn millis(at: DateTime) -> Millis {
    Millis(at.timestamp_millis())
}

pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// A binary of a fixed length.
pub(super) fn bytes<const N: usize>(binary: &Binary) -> Result<[u8; N], Error> {
    binary.bytes.as_slice().try_into().map_err(|_| {
        let len = binary.bytes.len();
        Error::Damaged(format!("a binary has {len} bytes where {N} belong"))
    })
}

/// A number as BSON has them. No `seq` or count gets near the end of the range.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(super) fn number(n: i64) -> Result<u64, Error> {
    u64::try_from(n).map_err(|_| Error::Damaged(format!("{n} is less than nothing")))
}

/// Something that a filter compares with.
pub(super) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> Document {
    doc! { "$in": ids.into_iter().map(Bson::from).collect::<Vec<_>>() }
}

/// A text of the model; one that does not parse was not written by us.
pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|e| Error::Damaged(format!("{text:?}: {e}")))
}

fn parsed_optional<T: FromStr<Err: std::fmt::Display>>(
    text: Option<&String>,
) -> Result<Option<T>, Error> {
    text.map(|text| parsed(text)).transpose()
}
