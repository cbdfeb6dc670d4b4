//! Reports: members tell those who moderate about a message.

use serde::{Deserialize, Serialize};

use super::text::{Invalid, Reason};
use crate::{
    clock::Millis,
    id::{EntryId, ReportId, RoomId, UserId},
};

super::record::word!(
    /// Where a report stands.
    ReportState {
        /// Somebody has to look at it.
        Open = "open",
        /// Somebody did.
        Resolved = "resolved",
    }
);

/// That somebody reported a message. One person reports a message once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which; newer ones are greater.
    pub id: ReportId,
    /// Where the message is.
    pub room: RoomId,
    /// Its number there.
    pub seq: u64,
    /// Its id.
    pub message: EntryId,
    /// Who said it.
    pub author: Option<UserId>,
    /// Who reported it.
    pub by: UserId,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Millis,
    /// Where it stands.
    pub state: ReportState,
    /// What came of it.
    pub resolution: Option<Reason>,
    /// Who looked; none when an operator did, or nobody has.
    pub resolved_by: Option<UserId>,
    /// When.
    pub resolved_at: Option<Millis>,
}
