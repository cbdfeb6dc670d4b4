//! What is read whole, for the log to keep in memory: a room, a user, the control log.

use crate::model::{AddressBan, Head, Hold, Member, Role, Room, Sanction, User};

/// A room as the log keeps it in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomState {
    /// The record.
    pub room: Room,
    /// Everyone in it.
    pub members: Vec<Member>,
    /// Who is muted in it or banned from it, also where that has run out.
    pub sanctions: Vec<Sanction>,
    /// Where its log stands; read in the same snapshot.
    pub head: Head,
}

/// A user as the log keeps them in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct UserState {
    /// The record.
    pub user: User,
    /// What is taken from them everywhere, also what has run out.
    pub sanctions: Vec<Sanction>,
    /// Where their `@me` log stands; read in the same snapshot.
    pub head: Head,
}

/// The control log as the log keeps it in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlState {
    /// Where it stands.
    pub head: Head,
    /// The hash of its last entry; empty when it has none.
    pub hash: String,
    /// What holds for the whole server.
    pub policy: PolicyState,
}

/// What holds for the whole server, all of it: there is little.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyState {
    /// The roles that operators made, by name.
    pub roles: Vec<Role>,
    /// The settings that are kept in the store, as JSON, by name.
    pub settings: Vec<(String, String)>,
    /// The addresses that are banned.
    pub address_bans: Vec<AddressBan>,
    /// What must not be taken out of the store.
    pub holds: Vec<Hold>,
}
