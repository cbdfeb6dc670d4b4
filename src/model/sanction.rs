//! What is taken from a person, for a while or for good; and from addresses.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::text::{Invalid, Reason};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
};

super::record::word!(
    /// What a sanction takes away. In the order of the words, as the stores list them.
    SanctionKind {
        /// Being here at all.
        Ban = "ban",
        /// Saying anything.
        Mute = "mute",
    }
);

/// That somebody is muted or banned, in one room or everywhere. There is at most one of a kind for each
/// person and place; a new one takes the place of the old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanction {
    /// What it takes away.
    pub kind: SanctionKind,
    /// From whom.
    pub user: UserId,
    /// Where; none for everywhere.
    pub room: Option<RoomId>,
    /// Until when; none for good.
    pub until: Option<Millis>,
    /// Why; the person is told.
    pub reason: Option<Reason>,
    /// Who decided; none when an operator did.
    pub by: Option<UserId>,
    /// When.
    pub at: Millis,
}

impl Sanction {
    /// Whether it holds at this moment.
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// That nobody from these addresses is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressBan {
    /// The addresses.
    pub network: IpNet,
    /// Until when; none for good.
    pub until: Option<Millis>,
    /// Why.
    pub reason: Option<Reason>,
    /// Who decided; none when an operator did.
    pub by: Option<UserId>,
    /// When.
    pub at: Millis,
}

impl AddressBan {
    /// Whether it holds for this address at this moment.
    pub fn holds(&self, address: std::net::IpAddr, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until) && self.network.contains(&address.to_canonical())
    }
}
