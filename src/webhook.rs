//! The outgoing webhook: one place on the web that is told what happens in the rooms it follows, and whom to push.
//!
//! It follows the log and is never in its way: a task reads the rooms' logs from where it left them, sends what the
//! settings name, signed, and keeps in the store how far it is. Every event is sent at least once and in the order of
//! its room; what the place does not take is tried again until it is too old. `server` runs it, operators look at it
//! and hold it through `desk`.

mod body;
mod marks;
mod post;
mod reach;
mod run;
mod sign;
mod target;
mod walk;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::marks::Decided;
pub use self::target::{Target, load};
use crate::{
    clock::{Clock, Millis},
    hub::Hub,
    id::EntryId,
    log::{Log, Moved, refuse},
    model::{Authority, Permission, Reason, Refusal},
    rights,
    stats::Stats,
    store::Store,
};

/// How much of an answer is shown.
const SHOWN: usize = 1024;

/// The outgoing webhook, with what it needs.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What happened, and where it is written down how far it was told.
    pub log: Log,
    /// In which rooms something happened.
    pub moved: Arc<Moved>,
    /// Where it is read.
    pub store: Arc<dyn Store>,
    /// Who is here, and so need not be pushed.
    pub hub: Arc<Hub>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// Ends it.
    pub stopping: CancellationToken,
    inner: Arc<Inner>,
}

/// What the task and those who ask about it share.
#[derive(Debug, Default)]
struct Inner {
    /// The place, as the settings have it.
    target: ArcSwapOption<Target>,
    /// Since when this process has a place; none while it has none.
    since: Mutex<Option<Millis>>,
    /// What was decided and the task has not taken over.
    decided: Mutex<Option<Decided>>,
    /// One decision at a time.
    deciding: tokio::sync::Mutex<()>,
    /// Told of other settings and decisions.
    changed: Notify,
    /// How it stands.
    standing: Mutex<Standing>,
}

/// How it stands in the server that runs.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// Rooms that are not told to their end.
    rooms_behind: u64,
    /// Of them those whose next event was refused.
    rooms_held: u64,
    /// Of when the oldest of those events is.
    held_since: Option<Millis>,
    /// When something is tried again.
    next_try: Option<Millis>,
    /// When something was taken last.
    last_ok: Option<Millis>,
    /// When something was not, last.
    failed_at: Option<Millis>,
    /// Why; none when something was taken since.
    error: Option<String>,
}

/// How the webhook stands.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The place, without what is secret in it; none where the settings name none.
    pub place: Option<String>,
    /// Whether it is held by a decision.
    pub paused: bool,
    /// Rooms that are not told to their end.
    pub rooms_behind: u64,
    /// Of them those whose next event was refused.
    pub rooms_held: u64,
    /// Of when the oldest of those events is.
    pub held_since: Option<Millis>,
    /// When something is tried again.
    pub next_try: Option<Millis>,
    /// When something was taken last.
    pub last_ok: Option<Millis>,
    /// When something was not, last.
    pub failed_at: Option<Millis>,
    /// Why; none when something was taken since.
    pub error: Option<String>,
    /// How many deliveries were taken, since the server began.
    pub delivered: u64,
    /// How many tries were not.
    pub failed: u64,
    /// How many entries were passed over, too old or by a decision.
    pub skipped: u64,
}

/// What came of a try.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Where.
    pub place: String,
    /// The delivery's id.
    pub id: String,
    /// Why it was not taken; none when it was.
    pub error: Option<String>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub body: String,
    /// How long it took.
    pub took: Option<Duration>,
}

/// What somebody decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send nothing until it is resumed.
    Pause,
    /// Go on.
    Resume,
    /// Pass over everything that was not taken until now.
    Skip,
}

impl Decision {
    const fn act(self) -> &'static str {
        match self {
            Self::Pause => "webhook.pause",
            Self::Resume => "webhook.resume",
            Self::Skip => "webhook.skip",
        }
    }
}

impl Webhook {
    /// One that tells nobody yet.
    pub fn new(
        log: Log,
        moved: Arc<Moved>,
        store: Arc<dyn Store>,
        hub: Arc<Hub>,
        clock: Clock,
        stats: Arc<Stats>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            log,
            moved,
            store,
            hub,
            clock,
            stats,
            stopping,
            inner: Arc::default(),
        }
    }

    /// Tells another place from now on, or none.
    pub fn replace(&self, target: Option<Target>) {
        let on = target.is_some();
        // First the news, then the moment from which on they count.
        self.moved.want(on);
        let mut since = self.inner.since.lock();
        *since = on.then(|| since.unwrap_or_else(|| self.clock.now()));
        drop(since);
        self.inner.target.store(target.map(Arc::new));
        self.inner.changed.notify_one();
    }

    fn target(&self) -> Option<Arc<Target>> {
        self.inner.target.load_full()
    }

    /// How it stands.
    pub async fn show(&self) -> Result<Shown, Refusal> {
        let decided = self.decided().await?;
        let standing = self.inner.standing.lock().clone();
        Ok(Shown {
            place: self.target().map(|target| target.place.clone()),
            paused: decided.paused,
            rooms_behind: standing.rooms_behind,
            rooms_held: standing.rooms_held,
            held_since: standing.held_since,
            next_try: standing.next_try.filter(|_| !decided.paused),
            last_ok: standing.last_ok,
            failed_at: standing.failed_at,
            error: standing.error,
            delivered: self.stats.webhook_delivered.get(),
            failed: self.stats.webhook_failed.get(),
            skipped: self.stats.webhook_skipped.get(),
        })
    }

    /// Rooms that are not told to their end, and of when the oldest event is that was refused.
    pub fn behind(&self) -> (u64, Option<Millis>) {
        let standing = self.inner.standing.lock();
        (standing.rooms_behind, standing.held_since)
    }

    /// Sends something that says nothing, now, and tells what came back.
    pub async fn test(
        &self,
        by: &Authority,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<Tried, Refusal> {
        let target = self.target().ok_or_else(|| {
            let why =
                "there is no webhook: set webhook.url, and see what `chatd config check` says";
            Refusal::Conflict(why.into())
        })?;
        let now = self.clock.now();
        let ping = body::ping(self.store.epoch(), EntryId::new(now), now);
        let ping = ping.ok_or(Refusal::Internal)?;
        let detail = json!({"reason": reason});
        self.record(by, "webhook.test", detail, None, dry_run)
            .await?;
        let mut tried = Tried {
            place: target.place.clone(),
            id: ping.id.clone(),
            error: None,
            status: None,
            body: String::new(),
            took: None,
        };
        if dry_run {
            return Ok(tried);
        }
        let answer = match target.deliver(&ping.id, now, ping.body).await {
            Ok(answer) => Some(answer),
            Err(fault) => {
                tried.error = Some(fault.why);
                fault.answer
            }
        };
        if let Some(answer) = answer {
            let beginning = &answer.body[..answer.body.len().min(SHOWN)];
            tried.status = Some(answer.status);
            tried.body = String::from_utf8_lossy(beginning).into_owned();
            tried.took = Some(answer.took);
        }
        Ok(tried)
    }

    /// Holds it, lets it go on, or passes over what waits. Lasts over restarts.
    pub async fn decide(
        &self,
        by: &Authority,
        decision: Decision,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<Shown, Refusal> {
        let _one_at_a_time = self.inner.deciding.lock().await;
        let mut decided = self.decided().await?;
        match decision {
            Decision::Pause => decided.paused = true,
            Decision::Resume => decided.paused = false,
            Decision::Skip => decided.skipped = Some(self.clock.now()),
        }
        let detail = json!({"reason": reason});
        self.record(by, decision.act(), detail, Some(decided), dry_run)
            .await?;
        if !dry_run {
            *self.inner.decided.lock() = Some(decided);
            self.inner.changed.notify_one();
        }
        let mut shown = self.show().await?;
        shown.paused = decided.paused;
        Ok(shown)
    }

    async fn decided(&self) -> Result<Decided, Refusal> {
        Decided::read(&*self.store).await.map_err(|e| refuse(&e))
    }

    async fn record(
        &self,
        by: &Authority,
        act: &'static str,
        detail: serde_json::Value,
        decided: Option<Decided>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                draft.act(act, &by.actor(), None, detail.clone(), &[]);
                if let Some(write) = decided.and_then(Decided::write) {
                    draft.write(write);
                }
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }
}
