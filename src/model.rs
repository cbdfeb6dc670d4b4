//! The values everything else speaks in: validated at the door, valid inside.
//!
//! Names and texts parse from strings and refuse with a reason ([`text`]); records are what the store
//! keeps besides logs ([`record`]); entries are what logs are made of ([`entry`]); a refusal is the one
//! answer to "no", whatever the door ([`refusal`]).

pub mod caller;
pub mod entry;
pub mod record;
pub mod refusal;
pub mod text;

pub use caller::{Caller, RoomRef, UserRef};
pub use entry::{Act, Actor, Digest, Entry, Head, Origin, Payload, Personal};
pub use record::{
    Code, CodeHash, CodeKind, Facts, History, Key, Member, Role, Room, RoomKind, RoomRole, Session,
    Status, User,
};
pub use refusal::Refusal;
pub use text::{
    Body, DeviceName, DisplayName, Email, Invalid, RoomName, Title, Topic, Txn, Username,
};
