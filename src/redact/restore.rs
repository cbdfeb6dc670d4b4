//! Undoing a mass redaction, as long as the texts are there.

use std::collections::HashMap;

use super::{Redact, SLICE, TRIES, authorise, check_turn};
use crate::{
    clock::Millis,
    id::{LogId, RedactionId, RoomId},
    log::{Error, refuse},
    model::{Authority, Deletion, Payload, Redaction, Refusal},
    store::Write,
};

/// How many deletions are read at a time.
const PIECE: usize = 512;

/// What a restore came to, or would come to.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was undone; its `undone_at` is set when nothing more can be.
    pub redaction: Redaction,
    /// How many messages can be read again.
    pub restored: u64,
    /// How many stay deleted, as their text is gone.
    pub erased: u64,
    /// How many stay deleted, as the asker may not restore in their rooms, or these are gone.
    pub out_of_reach: u64,
    /// Whether it was done to the end; else it goes on.
    pub finished: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    restored: u64,
    erased: u64,
    out_of_reach: u64,
}

impl Redact {
    /// What a restore would come to at this moment.
    pub async fn check_restore(
        &self,
        by: &Authority,
        id: RedactionId,
    ) -> Result<Restored, Refusal> {
        self.check_permission(by).await?;
        let redaction = self.redaction(id).await?;
        let counts = self.plan(by, id).await?;
        check(&redaction, counts)?;
        Ok(outcome(redaction, counts, true))
    }

    /// Makes the messages of a redaction readable again. When that takes long it goes on by itself.
    pub async fn restore(&self, by: &Authority, id: RedactionId) -> Result<Restored, Refusal> {
        self.check_permission(by).await?;
        let turn = self.take_turn()?;
        let redaction = self.redaction(id).await?;
        let planned = self.plan(by, id).await?;
        check(&redaction, planned)?;
        let mut asked = redaction.clone();
        asked.detail.actor = by.actor();
        // The act names who undoes it; the record goes on naming who did it.
        self.note_undo(by, &asked).await?;
        let (this, by) = (self.clone(), by.clone());
        let task = self.tasks.spawn(async move {
            let done = this.undo(&by, redaction).await;
            drop(turn);
            done
        });
        match self.wait(task).await? {
            Some(done) => Ok(done),
            None => Ok(outcome(self.redaction(id).await?, planned, false)),
        }
    }

    /// Whether its text may still be shown: what is due to be erased is not given back any more.
    fn is_whole(&self, deletion: &Deletion, now: Millis) -> bool {
        deletion.erased_at.is_none() && now < self.erased_from(deletion.at)
    }

    async fn plan(&self, by: &Authority, id: RedactionId) -> Result<Counts, Refusal> {
        let mut counts = Counts::default();
        let mut reach = HashMap::new();
        let mut last = None;
        loop {
            let piece = self.deletions(id, last).await?;
            let Some(end) = piece.last() else {
                return Ok(counts);
            };
            last = Some((end.room, end.target));
            for deletion in &piece {
                if !self.is_whole(deletion, self.clock.now()) {
                    counts.erased += 1;
                } else if self.reached(by, deletion.room, &mut reach).await? {
                    counts.restored += 1;
                } else {
                    counts.out_of_reach += 1;
                }
            }
        }
    }

    async fn undo(&self, by: &Authority, mut redaction: Redaction) -> Result<Restored, Refusal> {
        let id = redaction.id;
        let place = self.begin_task("redaction", Some(id));
        let mut counts = Counts::default();
        let mut reach = HashMap::new();
        let mut last = None;
        loop {
            let piece = self.deletions(id, last).await?;
            let Some(end) = piece.last() else { break };
            last = Some((end.room, end.target));
            for of_room in piece.chunk_by(|a, b| a.room == b.room) {
                let room = of_room[0].room;
                let whole = |d: &&Deletion| self.is_whole(d, self.clock.now());
                let targets: Vec<u64> = of_room.iter().filter(whole).map(|d| d.target).collect();
                counts.erased += (of_room.len() - targets.len()) as u64;
                if !self.reached(by, room, &mut reach).await? {
                    counts.out_of_reach += targets.len() as u64;
                    continue;
                }
                for slice in targets.chunks(SLICE) {
                    self.check_stopping()?;
                    self.restore_slice(by, (id, room), slice, &mut counts)
                        .await?;
                    place.moved(Some(room), slice.len() as u64);
                }
            }
        }
        // What an operator does not reach is in rooms that are deleted.
        if counts.out_of_reach == 0 || matches!(by, Authority::Operator(_)) {
            let now = self.clock.now();
            redaction.undone_at = Some(now);
            redaction.finished_at.get_or_insert(now);
            let record = redaction.clone();
            let done = self.log.append(&[], None, move |draft| {
                draft.by_itself();
                draft.write(Write::PutRedaction(record.clone()));
                Ok(())
            });
            done.await.map_err(Refusal::from)?;
        }
        let messages = counts.restored;
        tracing::info!(redaction = %id, messages, "a redaction is undone");
        Ok(outcome(redaction, counts, true))
    }

    /// Restores these messages; those that are erased at the same time stay deleted.
    async fn restore_slice(
        &self,
        by: &Authority,
        (id, room): (RedactionId, RoomId),
        slice: &[u64],
        counts: &mut Counts,
    ) -> Result<(), Refusal> {
        let mut slice = slice.to_vec();
        for _ in 0..TRIES {
            if slice.is_empty() {
                return Ok(());
            }
            match self.append_restore(by, (id, room), slice.clone()).await {
                Ok(()) => {
                    counts.restored += slice.len() as u64;
                    return Ok(());
                }
                Err(Error::Stale) => {}
                // They lost the right meanwhile, or the room was deleted.
                Err(Error::Refused(Refusal::Forbidden(_) | Refusal::NotFound(_))) => {
                    counts.out_of_reach += slice.len() as u64;
                    return Ok(());
                }
                Err(Error::Refused(refusal)) => return Err(refusal),
            }
            let mut left = Vec::new();
            for target in slice {
                let deletion = self.store.deletion(room, target).await;
                match deletion.map_err(|e| refuse(&e))? {
                    Some(d) if d.erased_at.is_some() => counts.erased += 1,
                    Some(d) if d.redaction == Some(id) => left.push(target),
                    _ => {}
                }
            }
            slice = left;
        }
        Err(Refusal::Busy)
    }

    async fn append_restore(
        &self,
        by: &Authority,
        (id, room): (RedactionId, RoomId),
        targets: Vec<u64>,
    ) -> Result<(), Error> {
        let (me, by) = (by.user(), by.clone());
        let mut touches: Vec<LogId> = vec![room.into()];
        touches.extend(me.map(LogId::from));
        let done = self.log.append(&touches, None, move |draft| {
            check_turn(draft, &by, room, None)?;
            for target in &targets {
                let back = Payload::Restore { target: *target };
                draft.entry(room.into(), me, back);
                draft.write(Write::Restore {
                    room,
                    target: *target,
                    redaction: Some(id),
                });
            }
            Ok(())
        });
        done.await.map(drop)
    }

    async fn note_undo(&self, by: &Authority, asked: &Redaction) -> Result<(), Refusal> {
        let (id, actor) = (asked.id.to_string(), asked.detail.actor.clone());
        let detail = serde_json::json!({"user": asked.user, "messages": asked.messages()});
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self.log.append(&touches, None, move |draft| {
            authorise(draft, Some(&by))?;
            draft.act(
                "redaction.restore",
                &actor,
                Some(id.clone()),
                detail.clone(),
                &[],
            );
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    async fn deletions(
        &self,
        id: RedactionId,
        after: Option<(RoomId, u64)>,
    ) -> Result<Vec<Deletion>, Refusal> {
        let read = self.store.deletions_of(id, after, PIECE).await;
        read.map_err(|e| refuse(&e))
    }

    async fn reached(
        &self,
        by: &Authority,
        room: RoomId,
        known: &mut HashMap<RoomId, bool>,
    ) -> Result<bool, Refusal> {
        if let Some(reached) = known.get(&room) {
            return Ok(*reached);
        }
        let reached = self.reaches(by, room).await?;
        known.insert(room, reached);
        Ok(reached)
    }
}

fn outcome(redaction: Redaction, counts: Counts, finished: bool) -> Restored {
    Restored {
        redaction,
        restored: counts.restored,
        erased: counts.erased,
        out_of_reach: counts.out_of_reach,
        finished,
    }
}

/// Refuses what would restore nothing, and says why.
fn check(redaction: &Redaction, counts: Counts) -> Result<(), Refusal> {
    if counts.restored > 0 {
        return Ok(());
    }
    Err(if counts.out_of_reach > 0 {
        let why = "you may not restore messages in the rooms of this redaction";
        Refusal::Forbidden(why.into())
    } else if counts.erased > 0 {
        let gone = counts.erased;
        Refusal::Conflict(format!(
            "it is too late: the text of its {gone} messages is erased, or due to be (messages.erase_within)"
        ))
    } else if let Some(at) = redaction.undone_at {
        Refusal::Conflict(format!("it was undone before, at {at}"))
    } else {
        Refusal::Conflict("it deleted nothing that could be restored".into())
    })
}
