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
    handle: reload::Handle<Targets, Registry>,
    clock: Clock,
    now: Mutex<Now>,
}

/// How it stands.
struct Now {
    /// What the settings say.
    configured: LogFilter,
    filter: LogFilter,
    /// Whether it was set, and is not what the settings say.
    set: bool,
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
    /// Whether it was set while the server runs, and goes before what the settings say.
    pub set: bool,
    /// When it goes back to that by itself.
    pub until: Option<Millis>,
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Levels")
            .field("state", &self.state())
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
            configured,
            set: false,
            until: None,
            turn: 0,
            timer: None,
        };
        Arc::new(Self {
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
            configured: now.configured.as_str().to_owned(),
            set: now.set,
            until: now.until,
        }
    }

    /// How it will stand once this was set.
    pub fn rehearse(&self, filter: Option<&LogFilter>, lasts: Option<Duration>) -> LevelState {
        self.planned(&self.now.lock(), filter, lasts)
    }

    fn planned(
        &self,
        now: &Now,
        filter: Option<&LogFilter>,
        lasts: Option<Duration>,
    ) -> LevelState {
        LevelState {
            level: filter.unwrap_or(&now.configured).as_str().to_owned(),
            configured: now.configured.as_str().to_owned(),
            set: filter.is_some(),
            until: filter.and(lasts).map(|it| self.clock.now().plus(it)),
        }
    }

    /// Takes over what the settings say from now on. A level that was set stays until its time is over or it is
    /// given back.
    pub fn configure(&self, filter: LogFilter) {
        let mut now = self.now.lock();
        now.configured = filter;
        if !now.set && now.filter != now.configured {
            now.filter = now.configured.clone();
            self.apply(&now.filter);
        }
    }

    /// Sets the level, for some time or until the process ends; none gives it back to the settings. What was
    /// set before, and its time, are forgotten.
    pub fn set(self: &Arc<Self>, filter: Option<LogFilter>, lasts: Option<Duration>) -> LevelState {
        let lasts = filter.as_ref().and(lasts);
        let mut now = self.now.lock();
        let state = self.planned(&now, filter.as_ref(), lasts);
        if let Some(timer) = now.timer.take() {
            timer.abort();
        }
        now.turn += 1;
        now.until = state.until;
        now.set = state.set;
        now.filter = filter.unwrap_or_else(|| now.configured.clone());
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
        now.filter = now.configured.clone();
        now.set = false;
        now.until = None;
        self.apply(&now.filter);
        let level = now.filter.as_str().to_owned();
        drop(now);
        tracing::info!(level, "the log level is back");
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

    #[tokio::test]
    async fn what_was_set_goes_before_what_the_settings_say() {
        let (_layer, handle) = reload::Layer::new(LogFilter::info().targets());
        let levels = Levels::new(LogFilter::info(), handle, Clock::system());
        let filter = |text| LogFilter::parse(text).unwrap();
        levels.configure(filter("warn"));
        assert_eq!(levels.state().level, "warn");
        levels.set(Some(filter("debug")), None);
        levels.configure(filter("error"));
        let state = levels.state();
        assert_eq!((state.level.as_str(), state.set), ("debug", true));
        levels.set(None, None);
        let state = levels.state();
        assert_eq!((state.level.as_str(), state.set), ("error", false));
    }
}
