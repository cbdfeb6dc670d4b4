//! Signals, and stopping: what is under way is finished, everyone is told, nothing acknowledged is lost.

mod supervisor;
mod watchdog;

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

pub use self::{supervisor::Supervisor, watchdog::Watchdog};
use crate::{
    door::App,
    hub::{Close, CloseCode},
};

/// The signals that stop the server, and the one that has it read its settings anew. From the moment this exists
/// none of them kills it.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// Whether it was started at a terminal. When that is gone, SIGHUP says so, and means what it always did.
    at_terminal: bool,
    /// Told at each SIGHUP that asks for a reload.
    reload: Arc<Notify>,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        let int = signal(SignalKind::interrupt())?;
        let hup = signal(SignalKind::hangup())?;
        Ok(Self {
            term,
            int,
            hup,
            at_terminal: io::stdin().is_terminal(),
            reload: Arc::default(),
        })
    }

    /// Told when the settings are to be read anew; once, however often that was asked for meanwhile.
    pub fn reload(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// Waits until one of them stops the server. From then on a second one ends the process at once.
    pub async fn stop(mut self) {
        let which = self.next().await;
        tracing::info!(signal = which, "stopping; a second signal stops at once");
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("stopped at once");
            std::process::exit(1);
        });
    }

    /// Waits for the next that stops the server, and says which.
    pub async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return "SIGINT",
                _ = self.hup.recv() => {
                    if self.at_terminal && !io::stdin().is_terminal() {
                        return "SIGHUP";
                    }
                    self.reload.notify_one();
                }
            }
        }
    }
}

/// Lets this process open as many files as the system lets it: each connection takes one, and the usual 1,024 are
/// for programs that count on no more, which this one does not.
pub fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

/// Ends what the doors are doing: takes nothing new in, lets requests finish, tells every connection when to
/// be back, and waits for all of them as long as `server.drain` says.
pub async fn drain(app: &App) {
    app.stopping.cancel();
    let spread = app.config.get().server.reconnect_spread.get();
    app.hub
        .close_all(|| Close::spread(CloseCode::ShuttingDown, spread));
    app.tasks.close();
    let most: Duration = app.config.get().server.drain.into();
    if tokio::time::timeout(most, app.tasks.wait()).await.is_err() {
        tracing::warn!(
            left = app.tasks.len(),
            "some connections did not end in time"
        );
    }
}
