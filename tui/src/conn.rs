//! Asks the server how it is, once a second, and says what came of it. The only module that does I/O with
//! the server; `run` polls it beside the screen, so it ends with the screen and is nobody's orphan.

use std::time::Duration;

use chatd::{
    admin::{self, Client, api::Status},
    clock::Clock,
};
use tokio::{
    sync::mpsc,
    time::{self, MissedTickBehavior},
};

use crate::state::Event;

/// How often to ask, and how long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From one question to the next.
    pub(crate) every: Duration,
    /// How long connecting and an answer may take together. The client itself waits half a minute, which is
    /// right for work; a server that cannot say how it is within this time is one to worry about.
    pub(crate) patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            patience: Duration::from_secs(3),
        }
    }
}

/// A server, and the way back to it.
pub(crate) struct Conn<C> {
    connect: C,
    /// None after a failure: an answer may still be under way on the old connection.
    client: Option<Client>,
    clock: Clock,
    pace: Pace,
}

impl<C> Conn<C>
where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    /// Connects and asks once, with the client's own patience: here is nothing yet to be shown meanwhile.
    pub(crate) async fn open(
        connect: C,
        clock: Clock,
        pace: Pace,
    ) -> Result<(Self, Status), admin::Error> {
        let mut conn = Self {
            connect,
            client: None,
            clock,
            pace,
        };
        let status = conn.ask().await?;
        Ok((conn, status))
    }

    /// Asks until nobody listens any more.
    pub(crate) async fn poll(mut self, told: mpsc::Sender<Event>) {
        let mut ticks = time::interval_at(time::Instant::now() + self.pace.every, self.pace.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let event = self.event().await;
            if told.send(event).await.is_err() {
                return;
            }
        }
    }

    async fn event(&mut self) -> Event {
        let why = match time::timeout(self.pace.patience, self.ask()).await {
            Ok(Ok(status)) => return Event::Status(Box::new(status)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it did not answer within {:?}", self.pace.patience),
        };
        self.client = None;
        Event::Lost {
            at: self.clock.now(),
            why,
        }
    }

    async fn ask(&mut self) -> Result<Status, admin::Error> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert((self.connect)().await?),
        };
        client.get("/v1/status").await
    }
}

#[cfg(test)]
mod tests;
