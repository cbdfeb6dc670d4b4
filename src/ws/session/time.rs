//! A session's clock: the hello that is due, pings, the token that runs out, a socket that takes nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use crate::{
    hub::{Close, CloseCode, Frame},
    ws::{reply, request::PingAs},
};

/// How long before it runs out a client is told that its access token does.
const EXPIRY_NOTICE: Duration = Duration::from_mins(1);

impl Session {
    pub(super) fn hello_within(&self) -> Duration {
        self.app.config.get().ws.hello.into()
    }

    pub(super) fn ping_every(&self) -> Duration {
        self.app.config.get().ws.ping.into()
    }

    pub(super) fn next_tick(&self) -> Instant {
        let Some(known) = &self.known else {
            return self.heard + self.hello_within();
        };
        let expiry = if known.told_expiry {
            known.expires
        } else {
            known
                .expires
                .checked_sub(EXPIRY_NOTICE)
                .unwrap_or(known.expires)
        };
        (Instant::now() + self.ping_every()).min(expiry.max(Instant::now()))
    }

    /// Keeps time: hello, pings, the token, a socket that takes nothing.
    pub(super) fn tick(&mut self, stuck: Duration) {
        let (now, every) = (Instant::now(), self.ping_every());
        let Some(known) = &mut self.known else {
            return self.outbox.close(Close::now(CloseCode::NoPong));
        };
        if now >= known.expires {
            return self.outbox.close(Close::now(CloseCode::TokenExpired));
        }
        if !known.told_expiry && now + EXPIRY_NOTICE >= known.expires {
            known.told_expiry = true;
            self.outbox.push(reply::bare("token_expiring"));
        }
        let silent = now.duration_since(self.heard);
        // Ticks come a little early or late; a tenth of an interval is no silence.
        if stuck > every * 2 || (self.pinged && silent + every / 10 >= every * 2) {
            self.outbox.close(Close::now(CloseCode::NoPong));
        } else if silent + every / 10 < every {
            self.pinged = false;
        } else {
            self.pinged = true;
            self.outbox.push(Frame::ping());
            if known.ping == PingAs::Text {
                self.outbox.push(reply::bare("ping"));
            }
        }
    }
}
