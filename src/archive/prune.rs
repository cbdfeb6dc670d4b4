//! Pruning: old segments are to be purged, and are when their time of grace is over. Until then they are read
//! as ever, and restoring the run takes it back. A hold keeps a segment from both.

mod gap;

use serde_json::json;

use self::gap::Gap;

use super::{
    Archive,
    job::{Ended, Job},
    step::reached,
};
use crate::{
    clock::Millis,
    hold::held,
    id::{HoldId, LogId, RoomId, UserId},
    log::{Error, refuse},
    model::{
        Actor, Authority, HoldOn, Payload, Permission, Purge, Refusal, Run, RunDetail, RunKind,
        RunRoom, Segment,
    },
    store::{Write, open_segment},
};

/// How many segments are looked at at a time.
const SEGMENTS: usize = 500;

/// What is to be pruned.
#[derive(Clone, Debug)]
pub struct Prune {
    /// Segments whose last entry is older than this.
    pub before: Millis,
    /// Only in these rooms; empty for all.
    pub rooms: Vec<RoomId>,
    /// How long it can be taken back.
    pub grace: std::time::Duration,
}

/// What pruning would come to.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// Room by room.
    pub rooms: Vec<RunRoom>,
    /// How many segments a hold keeps.
    pub held: u64,
    /// The segments.
    segments: Vec<Segment>,
}

impl Archive {
    /// What pruning would come to.
    pub async fn plan_prune(&self, prune: &Prune) -> Result<Pruned, Refusal> {
        let mut pruned = Pruned::default();
        let mut after: Option<(RoomId, u64)> = None;
        loop {
            let segments = self.store.segments(after, SEGMENTS).await;
            let segments = segments.map_err(|e| refuse(&e))?;
            let Some(last) = segments.last() else {
                return Ok(pruned);
            };
            after = Some((last.room, last.last));
            for segment in segments {
                let wanted = segment.is_sealed()
                    && segment.purge.is_none()
                    && segment.last_at < prune.before
                    && (prune.rooms.is_empty() || prune.rooms.contains(&segment.room));
                if !wanted {
                    continue;
                }
                if self.is_held(&segment).await? {
                    pruned.held += 1;
                    continue;
                }
                RunRoom::gather(&mut pruned.rooms, &segment);
                pruned.segments.push(segment);
            }
        }
    }

    /// Begins to prune; answers the record as it stands then.
    pub async fn prune(&self, by: &Authority, prune: Prune) -> Result<Run, Refusal> {
        self.check(by, Permission::ArchiveRun).await?;
        self.prune_as(by, prune, false).await
    }

    pub(super) async fn prune_as(
        &self,
        by: &Authority,
        prune: Prune,
        scheduled: bool,
    ) -> Result<Run, Refusal> {
        let at = self.clock.now().plus(prune.grace);
        let mut detail = RunDetail::new(by.actor());
        detail.scheduled = scheduled;
        detail.before = Some(prune.before);
        detail.only.clone_from(&prune.rooms);
        detail.purge_at = Some(at);
        let mut job = self.begin(by, RunKind::Prune, detail).await?;
        let begun = job.run.clone();
        self.tasks.spawn(async move {
            let ended = job.mark(&prune, at).await;
            job.end(ended).await;
        });
        Ok(begun)
    }

    /// Whether a hold keeps what is in a segment.
    async fn is_held(&self, segment: &Segment) -> Result<bool, Refusal> {
        let policy = self.log.policy();
        if policy.hold_on_room(segment.room).is_some() {
            return Ok(true);
        }
        let held = policy.holds.iter().filter_map(|h| match h.on {
            HoldOn::User(user) => Some(user),
            HoldOn::Room(_) => None,
        });
        let held: Vec<UserId> = held.collect();
        if held.is_empty() {
            return Ok(false);
        }
        let found = self.store.segment(segment.room, segment.last).await;
        let Some((segment, bytes)) = found.map_err(|e| refuse(&e))? else {
            return Ok(false);
        };
        // Of one that does not read nobody can say whose texts it has: it is kept.
        Ok(open_segment(&segment, &bytes).map_or(true, |lines| {
            lines
                .iter()
                .any(|l| l.from.is_some_and(|from| held.contains(&from)))
        }))
    }

    /// Purges what is due; answers how many segments. What is left is found by the next time.
    pub async fn purge_due(&self) -> Result<u64, Refusal> {
        if self.running().is_some() || self.due(1).await?.0.is_empty() {
            return Ok(0);
        }
        let mut detail = RunDetail::new(Actor::server());
        detail.scheduled = true;
        let by = Authority::Operator(Actor::server());
        let mut job = self.begin(&by, RunKind::Purge, detail).await?;
        // Looked for again now that no other run is under way: what was due may be taken back.
        let ended = match self.due(usize::MAX).await {
            Ok((due, seen)) => job.purge(due, seen).await,
            Err(refusal) => Err(refusal),
        };
        let run = job.end(ended).await;
        Ok(super::job::totals(&run.detail).1)
    }

    /// Segments that are to be purged by now, as many as are asked for, and the holds that were looked at.
    async fn due(&self, limit: usize) -> Result<(Vec<Segment>, Vec<HoldId>), Refusal> {
        let now = self.clock.now();
        let seen: Vec<HoldId> = self.log.policy().holds.iter().map(|h| h.id).collect();
        let mut due = Vec::new();
        let mut after: Option<(RoomId, u64)> = None;
        loop {
            let segments = self.store.segments(after, SEGMENTS).await;
            let segments = segments.map_err(|e| refuse(&e))?;
            let Some(last) = segments.last() else { break };
            after = Some((last.room, last.last));
            for segment in segments {
                let over = segment.purge.is_some_and(|p| p.at <= now);
                if over && segment.is_sealed() && !self.is_held(&segment).await? {
                    due.push(segment);
                    if due.len() >= limit {
                        return Ok((due, seen));
                    }
                }
            }
        }
        Ok((due, seen))
    }
}

impl Job {
    async fn mark(&mut self, prune: &Prune, at: Millis) -> Result<Ended, Refusal> {
        let planned = self.archive.plan_prune(prune).await?;
        self.run.detail.planned = planned.segments.iter().map(|s| s.entries).sum();
        for mut segment in planned.segments {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            let room = segment.room;
            segment.generation += 1;
            segment.purge = Some(Purge {
                run: self.run.id,
                at,
            });
            self.run.detail.room(room).add(&segment);
            let marked = self.archive.commit(vec![Write::UpdateSegment(segment)]);
            if let Err(e) = marked.await {
                self.give_up_room(room, e)?;
            }
            reached("pruned");
            self.note().await?;
        }
        Ok(Ended::Done)
    }

    /// From the last to the first: so whoever has read nothing for long is moved on once, and not by every segment. What is
    /// left when it is stopped is read as ever; made live again it cannot be, with a gap behind it.
    async fn purge(&mut self, segments: Vec<Segment>, seen: Vec<HoldId>) -> Result<Ended, Refusal> {
        held("TEST_HOLD_PURGE").await;
        let mut gap: Option<Gap> = None;
        for segment in segments.into_iter().rev() {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            let room = segment.room;
            let from = self.archive.gap_from(&segment, gap.take()).await?;
            match self.purge_segment(&segment, seen.clone(), from).await {
                Ok(()) => {
                    self.run.detail.room(room).add(&segment);
                    gap = Some(from);
                }
                // Restored or taken back meanwhile.
                Err(Error::Stale) => {}
                Err(e) => self.give_up_room(room, e)?,
            }
            reached("purged");
            self.note().await?;
        }
        Ok(Ended::Done)
    }

    /// The entries go, whoever has read up to the gap that they leave has read on to its end, and the room is told, in one
    /// change; unless there is a hold that was not there when it was looked whether they are held.
    async fn purge_segment(
        &self,
        segment: &Segment,
        seen: Vec<HoldId>,
        gap: Gap,
    ) -> Result<(), Error> {
        let mut segment = segment.clone();
        let (room, run) = (segment.room, self.run.id);
        let (first, last) = (segment.first, segment.last);
        segment.generation += 1;
        segment.purged_at = Some(self.archive.clock.now());
        segment.size = 0;
        let touches = [LogId::Control, room.into()];
        let done = self.archive.log.append(&touches, None, move |draft| {
            draft.by_itself();
            let policy = draft.policy();
            if policy.holds.iter().any(|h| !seen.contains(&h.id)) {
                return Err(Refusal::Conflict("a hold was added meanwhile".into()));
            }
            // A deleted room takes no entry more, and nobody is in it.
            if draft.open_room(room).is_ok() {
                draft.entry(room.into(), None, Payload::Purged { first, last });
            }
            let detail = json!({"run": run, "first": first, "last": last});
            let target = Some(room.to_string());
            draft.act("archive.purged", &Actor::server(), target, detail, &[]);
            draft.write(Write::UpdateSegment(segment.clone()));
            draft.write(Write::MoveOn(gap.passed()));
            Ok(())
        });
        done.await.map(drop)
    }
}
