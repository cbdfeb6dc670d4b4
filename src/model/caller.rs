//! Who asks, and what they ask about.

use std::{fmt, net::IpAddr};

use super::{
    entry::{Actor, Origin},
    refusal::Refusal,
    text::{RoomName, Username},
};
use crate::id::{RoomId, SessionId, UserId};

/// Somebody whose access token was found good.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// By which door.
    pub origin: Origin,
    /// From where.
    pub address: IpAddr,
    /// The request's id, as logged.
    pub request: Option<String>,
}

impl Caller {
    /// How the control log names them.
    pub fn actor(&self) -> Actor {
        Actor {
            origin: self.origin.clone(),
            user: Some(self.user),
            session: Some(self.session),
            request: self.request.clone(),
            address: Some(self.address),
        }
    }
}

macro_rules! reference {
    ($(#[$doc:meta])* $ref:ident, $id:ident, $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $ref {
            /// By id.
            Id($id),
            /// By name.
            Name($name),
        }

        impl $ref {
            /// Parses an id or a name; no name is shaped like an id.
            pub fn parse(s: &str) -> Result<Self, Refusal> {
                if let Ok(id) = s.parse() {
                    return Ok(Self::Id(id));
                }
                match $name::parse(s) {
                    Ok(name) => Ok(Self::Name(name)),
                    Err(why) => Err(Refusal::field($field, format!("neither an id nor a name: {why}"))),
                }
            }
        }

        impl fmt::Display for $ref {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Id(id) => id.fmt(f),
                    Self::Name(name) => name.fmt(f),
                }
            }
        }
    };
}

reference!(
    /// `ROOM` of the wire contract: an id or a name.
    RoomRef,
    RoomId,
    RoomName,
    "room"
);
reference!(
    /// `USER` of the wire contract: an id or a name.
    UserRef,
    UserId,
    Username,
    "user"
);
