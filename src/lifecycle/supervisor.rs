//! Who supervises the server: a service manager that is told how it stands, by the protocol of `sd_notify(3)`.
//!
//! `server` tells it when the doors are open and when they close. Without `NOTIFY_SOCKET` there is none, and
//! nothing here does anything. The variables stay in our environment, since only `unsafe` code can take them
//! out; nobody inherits them, as the server starts no program (a test sees to that).

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    net::UnixDatagram,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::door::App;

/// Where it listens.
const VARIABLE: &str = "NOTIFY_SOCKET";
/// How long the supervisor may take to take a message; it takes them at once unless it is stuck itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for more time, and how much it is asked for.
const ASKING: Duration = Duration::from_secs(5);
const MORE: Duration = Duration::from_secs(30);
/// How long a store may take to open once it answers: a large one that is brought to a newer schema takes
/// minutes. What takes longer is stuck, and is left to the supervisor's own limit.
const OPENING: Duration = Duration::from_mins(30);
/// What closing takes after the connections have ended: the appender's queue, and the last checkpoint.
const CLOSING: Duration = Duration::from_mins(1);
/// How often the status line is looked at; it is sent when it changed.
const STATUS: Duration = Duration::from_secs(5);

/// The service manager, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Supervisor {
    there: bool,
}

/// What it can be told.
#[derive(Debug)]
enum News {
    Ready,
    Reloading,
    Stopping,
    Alive,
    Status(String),
    More(Duration),
    /// Microseconds of the monotonic clock.
    At(i128),
}

impl Supervisor {
    /// The one that started this process and wants to be told.
    pub fn of_env() -> Self {
        let there = std::env::var_os(VARIABLE).is_some_and(|path| !path.is_empty());
        Self { there }
    }

    /// While the store opens: asks for time, so that a start which waits for a database is not taken for one
    /// that hangs. Never returns; `wait` is how long the settings let it wait for the database.
    pub async fn opening(self, wait: Duration) -> Infallible {
        let since = Instant::now();
        while self.there && since.elapsed() < wait + OPENING {
            let seconds = since.elapsed().as_secs();
            let status = match seconds {
                0 => "Opening the store".to_owned(),
                _ => format!("Opening the store, for {seconds} s now"),
            };
            self.tell(vec![News::More(MORE), News::Status(status)])
                .await;
            sleep(ASKING).await;
        }
        std::future::pending().await
    }

    /// The doors are open, and the store behind them.
    pub async fn ready(self, app: &App) {
        self.tell(vec![News::Ready, News::Status(status(app))])
            .await;
    }

    /// The settings are read anew; [`Supervisor::ready`] says when that is over. The moment is the one of the
    /// signal's handling, by which a service manager tells this reload from an earlier one.
    pub async fn reloading(self) {
        let mut news = vec![News::Reloading];
        news.extend(now().map(News::At));
        self.tell(news).await;
    }

    /// The doors close; what is under way may take as long as `drain`.
    pub async fn stopping(self, drain: Duration) {
        let status = "Stopping: finishing what is under way".to_owned();
        let news = vec![
            News::Stopping,
            News::More(drain + CLOSING),
            News::Status(status),
        ];
        self.tell(news).await;
    }

    /// The connections have ended.
    pub async fn closing(self) {
        let status = "Stopping: closing the store".to_owned();
        self.tell(vec![News::More(CLOSING), News::Status(status)])
            .await;
    }

    /// The server is alive, and each part of it answered.
    pub(super) async fn alive(self) {
        self.tell(vec![News::Alive]).await;
    }

    /// Keeps the status line up to date until the server stops.
    pub async fn keep_status(self, app: Arc<App>) {
        if !self.there {
            return;
        }
        let mut told = status(&app);
        let mut tick = interval(STATUS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = app.stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = status(&app);
            if now != told {
                told.clone_from(&now);
                self.tell(vec![News::Status(now)]).await;
            }
        }
    }

    /// Sends one message. One that cannot be sent is logged: the server is as good without it, and what the
    /// supervisor makes of its silence is the supervisor's to decide.
    async fn tell(self, news: Vec<News>) {
        if !self.there {
            return;
        }
        let states = news.iter().map(|it| it.state().to_string() + "\n");
        let message: String = states.collect();
        let why = match timeout(PATIENCE, send(message.as_bytes())).await {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!("it took nothing for {} s", PATIENCE.as_secs()),
        };
        tracing::warn!(%why, "cannot tell the service manager how the server stands");
    }
}

/// The package's own `notify` blocks while the supervisor does not read, without a limit.
async fn send(message: &[u8]) -> io::Result<()> {
    let path = std::env::var_os(VARIABLE).unwrap_or_default();
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.send(message).await.map(drop)
}

impl News {
    fn state(&self) -> NotifyState<'_> {
        match self {
            Self::Ready => NotifyState::Ready,
            Self::Reloading => NotifyState::Reloading,
            Self::Stopping => NotifyState::Stopping,
            Self::Alive => NotifyState::Watchdog,
            Self::Status(text) => NotifyState::Status(text),
            Self::At(micros) => NotifyState::MonotonicUsec(*micros),
            Self::More(time) => {
                NotifyState::ExtendTimeoutUsec(time.as_micros().try_into().unwrap_or(u32::MAX))
            }
        }
    }
}

/// The monotonic clock, as the service manager reads it.
fn now() -> Option<i128> {
    match NotifyState::monotonic_usec_now() {
        Ok(NotifyState::MonotonicUsec(micros)) => Some(micros),
        _ => None,
    }
}

/// What `systemctl status` shows. Numbers only: nothing that users wrote gets there.
fn status(app: &App) -> String {
    let stats = &app.stats;
    format!(
        "Serving {} connections, {} logs listened to; {} messages since the start",
        stats.connections.get(),
        app.hub.channels(),
        stats.messages.get(),
    )
}
