//! The archive: sealing old entries of rooms into segments, making them live again, pruning and checking them,
//! and the schedule by which that happens.
//!
//! A run is a task of the server, one at a time, in small steps that wait their turn at the log behind what
//! people say; who asked for it looks at its record. Each step leaves every entry readable exactly once, so a
//! run can end anywhere: the next one finishes what it left. Of a segment the order is always the same: it is
//! written, read back and compared, and only then what it has is taken out of the live entries.

mod hold;
mod job;
mod plan;
mod prune;
mod restore;
mod schedule;
mod seal;
mod show;
pub(crate) mod step;
mod verify;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::RwLock;
use serde_json::json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    hold::{HeldThing, NewHold},
    job::totals,
    plan::{Plan, Wanted},
    prune::{Prune, Pruned},
    restore::Restoring,
    schedule::{Cron, NewPolicy, Standing, check_settings},
    show::Shown,
    verify::{Problem, Verified},
};
use crate::{
    clock::Clock,
    config::Live,
    feed::Feeds,
    id::RunId,
    log::{Error, Log},
    model::{Authority, Permission, Person, Refusal, Run},
    rights,
    stats::Stats,
    store::{Store, Write},
};

/// How long a restored segment is kept: longer than any request reads.
const LINGER: Duration = Duration::from_mins(1);

/// The archive, with what it needs.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// What happened lately.
    pub feeds: Arc<Feeds>,
    /// Whom runs belong to.
    pub tasks: TaskTracker,
    /// Ends them between two steps.
    pub stopping: CancellationToken,
    /// The run that is under way.
    pub current: Arc<RwLock<Option<Current>>>,
    /// Told when the schedule was changed.
    pub rescheduled: Arc<tokio::sync::Notify>,
    /// Set when the settings' schedule was changed, until it counts from then on.
    pub renewed: Arc<AtomicBool>,
}

/// A run that is under way in this process.
#[derive(Clone, Debug)]
pub struct Current {
    /// As far as it is.
    run: Run,
    /// Has it stop between two segments.
    stop: CancellationToken,
}

impl Archive {
    /// Refuses who may not do this at all.
    pub async fn check(&self, by: &Authority, permission: Permission) -> Result<(), Refusal> {
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let user = self.log.user(caller.user).await?;
        let user = user.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        let may = |p: &Person| rights::may(&p.who(caller.scopes, now), permission);
        user.with(may)
    }

    /// The run that is under way, if one is.
    pub fn running(&self) -> Option<Run> {
        self.current.read().as_ref().map(|c| c.run.clone())
    }

    /// Has a run stop after what it is at; with `dry_run` only says whether it could.
    pub async fn stop(&self, by: &Authority, id: RunId, dry_run: bool) -> Result<(), Refusal> {
        let over = || {
            let why = "this run is not under way: it has ended already";
            Refusal::Conflict(why.into())
        };
        let current = self.current.read().clone();
        let current = current.filter(|c| c.run.id == id).ok_or_else(over)?;
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ArchiveRun))?;
                let target = Some(id.to_string());
                draft.act("archive.stop", &by.actor(), target, json!(null), &[]);
                Ok(())
            });
        done.await?;
        if !dry_run {
            current.stop.cancel();
        }
        Ok(())
    }

    /// Makes writes that nobody has to be asked about any more.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), Error> {
        let done = self.log.append(&[], None, move |draft| {
            draft.by_itself();
            for write in &writes {
                draft.write(write.clone());
            }
            Ok(())
        });
        done.await.map(drop)
    }
}
