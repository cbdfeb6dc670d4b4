//! Signals, and stopping: what is under way is finished, everyone is told, nothing acknowledged is lost.

mod supervisor;
mod watchdog;

use std::{io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

pub use self::{supervisor::Supervisor, watchdog::Watchdog};
use crate::{
    door::App,
    hub::{Close, CloseCode},
};

/// The signals that stop the server. From the moment this exists they no longer kill it.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        let int = signal(SignalKind::interrupt())?;
        let hup = signal(SignalKind::hangup())?;
        Ok(Self { term, int, hup })
    }

    /// Waits for SIGTERM, SIGINT or SIGHUP (a terminal that is gone). From then on a second one ends the process at once.
    pub async fn stop(mut self) {
        let which = self.next().await;
        tracing::info!(signal = which, "stopping; a second signal stops at once");
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("stopped at once");
            std::process::exit(1);
        });
    }

    /// Waits for the next of them, and says which.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
            _ = self.hup.recv() => "SIGHUP",
        }
    }
}

/// Ends what the doors are doing: takes nothing new in, lets requests finish, tells every connection when to
/// be back, and waits for all of them as long as `server.drain` says.
pub async fn drain(app: &App) {
    app.stopping.cancel();
    let spread = app.config.server.reconnect_spread.get();
    app.hub
        .close_all(|| Close::spread(CloseCode::ShuttingDown, spread));
    app.tasks.close();
    let most: Duration = app.config.server.drain.into();
    if tokio::time::timeout(most, app.tasks.wait()).await.is_err() {
        tracing::warn!(
            left = app.tasks.len(),
            "some connections did not end in time"
        );
    }
}
