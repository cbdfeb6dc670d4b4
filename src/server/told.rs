//! What those who watch are told of the server itself, and of its store.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    door::App,
    feed::{Happening, Kind},
};

/// How often the store is asked whether it answers, and how long it may take.
const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells something about the server.
pub(super) fn tell(app: &App, kind: Kind, what: &str, detail: Option<String>) {
    app.feeds.tell(Happening {
        at: app.clock.now(),
        kind,
        what: what.into(),
        who: None,
        target: None,
        detail,
    });
}

/// Tells when the store is away, and when it is back; until the server stops.
pub(super) async fn watch_store(app: Arc<App>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        tokio::select! {
            biased;
            () = app.stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        let answer = tokio::select! {
            biased;
            () = app.stopping.cancelled() => return,
            answer = timeout(PATIENCE, app.store.ping()) => answer,
        };
        let why = match answer {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        if why.is_some() != away {
            away = why.is_some();
            let what = if away { "store.away" } else { "store.back" };
            tell(&app, Kind::Store, what, why);
        }
    }
}
