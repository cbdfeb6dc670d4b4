//! Why and how the server closes a connection.

use std::time::Duration;

/// Why the server closes a connection. The number carries the verdict: under 4500 the client reconnects
/// and resumes, from 4500 on it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The server stops.
    ShuttingDown,
    /// The outbox was full.
    SlowConsumer,
    /// The access token ran out and was not refreshed.
    TokenExpired,
    /// Nothing was heard for two ping intervals, or nothing could be written.
    NoPong,
    /// Somebody who administers closed it; the client may come back.
    Kicked,
    /// No valid token.
    BadToken,
    /// The session was ended.
    SessionRevoked,
    /// The account was disabled.
    Banned,
    /// What came was not the protocol.
    ProtocolAbuse,
}

impl CloseCode {
    /// The number in the close frame.
    pub fn number(self) -> u16 {
        match self {
            Self::ShuttingDown => 4001,
            Self::SlowConsumer => 4008,
            Self::TokenExpired => 4010,
            Self::NoPong => 4012,
            Self::Kicked => 4013,
            Self::BadToken => 4501,
            Self::SessionRevoked => 4503,
            Self::Banned => 4504,
            Self::ProtocolAbuse => 4509,
        }
    }

    fn lets_finish(self) -> bool {
        match self {
            Self::ShuttingDown | Self::TokenExpired | Self::BadToken | Self::ProtocolAbuse => true,
            Self::SlowConsumer
            | Self::NoPong
            | Self::Kicked
            | Self::SessionRevoked
            | Self::Banned => false,
        }
    }

    /// The word in the close frame and in `closing`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ShuttingDown => "shutting_down",
            Self::SlowConsumer => "slow_consumer",
            Self::TokenExpired => "token_expired",
            Self::NoPong => "no_pong",
            Self::Kicked => "kicked",
            Self::BadToken => "bad_token",
            Self::SessionRevoked => "session_revoked",
            Self::Banned => "banned",
            Self::ProtocolAbuse => "protocol_abuse",
        }
    }
}

/// How the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
    /// When the client should be back, if it should.
    pub reconnect: Option<Duration>,
    /// Whether what is still due is told before: not when the person may not have it any more, or takes
    /// nothing.
    pub finish: bool,
}

impl Close {
    /// A close without advice on when to be back.
    pub fn now(code: CloseCode) -> Self {
        let reconnect = (code.number() < 4500).then_some(Duration::ZERO);
        let finish = code.lets_finish();
        Self {
            code,
            reconnect,
            finish,
        }
    }

    /// A close of somebody who was not let in: the refusal is still told.
    pub fn refused(code: CloseCode) -> Self {
        Self {
            finish: true,
            ..Self::now(code)
        }
    }

    /// A close of one of many; each should be back after a time of its own, up to `most`, so that they do not
    /// all come at once.
    pub fn spread(code: CloseCode, most: Duration) -> Self {
        Self {
            reconnect: Some(most.mul_f64(fraction())),
            ..Self::now(code)
        }
    }
}

/// A random number from 0 up to 1.
fn fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness everyone comes back at once, which is no worse than no advice.
    let _filled = getrandom::fill(&mut bytes);
    f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
