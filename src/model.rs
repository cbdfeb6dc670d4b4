//! The values everything else speaks in: validated at the door, valid inside.
//!
//! Names and texts parse from strings and refuse with a reason ([`text`]); records are what the store
//! keeps besides logs ([`record`], [`role`], [`sanction`], [`report`], [`archive`]); entries are what logs are made of
//! ([`entry`]); a person is who rights are decided about ([`person`], [`permission`]); a refusal is the one
//! answer to "no", whatever the door ([`refusal`]).

pub mod archive;
pub mod caller;
pub mod deletion;
mod emoji;
pub mod entry;
pub mod file;
pub mod level;
pub mod mention;
pub mod over;
pub mod permission;
pub mod person;
pub mod pin;
pub mod reaction;
pub mod record;
pub mod refusal;
pub mod report;
pub mod role;
pub mod sanction;
pub mod text;

pub use archive::{
    Age, ArchivePolicy, Hold, HoldOn, Purge, Run, RunDetail, RunKind, RunRoom, RunState, Segment,
};
pub use caller::{Authority, Caller, Pass, RoomRef, UserRef};
pub use deletion::{Deletion, Redaction, RedactionDetail};
pub use entry::{Act, Actor, Digest, Entry, Head, Origin, Payload, Personal};
pub use file::{Attached, File, FileFilter, FileOrder, FilePlace, FileState, MediaPattern, Usage};
pub use level::Level;
pub use mention::{Mention, Mentioned, Mentions, MentionsFrom};
pub use over::{Edit, Edited, Laid, Over, Thread};
pub use permission::{Permission, Permissions};
pub use person::{Person, Policy, Who};
pub use pin::{Pin, Pinned};
pub use reaction::{Reaction, Tally};
pub use record::{
    Code, CodeHash, CodeKind, Facts, History, Key, Marker, Member, MoveOn, Read, Registration,
    Room, RoomKind, RoomRole, RoomRules, Session, Status, User,
};
pub use refusal::Refusal;
pub use report::{Report, ReportState};
pub use role::{Builtin, Role};
pub use sanction::{AddressBan, Sanction, SanctionKind};
pub use text::{
    Body, DeviceName, DisplayName, Email, Emoji, FileName, Invalid, NoticeText, Reason, RoleName,
    RoomName, Title, Topic, Txn, Username,
};

/// How an enum that is one word of several is described in `OpenAPI`.
fn words_schema(doc: &str, words: &[&str]) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let words = words.iter().copied();
    let builder = utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some(doc))
        .enum_values(Some(words));
    builder.build().into()
}
