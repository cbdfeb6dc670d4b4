//! Rows of a log as they lie in the store, for whoever checks them: nothing here trusts that it was chatd
//! who wrote them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Entry, Payload};

/// A row of a log, not decoded. What cannot be read as what it should be is told as well as it can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RawEntry {
    /// Its number in the log.
    pub seq: u64,
    /// The number of messages up to it; none when it is no number.
    pub n: Option<i64>,
    /// When, in milliseconds since 1970; none when it is no time.
    pub at: Option<i64>,
    /// Who: a user's id; what is none is shown in hexadecimal.
    pub from: Option<String>,
    /// The format's version; none when it is no number.
    pub version: Option<i64>,
    /// What it is called.
    pub kind: String,
    /// The payload's JSON, with U+FFFD where it is no UTF-8.
    pub data: String,
}

/// Which rows of a log to read, and from which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Only those with a higher `seq`.
    pub after: u64,
    /// Only those with a `seq` up to this.
    pub upto: u64,
    /// The last ones first.
    pub newest_first: bool,
}

impl Span {
    /// The rows after `after`, the first ones first.
    pub fn after(after: u64) -> Self {
        Self {
            after,
            upto: u64::MAX,
            newest_first: false,
        }
    }

    /// The rows before `before`, the last ones first.
    pub fn before(before: u64) -> Self {
        Self {
            after: 0,
            upto: before.saturating_sub(1),
            newest_first: true,
        }
    }
}

/// The hash that the control log's next act follows, by its last one.
pub(super) fn hash_of(last: Option<Entry>) -> String {
    match last.map(|entry| entry.payload) {
        Some(Payload::Act(act)) => act.hash,
        _ => String::new(),
    }
}

/// The same when the last one does not read: none. Whoever broke that row must not have stopped the server by
/// it; checking the log names the row, and what follows it does not hide it.
pub(super) fn hash_of_damaged(why: &impl fmt::Display) -> String {
    tracing::error!(%why, "the last act of the control log does not read; see `chatd audit verify`");
    String::new()
}

/// Bytes that should have been something else.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
