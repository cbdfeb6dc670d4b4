//! Knowing whether the database is there without asking it, so that nobody waits for what cannot answer.
//!
//! The driver watches the servers and tells us ([`Presence::handler`]). It is patient with them, and so are we: a
//! request waits [`SELECT`] for a server that takes writes, and only when there was none for as long does the
//! database count as away. From then on everything is refused at once ([`Presence::check`]), until a question
//! of our own ([`Watcher`]) is answered. So nobody has to wait to find out that it is back, and a server that
//! is gone for a moment causes no refusal that waiting would have spared.

use std::{sync::Arc, time::Duration};

use mongodb::event::{
    EventHandler,
    sdam::{SdamEvent, TopologyDescription},
};
use tokio::{sync::watch, task::JoinHandle, time};

use super::fault::why;
use crate::{
    clock::{Clock, Millis},
    store::Error,
};

/// How long a request waits for a server that takes writes, and how long there must have been none before
/// requests no longer wait. Short, since somebody waits for the answer.
pub(super) const SELECT: Duration = Duration::from_secs(2);
/// Between two questions whether it is back, where the answer comes faster than that. While a question waits
/// for a server the driver looks every half second.
const PAUSE: Duration = Duration::from_millis(500);

/// What the driver sees: nothing, as long as a server takes writes; else what is wrong.
type Seen = Option<String>;

/// Since when the database is known to be away, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Away {
    since: Millis,
    why: Arc<str>,
}

/// Whether the database is there. Clones know the same.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    seen: watch::Sender<Seen>,
    away: watch::Sender<Option<Away>>,
}

impl Default for Presence {
    /// There, until the driver says otherwise.
    fn default() -> Self {
        Self {
            seen: watch::Sender::new(None),
            away: watch::Sender::new(None),
        }
    }
}

impl Presence {
    /// What takes in what the driver tells about the servers.
    pub(super) fn handler(&self) -> EventHandler<SdamEvent> {
        let seen = self.seen.clone();
        EventHandler::callback(move |event| {
            if let SdamEvent::TopologyDescriptionChanged(event) = event {
                seen.send_replace(wrong(&event.new_description));
            }
        })
    }

    /// Refuses at once while the database is known to be away.
    pub(super) fn check(&self) -> Result<(), Error> {
        match &*self.away.borrow() {
            None => Ok(()),
            Some(Away { since, why }) => Err(Error::Away(format!("since {since}: {why}"))),
        }
    }

    /// Waits until the database is known to be away, or to be back.
    #[cfg(test)]
    pub(super) async fn until(&self, away: bool) {
        let mut known = self.away.subscribe();
        let _never_dropped = known.wait_for(|now| now.is_some() == away).await;
    }
}

/// What is wrong with the servers; nothing if one takes writes.
fn wrong(topology: &TopologyDescription) -> Seen {
    if topology.has_writable_server() {
        return None;
    }
    let servers = topology.servers();
    let errors = servers.iter().filter_map(|(address, server)| {
        let error = server.error()?;
        Some(format!("{address}: {}", why(error)))
    });
    let mut causes: Vec<_> = errors.collect();
    causes.sort();
    Some(if causes.is_empty() {
        "no server takes writes".to_owned()
    } else {
        causes.join("; ")
    })
}

/// The task that decides when the database is away and asks whether it is back. Ends with the store.
#[derive(Debug)]
pub(super) struct Watcher(JoinHandle<()>);

impl Watcher {
    /// Starts it. There must have been no server for `patience`. `ask` is one question to the database, which
    /// takes a while if nobody is there.
    pub(super) fn start<F>(
        presence: Presence,
        clock: Clock,
        patience: Duration,
        ask: impl Fn() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = bool> + Send,
    {
        Self(tokio::spawn(async move {
            let mut seen = presence.seen.subscribe();
            while let Some(away) = gone(&mut seen, &clock, patience).await {
                tracing::warn!(why = %away.why, "the database is away; what needs it is refused until it is back");
                presence.away.send_replace(Some(away));
                while !ask().await {
                    time::sleep(PAUSE).await;
                }
                presence.away.send_replace(None);
                tracing::info!("the database is back");
            }
        }))
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until no server took writes for as long as a request waits for one. None when nobody tells any more.
async fn gone(seen: &mut watch::Receiver<Seen>, clock: &Clock, patience: Duration) -> Option<Away> {
    loop {
        seen.wait_for(Option::is_some).await.ok()?;
        let since = clock.now();
        let back = time::timeout(patience, seen.wait_for(Option::is_none)).await;
        let back = back.map(|told| told.map(drop));
        if let Ok(told) = back {
            told.ok()?;
            continue;
        }
        // It may be back at this very moment: then the first question is answered.
        let why = seen.borrow().as_deref().unwrap_or_default().into();
        return Some(Away { since, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watcher whose questions are answered as the sender says.
    fn watched(presence: &Presence, patience: Duration) -> (Watcher, watch::Sender<bool>) {
        let answers = watch::Sender::new(false);
        let heard = answers.clone();
        let ask = move || {
            let mut heard = heard.subscribe();
            async move { heard.wait_for(|answered| *answered).await.is_ok() }
        };
        let clock = Clock::fixed(Millis(0));
        let watcher = Watcher::start(presence.clone(), clock, patience, ask);
        (watcher, answers)
    }

    /// Lets the watcher do all that it can without time going by.
    async fn turn() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_blip_is_no_absence() {
        let presence = Presence::default();
        let _watching = watched(&presence, Duration::from_hours(1));
        for wrong in [Some("gone".to_owned()), None, Some("gone".to_owned())] {
            presence.seen.send_replace(wrong);
            turn().await;
            assert!(presence.check().is_ok());
        }
    }

    #[tokio::test]
    async fn an_absence_is_known_until_a_question_is_answered() {
        let presence = Presence::default();
        let (_watcher, answers) = watched(&presence, Duration::ZERO);
        for _ in 0..2 {
            presence.seen.send_replace(Some("db: refused".into()));
            presence.until(true).await;
            let refusal = presence.check().unwrap_err().to_string();
            assert!(refusal.contains("db: refused"), "{refusal}");
            // That a server seems to be there is not enough.
            presence.seen.send_replace(None);
            turn().await;
            assert!(presence.check().is_err());
            answers.send_replace(true);
            presence.until(false).await;
            assert!(presence.check().is_ok());
            answers.send_replace(false);
        }
    }

    #[tokio::test]
    async fn nobody_asks_once_the_store_is_gone() {
        let presence = Presence::default();
        let (watcher, answers) = watched(&presence, Duration::ZERO);
        presence.seen.send_replace(Some("db: refused".into()));
        presence.until(true).await;
        turn().await;
        assert_eq!(answers.receiver_count(), 1);
        drop(watcher);
        // The question goes with the task that asked it.
        answers.closed().await;
    }
}
