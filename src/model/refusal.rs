//! The one answer to "no", whatever the door: REST makes a problem document of it, WebSocket an `err`.

use std::time::Duration;

use super::{
    sanction::{Sanction, SanctionKind},
    text::Reason,
};
use crate::clock::Millis;

/// Why something was not done. The words of [`Refusal::code`] are the wire contract's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field of the request is not what it must be.
    #[error("{field}: {why}")]
    InvalidField {
        /// Which, as a path (`rooms[3].after`).
        field: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// Nobody is logged in, or the credentials are wrong.
    #[error("{0}")]
    Unauthorized(String),
    /// The session of the token was ended: by its owner, by an operator, or because a token was stolen.
    #[error("this session has ended; log in again")]
    SessionEnded,
    /// The access token was good once.
    #[error("the access token has expired; get a new one with the refresh token")]
    TokenExpired,
    /// Known, but not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or the asker may not know that there is.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It does not fit with how things stand.
    #[error("{0}")]
    Conflict(String),
    /// The `txn` named another request before.
    #[error("this txn was used for another request; a new request needs a new txn")]
    TxnReused,
    /// Too many bytes.
    #[error("{0}")]
    TooLarge(String),
    /// Too often.
    #[error("too many requests; try again in {} s", retry_after.as_secs().max(1))]
    RateLimited {
        /// When it will be taken again.
        retry_after: Duration,
    },
    /// They may not say anything, here or anywhere, for a while or for good.
    #[error("you are muted {}{}", told(*until), because(reason.as_ref()))]
    Muted {
        /// Until when.
        until: Option<Millis>,
        /// Why.
        reason: Option<Reason>,
    },
    /// They may not be here, for a while or for good.
    #[error("you are banned {}{}", told(*until), because(reason.as_ref()))]
    Banned {
        /// Until when.
        until: Option<Millis>,
        /// Why.
        reason: Option<Reason>,
    },
    /// The account is switched off.
    #[error("this account is disabled; ask an operator of this server")]
    Locked,
    /// The frame's `op` is not one.
    #[error("unknown op {0:?}; see docs/protocol.md for the list")]
    UnknownOp(String),
    /// The store cannot be reached, or its answer was lost: the act may have happened. Repeat with the
    /// same `txn`.
    #[error("the store does not answer; it may have happened: repeat with the same txn")]
    Unavailable,
    /// Nobody waits for it any longer.
    #[error(
        "no answer within {} s: the server or its store is stuck, or has much to do{}", after.as_secs(),
        if *acts { "; it may still happen, so look before you repeat it" } else { "" }
    )]
    Late {
        /// How long it was waited for.
        after: Duration,
        /// Whether it changes something, and may still do so.
        acts: bool,
    },
    /// Too much is going on; nothing was done.
    #[error("the server is busy; try again shortly")]
    Busy,
    /// What this needs, beside the store, does not answer, and what cannot be done without it; nothing was done.
    #[error("{0} at the moment; try again later")]
    Away(&'static str),
    /// The disk or the store's limit is full; nothing was done.
    #[error("the server's storage is full; its operator has to make room")]
    StorageFull,
    /// Our fault; the log has it under the request id.
    #[error("something went wrong on the server; its log has the details")]
    Internal,
}

impl Refusal {
    /// The stable code of the wire contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidField { .. } => "invalid_field",
            Self::Unauthorized(_) | Self::SessionEnded => "unauthorized",
            Self::TokenExpired => "token_expired",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Conflict(_) => "conflict",
            Self::TxnReused => "txn_reused",
            Self::TooLarge(_) => "too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::Muted { .. } => "muted",
            Self::Banned { .. } => "banned",
            Self::Locked => "locked",
            Self::UnknownOp(_) => "unknown_op",
            Self::Unavailable | Self::Late { .. } | Self::Away(_) => "unavailable",
            Self::Busy => "busy",
            Self::StorageFull => "storage_full",
            Self::Internal => "internal",
        }
    }

    /// How long to wait before trying again, where trying again helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Unavailable | Self::Busy => Some(Duration::from_secs(1)),
            Self::Away(_) => Some(Duration::from_secs(10)),
            _ => None,
        }
    }

    /// [`Refusal::retry_after`] in whole milliseconds, rounded up, and never 0: earlier would be too early.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let after = self.retry_after()?;
        let ms = after.as_micros().div_ceil(1000).max(1);
        Some(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// What somebody is told whom a sanction stops.
    pub fn sanctioned(sanction: &Sanction) -> Self {
        let (until, reason) = (sanction.until, sanction.reason.clone());
        match sanction.kind {
            SanctionKind::Mute => Self::Muted { until, reason },
            SanctionKind::Ban => Self::Banned { until, reason },
        }
    }

    /// A field of the request is wrong.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers have sentences and errors alike"
    )]
    pub fn field(field: impl Into<String>, why: impl ToString) -> Self {
        Self::InvalidField {
            field: field.into(),
            why: why.to_string(),
        }
    }
}

fn told(until: Option<Millis>) -> String {
    until.map_or_else(|| "for good".to_owned(), |at| format!("until {at}"))
}

fn because(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |why| format!(": {why}"))
}
