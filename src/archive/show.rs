//! Looking at runs, at segments, and at what is in them.

use bytes::Bytes;

use super::Archive;
use crate::{
    id::{RoomId, RunId},
    log::refuse,
    model::{Entry, Refusal, Run, RunKind, RunState, Segment},
    store::lay,
};

/// How many entries are shown at a time, at most.
const CAT: usize = 1_000;
/// How many bytes of them.
const CAT_BYTES: usize = 1 << 20;

/// Entries of a room, archived or live, for operators.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The entries; deleted messages without their text.
    pub entries: Vec<Entry>,
    /// Live entries that do not read.
    pub damaged: Vec<u64>,
    /// After which entry to go on; none at the end.
    pub next: Option<u64>,
}

impl Archive {
    /// A run as it stands.
    pub async fn find_run(&self, id: RunId) -> Result<Run, Refusal> {
        let run = self.store.run(id).await.map_err(|e| refuse(&e))?;
        self.stands(run.ok_or(Refusal::NotFound("run"))?).await
    }

    /// Runs, the newest first, from the first that is older than `before`.
    pub async fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, Refusal> {
        let runs = self.store.runs(before, limit).await;
        let mut stand = Vec::new();
        for run in runs.map_err(|e| refuse(&e))? {
            stand.push(self.stands(run).await?);
        }
        Ok(stand)
    }

    /// The record of a run may be a moment behind, or say of one whose process is gone that it is under way. Over
    /// is what has given its place free, too: whoever reads that it is, can begin the next.
    async fn stands(&self, run: Run) -> Result<Run, Refusal> {
        if let Some(live) = self.running().filter(|live| live.id == run.id) {
            return Ok(live);
        }
        if run.state != RunState::Running {
            return Ok(run);
        }
        // It may have ended since it was read: its end is recorded before it is no longer under way.
        let again = self.store.run(run.id).await.map_err(|e| refuse(&e))?;
        let mut run = again.unwrap_or(run);
        if run.state == RunState::Running {
            run.state = RunState::Interrupted;
        }
        Ok(run)
    }

    /// Segments by room and range, from the first after `after`.
    pub async fn segments(
        &self,
        after: Option<(RoomId, u64)>,
        limit: usize,
    ) -> Result<Vec<Segment>, Refusal> {
        self.store
            .segments(after, limit)
            .await
            .map_err(|e| refuse(&e))
    }

    /// A segment with its bytes, as they lie in the store.
    pub async fn segment(&self, room: RoomId, last: u64) -> Result<(Segment, Bytes), Refusal> {
        let found = self.store.segment(room, last).await;
        let found = found.map_err(|e| refuse(&e))?;
        let found = found.filter(|(segment, _)| segment.purged_at.is_none());
        found.ok_or(Refusal::NotFound("segment"))
    }

    /// What a room's log has after an entry, archived or live, up to and with another; messages as they are
    /// now.
    pub async fn cat(&self, room: RoomId, after: u64, upto: u64) -> Result<Shown, Refusal> {
        let read = self
            .store
            .readable(room.into(), after, upto, CAT, CAT_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        let mut entries = read.entries;
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            let over = self.store.laid_over(room, first.seq, last.seq).await;
            let over = over.map_err(|e| refuse(&e))?;
            lay(&mut entries, over);
        }
        Ok(Shown {
            entries,
            damaged: read.damaged,
            next: read.next.filter(|seq| *seq < upto),
        })
    }

    /// What is archived of a room; or, of a run, what it sealed: ranges, by room.
    pub async fn ranges(
        &self,
        room: Option<RoomId>,
        run: Option<RunId>,
    ) -> Result<Vec<(RoomId, u64, u64)>, Refusal> {
        if let Some(id) = run {
            let found = self.find_run(id).await?;
            if found.kind != RunKind::Archive {
                let why = format!("a run of kind {} has no entries to show", found.kind);
                return Err(Refusal::Conflict(why));
            }
        }
        let mut ranges: Vec<(RoomId, u64, u64)> = Vec::new();
        let mut after = room.map(|room| (room, 0));
        loop {
            let segments = self.segments(after, 500).await?;
            let Some(last) = segments.last() else {
                return Ok(ranges);
            };
            after = Some((last.room, last.last));
            for segment in segments {
                if room.is_some_and(|room| room != segment.room) {
                    return Ok(ranges);
                }
                if run.is_some_and(|run| run != segment.run) || !segment.is_sealed() {
                    continue;
                }
                match ranges.last_mut() {
                    Some((room, _, last))
                        if *room == segment.room && *last + 1 == segment.first =>
                    {
                        *last = segment.last;
                    }
                    _ => ranges.push((segment.room, segment.first, segment.last)),
                }
            }
        }
    }
}
