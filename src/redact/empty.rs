//! Taking texts out of the store, wherever they lie: out of the live entry, and out of the segment that has it,
//! which is sealed anew without them. What is under a hold stays.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;

use super::Redact;
use crate::{
    clock::Millis,
    id::{HoldId, RoomId, RunId},
    log::{Draft, refuse},
    model::{Actor, HoldOn, Policy, Refusal, Run, RunDetail, RunKind, RunState, Segment},
    segment,
    store::{Write, erased, is_erased, open_segment},
};

/// Texts that are to leave the store, and what that comes to.
#[derive(Clone, Debug)]
pub(super) struct Emptied {
    /// Each text, and the generation of the segment that has it, as it will be.
    texts: Vec<(RoomId, u64, Option<u32>)>,
    /// The segments without them.
    segments: Vec<(Segment, Bytes)>,
    /// The holds that were looked at.
    seen: Vec<HoldId>,
    /// How many texts stay: they are held, or lie where nothing can be taken out.
    pub(super) kept: u64,
}

impl Emptied {
    /// How many texts leave the store.
    pub(super) fn count(&self) -> u64 {
        self.texts.len() as u64
    }

    /// Writes it down, for somebody who touches the control log. A run that rewrote segments is recorded.
    pub(super) fn write(&self, draft: &mut Draft<'_>, actor: &Actor) -> Result<(), Refusal> {
        let policy = draft.policy();
        if policy.holds.iter().any(|h| !self.seen.contains(&h.id)) {
            return Err(Refusal::Conflict("a hold was added meanwhile".into()));
        }
        let at = draft.now();
        if !self.segments.is_empty() {
            let run = self.run(actor, at);
            let detail = json!({"run": run.id, "texts": self.texts.len()});
            let target = Some(run.id.to_string());
            draft.act("archive.erase", actor, target, detail, &[]);
            draft.write(Write::PutRun(run));
        }
        for (segment, bytes) in &self.segments {
            draft.write(Write::RewriteSegment(segment.clone(), bytes.clone()));
        }
        for (room, target, generation) in &self.texts {
            draft.write(Write::Erase {
                room: *room,
                target: *target,
                at,
                generation: *generation,
            });
        }
        Ok(())
    }

    fn run(&self, actor: &Actor, at: Millis) -> Run {
        let mut detail = RunDetail::new(actor.clone());
        for (segment, _) in &self.segments {
            detail.room(segment.room).add(segment);
        }
        detail.planned = detail.rooms.iter().map(|r| r.entries).sum();
        Run {
            id: RunId::new(at),
            kind: RunKind::Erase,
            state: RunState::Done,
            at,
            finished_at: Some(at),
            detail,
        }
    }
}

impl Redact {
    /// What taking these texts out comes to, as things stand.
    pub(super) async fn empty(&self, targets: &[(RoomId, u64)]) -> Result<Emptied, Refusal> {
        let policy = self.log.policy();
        let mut emptied = Emptied {
            texts: Vec::new(),
            segments: Vec::new(),
            seen: policy.holds.iter().map(|h| h.id).collect(),
            kept: 0,
        };
        let mut archived: BTreeMap<(RoomId, u64), Vec<u64>> = BTreeMap::new();
        for (room, target) in targets {
            if policy.hold_on_room(*room).is_some() {
                emptied.kept += 1;
                continue;
            }
            let segment = self.store.segment_from(*room, *target).await;
            let segment = segment.map_err(|e| refuse(&e))?;
            match segment.filter(|s| s.covers(*target) && s.purged_at.is_none()) {
                Some(segment) => {
                    let of = archived.entry((*room, segment.last)).or_default();
                    of.push(*target);
                }
                None if self.is_held(&policy, *room, *target).await? => emptied.kept += 1,
                None => emptied.texts.push((*room, *target, None)),
            }
        }
        for ((room, last), targets) in archived {
            self.empty_segment(&policy, room, last, targets, &mut emptied)
                .await?;
        }
        Ok(emptied)
    }

    /// Whether a hold on a person keeps a live message.
    async fn is_held(&self, policy: &Policy, room: RoomId, target: u64) -> Result<bool, Refusal> {
        if !policy.holds.iter().any(|h| matches!(h.on, HoldOn::User(_))) {
            return Ok(false);
        }
        let entry = self.store.live_entry(room.into(), target).await;
        let from = entry.map_err(|e| refuse(&e))?.and_then(|e| e.from);
        Ok(from.is_some_and(|from| policy.hold_on_user(from).is_some()))
    }

    async fn empty_segment(
        &self,
        policy: &Policy,
        room: RoomId,
        last: u64,
        targets: Vec<u64>,
        emptied: &mut Emptied,
    ) -> Result<(), Refusal> {
        let found = self.store.segment(room, last).await;
        let Some((mut segment, bytes)) = found.map_err(|e| refuse(&e))? else {
            return Err(Refusal::Busy);
        };
        let lines = match open_segment(&segment, &bytes) {
            Ok(lines) => lines,
            Err(e) => {
                // Nothing can be taken out of what does not read, nor be said to be gone from it.
                tracing::error!(error = %e, "texts of deleted messages stay; see `chatd archive verify`");
                emptied.kept += targets.len() as u64;
                return Ok(());
            }
        };
        let held = |l: &segment::Line| l.from.is_some_and(|f| policy.hold_on_user(f).is_some());
        let gone: Vec<u64> = targets
            .iter()
            .copied()
            .filter(|seq| !lines.iter().any(|l| l.seq == *seq && held(l)))
            .collect();
        emptied.kept += (targets.len() - gone.len()) as u64;
        if gone.is_empty() {
            return Ok(());
        }
        let take = |line: segment::Line| {
            let out = line.is_message() && gone.contains(&line.seq);
            if out { erased(line) } else { line }
        };
        let lines: Vec<_> = lines.into_iter().map(take).collect();
        segment.erased = lines.iter().filter(|l| is_erased(l)).count() as u64;
        let sealing = tokio::task::spawn_blocking(move || segment::seal(room, &lines));
        let sealed = sealing.await.map_err(|_| Refusal::Internal)?;
        let sealed = sealed.map_err(|e| Refusal::Conflict(e.to_string()))?;
        segment.bytes = sealed.header.bytes;
        segment.size = sealed.bytes.len() as u64;
        segment.generation += 1;
        let generation = Some(segment.generation);
        let texts = gone.into_iter().map(|target| (room, target, generation));
        emptied.texts.extend(texts);
        emptied.segments.push((segment, sealed.bytes.into()));
        Ok(())
    }
}
