//! Restoring: the entries of a run are live again, as they were; or what was pruned is not purged after all.
//!
//! What is live of a room is the end of its log, so a segment is restored after those that follow it: whoever
//! restores a run restores with it what later runs archived of the same rooms. Entries come back from the last
//! to the first, and the segment stays for a while: who reads meanwhile finds each of them.

use super::{
    Archive,
    job::{Ended, Job},
    step::reached,
};
use crate::{
    id::{RoomId, RunId},
    log::{Error, refuse},
    model::{Authority, Permission, Refusal, Run, RunDetail, RunKind, RunRoom, Segment},
    store::{Write, check_segment},
};

/// How many segments are looked at at a time.
const SEGMENTS: usize = 500;
/// How many entries one step brings back.
const SLICE: usize = 250;

/// What restoring a run would come to.
#[derive(Clone, Debug)]
pub struct Restoring {
    /// The run.
    pub of: Run,
    /// Room by room, what comes back.
    pub rooms: Vec<RunRoom>,
    /// How many of those segments are of later runs.
    pub later: u64,
}

/// What restoring a run is about.
#[derive(Debug, Default)]
struct ToRestore {
    /// The segments, by room, the first ones first.
    segments: Vec<Segment>,
    /// Rooms that stay as they are: what follows there was purged, and what is live must have no gap.
    blocked: Vec<RoomId>,
}

/// Why a room is left as it is.
const BLOCKED: &str = "later messages of this room were purged: what was before them stays archived, \
                       where it is read as ever";

impl Archive {
    /// What restoring a run would come to.
    pub async fn plan_restore(&self, id: RunId) -> Result<Restoring, Refusal> {
        let run = self.find_run(id).await?;
        let mut rooms: Vec<RunRoom> = Vec::new();
        let mut later = 0;
        let found = self.to_restore(&run).await?;
        for segment in found.segments {
            later += u64::from(run.kind == RunKind::Archive && segment.run != run.id);
            RunRoom::gather(&mut rooms, &segment);
        }
        rooms.extend(found.blocked.into_iter().map(|room| RunRoom {
            error: Some(BLOCKED.into()),
            ..RunRoom::new(room)
        }));
        Ok(Restoring {
            of: run,
            rooms,
            later,
        })
    }

    /// Begins to restore; answers the record as it stands then.
    pub async fn restore(&self, by: &Authority, id: RunId) -> Result<Run, Refusal> {
        self.check(by, Permission::ArchiveRun).await?;
        let run = self.find_run(id).await?;
        // Refused before anything is recorded.
        let found = self.to_restore(&run).await?;
        let mut detail = RunDetail::new(by.actor());
        detail.of = Some(id);
        detail.planned = found.segments.iter().map(|s| s.entries).sum();
        let mut job = self.begin(by, RunKind::Restore, detail).await?;
        let begun = job.run.clone();
        self.tasks.spawn(async move {
            let ended = job.restore(&run).await;
            job.end(ended).await;
        });
        Ok(begun)
    }

    /// What restoring a run is about, as things stand.
    async fn to_restore(&self, run: &Run) -> Result<ToRestore, Refusal> {
        if !matches!(run.kind, RunKind::Archive | RunKind::Prune) {
            let why = format!("a run of kind {} has nothing to restore", run.kind);
            return Err(Refusal::Conflict(why));
        }
        let mut found = ToRestore::default();
        let mut purged = 0_u64;
        let mut after: Option<(RoomId, u64)> = None;
        loop {
            let segments = self.store.segments(after, SEGMENTS).await;
            let segments = segments.map_err(|e| refuse(&e))?;
            let Some(last) = segments.last() else { break };
            after = Some((last.room, last.last));
            for segment in segments {
                let of_run = match run.kind {
                    RunKind::Prune => segment.purge.is_some_and(|p| p.run == run.id),
                    _ => segment.run == run.id,
                };
                let before = found.segments.last();
                let follows =
                    run.kind == RunKind::Archive && before.is_some_and(|b| b.room == segment.room);
                if segment.purged_at.is_some() {
                    purged += u64::from(of_run);
                    if follows {
                        found.segments.retain(|s| s.room != segment.room);
                        found.blocked.push(segment.room);
                    }
                } else if (of_run || follows) && segment.is_sealed() {
                    found.segments.push(segment);
                }
            }
        }
        // A segment of the run after the one that was purged can come back.
        let back = |room: &RoomId| found.segments.iter().any(|s| s.room == *room);
        found.blocked.retain(|room| !back(room));
        if found.segments.is_empty() && found.blocked.is_empty() {
            let why = if purged > 0 {
                "what this run was about was purged: it is gone for good"
            } else {
                "nothing of this run is left to restore"
            };
            return Err(Refusal::Conflict(why.into()));
        }
        Ok(found)
    }
}

impl Job {
    async fn restore(&mut self, of: &Run) -> Result<Ended, Refusal> {
        // Looked at again now that no other run is under way: what it was before may be gone, or be more.
        let found = self.archive.to_restore(of).await?;
        self.run.detail.planned = found.segments.iter().map(|s| s.entries).sum();
        for room in found.blocked {
            self.run.detail.room(room).error = Some(BLOCKED.into());
        }
        match of.kind {
            RunKind::Prune => self.keep(of.id, found.segments).await,
            _ => self.restore_rooms(found.segments).await,
        }
    }

    async fn restore_rooms(&mut self, segments: Vec<Segment>) -> Result<Ended, Refusal> {
        for of_room in segments.chunk_by(|a, b| a.room == b.room) {
            let Some(room) = of_room.first().map(|s| s.room) else {
                continue;
            };
            // From the last one on, so that what is live has no gap.
            for segment in of_room.iter().rev() {
                if self.is_stopped() {
                    return Ok(Ended::Stopped);
                }
                if let Err(e) = self.restore_segment(segment).await {
                    self.give_up_room(room, e)?;
                    break;
                }
                self.run.detail.room(room).add(segment);
                self.note().await?;
            }
        }
        Ok(Ended::Done)
    }

    async fn restore_segment(&self, segment: &Segment) -> Result<(), Error> {
        let (room, store) = (segment.room, &self.archive.store);
        let found = store.segment(room, segment.last).await;
        let found = found.map_err(|e| refuse(&e))?;
        let Some((mut segment, bytes)) = found.filter(|(s, _)| s.is_sealed()) else {
            return Ok(());
        };
        let lines = check_segment(&segment, &bytes).map_err(|e| {
            Refusal::Conflict(format!("segment {}-{}: {e}", segment.first, segment.last))
        })?;
        for slice in lines.rchunks(SLICE) {
            let back = Write::InsertLive {
                room,
                lines: slice.to_vec(),
                generation: segment.generation,
            };
            self.archive.commit(vec![back]).await?;
            reached("restored slice");
        }
        let live = store.lines(
            room,
            segment.first - 1,
            segment.last,
            lines.len(),
            usize::MAX,
        );
        if live.await.map_err(|e| refuse(&e))? != lines {
            let why = "what is live now is not what was sealed; see: chatd archive verify";
            return Err(Refusal::Conflict(why.into()).into());
        }
        reached("restored");
        segment.restored_at = Some(self.archive.clock.now());
        segment.purge = None;
        segment.generation += 1;
        self.archive
            .commit(vec![Write::UpdateSegment(segment)])
            .await?;
        reached("marked");
        Ok(())
    }

    /// Takes back what a run pruned.
    async fn keep(&mut self, of: RunId, segments: Vec<Segment>) -> Result<Ended, Refusal> {
        for mut segment in segments {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            let room = segment.room;
            if segment.purge.is_none_or(|p| p.run != of) {
                continue;
            }
            segment.purge = None;
            segment.generation += 1;
            self.run.detail.room(room).add(&segment);
            let kept = self.archive.commit(vec![Write::UpdateSegment(segment)]);
            if let Err(e) = kept.await {
                self.give_up_room(room, e)?;
            }
            self.note().await?;
        }
        Ok(Ended::Done)
    }
}
