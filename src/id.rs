//! Identifiers: one newtype per thing that has one, so that no two can be swapped.
//!
//! Every id is a UUID. Those that are made over time are version 7, so that they sort by creation and
//! stay close together in an index. On the wire and in the database tools they are the hyphenated form.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock::Millis;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that carries `at` as its time.
            pub fn new(at: Millis) -> Self {
                let ms = u64::try_from(at.0).unwrap_or(0);
                let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
                Self(Uuid::new_v7(Timestamp::from_unix(NoContext, ms / 1000, nanos)))
            }

            /// When it was made, as it says itself.
            pub fn made_at(&self) -> Option<Millis> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                let ms = seconds
                    .checked_mul(1000)?
                    .checked_add(u64::from(nanos / 1_000_000))?;
                i64::try_from(ms).ok().map(Millis)
            }

            /// The id with these 16 bytes, as the stores keep it.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, as the stores keep them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
    };
}

id!(
    /// A user: a person or a bot.
    UserId
);
id!(
    /// A room.
    RoomId
);
id!(
    /// A session: one login on one device, until it ends.
    SessionId
);
id!(
    /// A start of the server.
    BootId
);
id!(
    /// An entry of a log; for a message it is the message id of the wire contract.
    EntryId
);
id!(
    /// A mass redaction: messages that were deleted together, and can be restored together.
    RedactionId
);
id!(
    /// A run of the archive: one act of sealing, restoring, pruning or rewriting.
    RunId
);
id!(
    /// A legal hold on a room or a person.
    HoldId
);
id!(
    /// One WebSocket connection.
    ConnId
);
id!(
    /// A report of a message.
    ReportId
);
id!(
    /// A file: bytes that somebody uploaded.
    FileId
);
id!(
    /// The store's incarnation; a restore changes it, and with it every resume position.
    Epoch
);

/// Which log an entry belongs to: a room's, a user's own (`@me`), or the server-wide control log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogId {
    /// The control log: accounts, roles, sessions, settings, rooms. It is the audit log.
    Control,
    /// A user's own log, `@me` on the wire.
    User(UserId),
    /// A room's log.
    Room(RoomId),
}

impl From<RoomId> for LogId {
    fn from(id: RoomId) -> Self {
        Self::Room(id)
    }
}

impl From<UserId> for LogId {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}
