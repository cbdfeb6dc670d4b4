//! Which lines are said, changed while the server runs.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tracing_subscriber::{Registry, filter::Targets, reload};

use crate::{
    clock::{Clock, Millis},
    config::LogFilter,
};

/// The level, and what the settings say it is.
pub struct Levels {
    /// What the settings say.
    configured: LogFilter,
    handle: reload::Handle<Targets, Registry>,
    clock: Clock,
    now: Mutex<Now>,
}

/// How it stands.
struct Now {
    filter: LogFilter,
    until: Option<Millis>,
    /// How often it was set: a timer that comes too late knows that it is not its level any more.
    turn: u64,
    /// Brings back what the settings say.
    timer: Option<JoinHandle<()>>,
}

/// How it stands, for who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelState {
    /// The level in force.
    pub level: String,
    /// What the settings say.
    pub configured: String,
    /// When it goes back to that by itself.
    pub until: Option<Millis>,
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Levels")
            .field("configured", &self.configured)
            .finish_non_exhaustive()
    }
}

impl Levels {
    pub(super) fn new(
        configured: LogFilter,
        handle: reload::Handle<Targets, Registry>,
        clock: Clock,
    ) -> Arc<Self> {
        let now = Now {
            filter: configured.clone(),
            until: None,
            turn: 0,
            timer: None,
        };
        Arc::new(Self {
            configured,
            handle,
            clock,
            now: Mutex::new(now),
        })
    }

    /// How it stands.
    pub fn state(&self) -> LevelState {
        let now = self.now.lock();
        LevelState {
            level: now.filter.as_str().to_owned(),
            configured: self.configured.as_str().to_owned(),
            until: now.until,
        }
    }

    /// How it will stand once this was set.
    pub fn rehearse(&self, filter: Option<&LogFilter>, lasts: Option<Duration>) -> LevelState {
        LevelState {
            level: filter.unwrap_or(&self.configured).as_str().to_owned(),
            configured: self.configured.as_str().to_owned(),
            until: filter.and(lasts).map(|it| self.clock.now().plus(it)),
        }
    }

    /// Sets the level, for some time or until the process ends; none gives it back to the settings. What was
    /// set before, and its time, are forgotten.
    pub fn set(self: &Arc<Self>, filter: Option<LogFilter>, lasts: Option<Duration>) -> LevelState {
        let state = self.rehearse(filter.as_ref(), lasts);
        let lasts = filter.as_ref().and(lasts);
        let mut now = self.now.lock();
        if let Some(timer) = now.timer.take() {
            timer.abort();
        }
        now.turn += 1;
        now.until = state.until;
        now.filter = filter.unwrap_or_else(|| self.configured.clone());
        self.apply(&now.filter);
        // Lets go of it where nobody else holds it: a timer does not keep a server.
        let (this, turn) = (Arc::downgrade(self), now.turn);
        now.timer = lasts.map(|lasts| {
            tokio::spawn(async move {
                tokio::time::sleep(lasts).await;
                if let Some(this) = this.upgrade() {
                    this.go_back(turn);
                }
            })
        });
        state
    }

    fn go_back(&self, turn: u64) {
        let mut now = self.now.lock();
        if now.turn != turn {
            return;
        }
        now.filter = self.configured.clone();
        now.until = None;
        self.apply(&now.filter);
        drop(now);
        tracing::info!(level = self.configured.as_str(), "the log level is back");
    }

    fn apply(&self, filter: &LogFilter) {
        // It fails when nothing of this process logs through it: then there is nothing to filter.
        let _unheard = self.handle.reload(filter.targets());
    }
}

impl Drop for Levels {
    fn drop(&mut self) {
        if let Some(timer) = self.now.get_mut().timer.take() {
            timer.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timer_that_comes_too_late_changes_nothing() {
        let (_layer, handle) = reload::Layer::new(LogFilter::info().targets());
        let levels = Levels::new(LogFilter::info(), handle, Clock::system());
        let filter = |text| Some(LogFilter::parse(text).unwrap());
        levels.set(filter("debug"), Some(Duration::from_hours(1)));
        let late = levels.now.lock().turn;
        levels.set(filter("trace"), None);
        levels.go_back(late);
        assert_eq!(levels.state().level, "trace");
        levels.go_back(late + 1);
        assert_eq!(levels.state().level, "info");
        assert_eq!(levels.state().until, None);
    }
}
