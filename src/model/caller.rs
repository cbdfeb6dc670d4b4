//! Who asks, and what they ask about.

use std::{fmt, net::IpAddr};

use super::{
    entry::{Actor, Origin},
    permission::Permissions,
    refusal::Refusal,
    text::{RoomName, Username},
};
use crate::id::{LogId, RoomId, SessionId, UserId};

/// Somebody whose access token was found good.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// What the session lets them do of what they may: all, but for a bot's token.
    pub scopes: Permissions,
    /// Whether the session is a bot's token: it does nothing about the account itself.
    pub bot: bool,
    /// By which door.
    pub origin: Origin,
    /// From where.
    pub address: IpAddr,
    /// The request's id, as logged.
    pub request: Option<String>,
}

impl Caller {
    /// As much of it as deciding takes.
    pub const fn pass(&self) -> Pass {
        Pass {
            user: self.user,
            session: self.session,
            scopes: self.scopes,
        }
    }

    /// Refuses what only somebody who has logged in may do.
    pub fn only_a_login(&self) -> Result<(), Refusal> {
        if self.bot {
            let why =
                "a bot's token does not change the account; an operator does, with `chatd token`";
            return Err(Refusal::Forbidden(why.into()));
        }
        Ok(())
    }

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

/// Who asks, in which session, and what of what they may it is good for.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// What it is good for.
    pub scopes: Permissions,
}

/// By whose authority something is done.
#[derive(Clone, Debug)]
pub enum Authority {
    /// An account's: what it may do is asked when the act has its turn.
    Caller(Caller),
    /// An operator's, who may do everything.
    Operator(Actor),
}

impl Authority {
    /// How the control log names who it is.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Caller(caller) => caller.actor(),
            Self::Operator(actor) => actor.clone(),
        }
    }

    /// The logs that an act by it touches: these, the control log, which tells of it, and that of whoever acts.
    pub fn touching(&self, logs: &[LogId]) -> Vec<LogId> {
        let mut touches = vec![LogId::Control];
        for log in logs.iter().copied().chain(self.user().map(LogId::from)) {
            if !touches.contains(&log) {
                touches.push(log);
            }
        }
        touches
    }

    /// The account, if it is one's.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Caller(caller) => Some(caller.user),
            Self::Operator(_) => None,
        }
    }
}

impl From<&Caller> for Authority {
    fn from(caller: &Caller) -> Self {
        Self::Caller(caller.clone())
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
