//! The schedule: when the archive runs by itself, by which ages, and what is due.
//!
//! A cron expression says when, in UTC. What is due is told by our own record, the moment from which on the
//! schedule counts: what was missed while no server ran is found by it, and runs once. `tokio-cron-scheduler`
//! only wakes us.

mod cron;
mod waker;

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use serde_json::json;

pub use self::cron::Cron;
use self::waker::Waker;
use super::{Archive, Prune, Wanted};
use crate::{
    clock::Millis,
    config,
    id::RoomId,
    log::ARCHIVE,
    model::{Actor, Age, ArchivePolicy, Authority, Permission, Reason, Refusal, Run},
    rights,
    store::Write,
};

/// How often what is due is looked for, whatever the schedule says: purges, and clocks that were set.
const LOOK: Duration = Duration::from_mins(1);

/// How the schedule stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The expression; none when nothing runs by itself.
    pub schedule: Option<String>,
    /// Whether it is held.
    pub paused: bool,
    /// When it runs next; none when it does not.
    pub next_at: Option<Millis>,
    /// The last run by the schedule.
    pub last: Option<Run>,
    /// From which age on entries are archived.
    pub older_than: Age,
    /// From which age on what is archived is pruned.
    pub prune_older_than: Age,
    /// Rooms with an age of their own.
    pub rooms: BTreeMap<RoomId, Age>,
    /// Which of these were decided at run time, and not by the settings.
    pub decided: Vec<&'static str>,
}

/// What is to be decided about the schedule; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct NewPolicy {
    /// The expression; empty for never, none inside to give it back to the settings.
    pub schedule: Option<Option<String>>,
    /// Whether it is held.
    pub paused: Option<bool>,
    /// The age; none inside to give it back to the settings.
    pub older_than: Option<Option<Age>>,
    /// The age for pruning.
    pub prune_older_than: Option<Option<Age>>,
    /// Rooms; none inside for the age of all.
    pub rooms: Vec<(RoomId, Option<Age>)>,
    /// Why.
    pub reason: Option<Reason>,
}

/// Refuses settings by which the schedule cannot go. An error is the whole sentence.
pub fn check_settings(settings: &config::Archive) -> Result<(), String> {
    if settings.schedule.is_empty() {
        return Ok(());
    }
    let checked = Cron::parse(&settings.schedule).map(drop);
    checked.map_err(|why| format!("archive.schedule: {:?}: {why}", settings.schedule))
}

impl Archive {
    /// The settings say another schedule. Like one that was decided, it does not ask for what was due before.
    pub fn reschedule(&self) {
        self.renewed.store(true, Ordering::Release);
        self.rescheduled.notify_one();
    }

    /// The schedule that holds: what was decided at run time, or else the settings'.
    fn cron(&self) -> Option<Cron> {
        self.cron_of(&self.log.policy().archive)
    }

    fn cron_of(&self, policy: &ArchivePolicy) -> Option<Cron> {
        let config = self.config.get();
        let text = policy.schedule.as_deref();
        let text = text.unwrap_or(&config.archive.schedule);
        // Both were checked when they were set.
        (!text.is_empty()).then(|| Cron::parse(text).ok()).flatten()
    }

    /// How the schedule stands.
    pub async fn standing(&self) -> Result<Standing, Refusal> {
        let policy = self.log.policy().archive.clone();
        self.standing_by(policy).await
    }

    /// How it stands, or would stand, by these decisions.
    async fn standing_by(&self, policy: ArchivePolicy) -> Result<Standing, Refusal> {
        let cron = self.cron_of(&policy);
        let since = policy.since.unwrap_or_else(|| self.clock.now());
        let next = cron.as_ref().and_then(|cron| cron.after(since));
        let last = match policy.last {
            Some(id) => self.find_run(id).await.ok(),
            None => None,
        };
        let config = self.config.snapshot();
        let settings = &config.archive;
        let mut decided = Vec::new();
        for (name, is) in [
            ("schedule", policy.schedule.is_some()),
            ("older_than", policy.older_than.is_some()),
            ("prune_older_than", policy.prune_older_than.is_some()),
        ] {
            decided.extend(is.then_some(name));
        }
        Ok(Standing {
            schedule: cron.map(|cron| cron.text),
            paused: policy.paused,
            next_at: next.filter(|_| !policy.paused),
            last,
            older_than: self.age(settings.older_than, policy.older_than),
            prune_older_than: self.age(settings.prune_older_than, policy.prune_older_than),
            rooms: policy.rooms,
            decided,
        })
    }

    /// Decides when and by which ages the archive runs: at once and lasting, over what the settings say. Answers how
    /// the schedule stands by that; in a dry run, how it would.
    pub async fn set_policy(
        &self,
        by: &Authority,
        new: NewPolicy,
        dry_run: bool,
    ) -> Result<Standing, Refusal> {
        self.check(by, Permission::ArchiveRun).await?;
        self.check_policy(&new)?;
        let (touches, by, asked) = (by.touching(&[]), by.clone(), new.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ArchiveRun))?;
                let before = draft.policy().archive.clone();
                let after = changed(&before, &asked, draft.now());
                if after == before {
                    return Ok(());
                }
                let detail = json!({"before": before, "after": after, "reason": asked.reason});
                draft.act("archive.policy", &by.actor(), None, detail, &[]);
                let value = serde_json::to_string(&after).map_err(|_| Refusal::Internal)?;
                draft.write(Write::PutSetting(ARCHIVE.into(), value));
                Ok(())
            });
        done.await?;
        let mut policy = self.log.policy().archive.clone();
        if dry_run {
            policy = changed(&policy, &new, self.clock.now());
        } else {
            self.rescheduled.notify_one();
        }
        self.standing_by(policy).await
    }

    fn check_policy(&self, new: &NewPolicy) -> Result<(), Refusal> {
        if let Some(Some(text)) = new.schedule.as_ref().filter(|s| s.as_deref() != Some("")) {
            Cron::parse(text).map_err(|e| Refusal::field("schedule", e))?;
        }
        let min = self.config.get().archive.min_age;
        let max = Duration::from_hours(36_500 * 24);
        let ages = [
            ("older_than", new.older_than.flatten()),
            ("prune_older_than", new.prune_older_than.flatten()),
        ];
        let all = ages.iter().map(|(field, age)| (*field, *age));
        let all = all.chain(new.rooms.iter().map(|(_, age)| ("rooms", *age)));
        for (field, age) in all {
            if matches!(age, Some(Age::Over(age)) if age > max) {
                return Err(Refusal::field(field, "at most 36500d, or never"));
            }
        }
        let young = |age: &Age| matches!(age, Age::Over(age) if *age < min.get() || age.is_zero());
        let of_rooms = new.rooms.iter().map(|(_, age)| ("rooms", *age));
        for (field, age) in ages.into_iter().chain(of_rooms) {
            if age.as_ref().is_some_and(young) {
                let why = format!("at least archive.min_age, which is {min}, or never");
                return Err(Refusal::field(field, why));
            }
        }
        Ok(())
    }

    /// Runs what is due, and purges; until the server stops.
    pub async fn keep_schedule(self) {
        if let Err(e) = self.close_interrupted().await {
            tracing::warn!(error = %e, "cannot look for runs of the archive that were interrupted");
        }
        let mut waker = Waker::default();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            waker.follow(&self).await;
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                () = self.rescheduled.notified() => {}
                _ = look.tick() => self.tend().await,
            }
            if let Err(e) = self.run_due().await {
                tracing::warn!(error = %e, "the scheduled run of the archive did not begin; trying again");
            }
        }
        waker.stop().await;
    }

    /// What has to be done now and then, apart from the schedule.
    async fn tend(&self) {
        match self.purge_due().await {
            Ok(0) => {}
            Ok(segments) => tracing::info!(segments, "archived messages were purged"),
            Err(e) => {
                tracing::warn!(error = %e, "what is due could not be purged yet; trying again");
            }
        }
        if let Err(e) = self.drop_all_restored().await {
            tracing::warn!(error = %e, "restored segments could not be dropped yet; trying again");
        }
    }

    async fn drop_all_restored(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            let segments = self.store.segments(after, 500).await;
            let segments = segments.map_err(|e| crate::log::refuse(&e))?;
            let Some(last) = segments.last() else {
                return Ok(());
            };
            after = Some((last.room, last.last));
            let over = |at: Millis| now >= at.plus(super::LINGER);
            for room in segments.chunk_by(|a, b| a.room == b.room) {
                if room.iter().any(|s| s.restored_at.is_some_and(over)) {
                    match self.drop_restored(room[0].room).await {
                        // One of them was restored only just now.
                        Ok(()) | Err(crate::log::Error::Refused(Refusal::Conflict(_))) => {}
                        Err(e) => return Err(e.into()),
                    }
                }
            }
        }
    }

    /// Begins the run that is due by the schedule, if one is.
    async fn run_due(&self) -> Result<(), Refusal> {
        let (policy, now) = (self.log.policy().archive.clone(), self.clock.now());
        let Some(cron) = self.cron() else {
            return Ok(());
        };
        let Some(since) = policy.since else {
            // The first time: what was before is not asked for.
            return self.count_from(now).await;
        };
        if self.renewed.load(Ordering::Acquire) {
            if policy.schedule.is_none() {
                self.count_from(now).await?;
            }
            self.renewed.store(false, Ordering::Release);
            return Ok(());
        }
        let due = cron.after(since).is_some_and(|next| next <= now);
        if policy.paused || !due || self.running().is_some() {
            return Ok(());
        }
        // Before it runs: one that fails is not tried again and again, but at its next time.
        self.count_from(now).await?;
        let by = Authority::Operator(Actor::server());
        if let Some(run) = self.run_scheduled(&by, true).await? {
            self.note(move |policy| policy.last = Some(run.id)).await?;
        }
        Ok(())
    }

    /// What the schedule archives at this moment; none when that is nothing, by policy.
    pub fn scheduled(&self) -> Option<Wanted> {
        let (policy, now) = (self.log.policy().archive.clone(), self.clock.now());
        let config = self.config.get();
        let settings = &config.archive;
        let old = self.age(settings.older_than, policy.older_than);
        let own = policy.rooms.values().any(|age| *age != Age::Never);
        // With rooms that have an age of their own only, nothing of the others is as old as this.
        let before = old.before(now).or(own.then_some(Millis(0)))?;
        Some(Wanted {
            before: before.min(now.minus(settings.min_age.into())),
            rooms: Vec::new(),
            rate: self.usual_rate(),
        })
    }

    /// Runs at once what the schedule runs; answers none when that is nothing.
    pub async fn run_now(&self, by: &Authority) -> Result<Option<Run>, Refusal> {
        self.check(by, Permission::ArchiveRun).await?;
        self.run_scheduled(by, false).await
    }

    /// Archives what is old enough, and then prunes what is older still.
    async fn run_scheduled(&self, by: &Authority, scheduled: bool) -> Result<Option<Run>, Refusal> {
        let begun = match self.scheduled() {
            Some(wanted) => Some(self.seal_as(by, wanted, scheduled).await?),
            None => None,
        };
        let policy = self.log.policy().archive.clone();
        let configured = self.config.get().archive.prune_older_than;
        let age = self.age(configured, policy.prune_older_than);
        if let Some(before) = age.before(self.clock.now()) {
            let (this, by) = (self.clone(), by.clone());
            self.tasks.spawn(async move {
                this.wait_idle().await;
                let prune = Prune {
                    before,
                    rooms: Vec::new(),
                    grace: this.config.get().archive.grace.into(),
                };
                if let Err(e) = this.prune_if_any(&by, prune, scheduled).await {
                    tracing::warn!(error = %e, "the scheduled pruning did not begin");
                }
            });
        }
        Ok(begun)
    }

    async fn prune_if_any(
        &self,
        by: &Authority,
        prune: Prune,
        scheduled: bool,
    ) -> Result<(), Refusal> {
        if !self.plan_prune(&prune).await?.rooms.is_empty() {
            self.prune_as(by, prune, scheduled).await?;
        }
        Ok(())
    }

    /// Waits until no run is under way.
    async fn wait_idle(&self) {
        while self.running().is_some() && !self.stopping.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn count_from(&self, now: Millis) -> Result<(), Refusal> {
        self.note(move |policy| policy.since = Some(now)).await
    }

    /// Keeps something about the schedule that nobody decided.
    async fn note(
        &self,
        mut change: impl FnMut(&mut ArchivePolicy) + Send + 'static,
    ) -> Result<(), Refusal> {
        let touches = [crate::id::LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            draft.by_itself();
            let mut policy = draft.policy().archive.clone();
            change(&mut policy);
            let value = serde_json::to_string(&policy).map_err(|_| Refusal::Internal)?;
            draft.write(Write::PutSetting(ARCHIVE.into(), value));
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

/// The policy after what is asked for.
fn changed(before: &ArchivePolicy, new: &NewPolicy, now: Millis) -> ArchivePolicy {
    let mut policy = before.clone();
    if let Some(schedule) = &new.schedule {
        policy.schedule.clone_from(schedule);
    }
    if let Some(paused) = new.paused {
        policy.paused = paused;
    }
    if let Some(age) = new.older_than {
        policy.older_than = age;
    }
    if let Some(age) = new.prune_older_than {
        policy.prune_older_than = age;
    }
    for (room, age) in &new.rooms {
        match age {
            Some(age) => policy.rooms.insert(*room, *age),
            None => policy.rooms.remove(room),
        };
    }
    // A schedule that is new, or goes on, does not ask for what was due before.
    if policy.schedule != before.schedule || (before.paused && !policy.paused) {
        policy.since = Some(now);
    }
    policy.since = policy.since.or(Some(now));
    policy
}
