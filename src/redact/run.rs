//! Mass redaction: deleting all that somebody said in some time.
//!
//! It is recorded before the first message goes, and what it has deleted is recorded together with each
//! slice of deletions. So wherever it is broken off, what was deleted belongs to it, and the count is right;
//! asking for the same again takes it up where it was left.

use std::collections::HashSet;

use serde_json::json;

use super::{Redact, SLICE, TRIES, authorise, check_turn, find::Period, under_way::Place};
use crate::{
    clock::Millis,
    id::{LogId, RedactionId, RoomId, UserId},
    log::{Error, refuse},
    model::{Authority, Deletion, Payload, Reason, Redaction, RedactionDetail, Refusal},
    store::Write,
};

/// How many of the last redactions are looked through for one that was broken off.
const LOOK_BACK: usize = 100;

/// What is to be deleted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose messages.
    pub user: UserId,
    /// From when.
    pub since: Millis,
    /// Up to when; none for now.
    pub until: Option<Millis>,
    /// In which rooms; empty for all.
    pub rooms: Vec<RoomId>,
    /// Why.
    pub reason: Option<Reason>,
}

impl Redact {
    /// What a run would delete at this moment: the same search, and nothing done.
    pub async fn preview(&self, by: &Authority, wanted: Wanted) -> Result<Redaction, Refusal> {
        self.check_permission(by).await?;
        let mut record = self.record(by, wanted)?;
        let counting = async {
            let detail = &record.detail;
            let rooms = self.rooms(by, &detail.rooms, detail.since).await?;
            for room in rooms {
                let mut walk = self.walk(room, &record).await?;
                let mut count = 0;
                while walk.more {
                    count += self.read_on(&mut walk).await?.len() as u64;
                }
                add(&mut record, room, count);
            }
            Ok(record)
        };
        match tokio::time::timeout(super::PATIENCE, counting).await {
            Ok(counted) => counted,
            Err(_) => Err(Refusal::TooLarge(
                "it takes too long to count; ask for a shorter time, or name the rooms".into(),
            )),
        }
    }

    /// Deletes it all. When that takes long the answer is the redaction as it stands, without its
    /// `finished_at`, and it goes on.
    pub async fn redact(&self, by: &Authority, wanted: Wanted) -> Result<Redaction, Refusal> {
        self.check_permission(by).await?;
        let turn = self.take_turn()?;
        let new = self.record(by, wanted)?;
        // Refused before anything is recorded.
        for room in &new.detail.rooms {
            self.check_room(by, *room, None).await?;
        }
        let record = self.take_up(by, new).await?;
        let (id, this, by) = (record.id, self.clone(), by.clone());
        let task = self.tasks.spawn(async move {
            let done = this.run(&by, record).await;
            drop(turn);
            done
        });
        match self.wait(task).await? {
            Some(done) => Ok(done),
            None => self.redaction(id).await,
        }
    }

    fn record(&self, by: &Authority, wanted: Wanted) -> Result<Redaction, Refusal> {
        let now = self.clock.now();
        let until = wanted.until.unwrap_or(now);
        if wanted.since > until {
            let why = "must be before `until`, and before now";
            return Err(Refusal::field("since", why));
        }
        Ok(Redaction {
            id: RedactionId::new(now),
            user: wanted.user,
            at: now,
            finished_at: None,
            undone_at: None,
            detail: RedactionDetail {
                since: wanted.since,
                until,
                rooms: wanted.rooms,
                actor: by.actor(),
                reason: wanted.reason,
                deleted: Vec::new(),
            },
        })
    }

    /// Records that it begins. One of the same kind that was broken off is gone on with, widened to the
    /// time that is asked for now.
    async fn take_up(&self, by: &Authority, new: Redaction) -> Result<Redaction, Refusal> {
        let known = self.store.redactions(None, LOOK_BACK).await;
        let same = |old: &Redaction| {
            old.finished_at.is_none()
                && old.undone_at.is_none()
                && old.user == new.user
                && old.detail.rooms == new.detail.rooms
                && old.detail.actor.user == new.detail.actor.user
        };
        let old = known.map_err(|e| refuse(&e))?.into_iter().find(same);
        let record = match old {
            Some(mut old) => {
                old.detail.since = old.detail.since.min(new.detail.since);
                old.detail.until = old.detail.until.max(new.detail.until);
                old.detail.reason = new.detail.reason.or(old.detail.reason);
                old.detail.actor = new.detail.actor;
                old
            }
            None => new,
        };
        self.note("redaction.begin", &record, Some(by)).await?;
        Ok(record)
    }

    /// Deletes room after room, and records the end.
    async fn run(&self, by: &Authority, mut record: Redaction) -> Result<Redaction, Refusal> {
        let place = self.begin_task("redaction", Some(record.id));
        let rooms = self
            .rooms(by, &record.detail.rooms, record.detail.since)
            .await?;
        for room in rooms {
            self.redact_room(by, &mut record, room, &place).await?;
        }
        record.finished_at = Some(self.clock.now());
        self.note("redaction.finish", &record, None).await?;
        let (id, messages) = (record.id, record.messages());
        tracing::info!(redaction = %id, messages, "a redaction is done");
        Ok(record)
    }

    async fn redact_room(
        &self,
        by: &Authority,
        record: &mut Redaction,
        room: RoomId,
        place: &Place,
    ) -> Result<(), Refusal> {
        place.moved(Some(room), 0);
        let mut walk = self.walk(room, record).await?;
        while walk.more {
            let found = self.read_on(&mut walk).await?;
            for slice in found.chunks(SLICE) {
                self.check_stopping()?;
                match self.delete_slice(by, record, room, slice).await {
                    Ok(()) => place.moved(None, slice.len() as u64),
                    // They lost the right meanwhile, or the room was deleted: the rest of it stays.
                    Err(Refusal::Forbidden(_) | Refusal::NotFound(_)) => return Ok(()),
                    Err(refusal) => return Err(refusal),
                }
            }
        }
        Ok(())
    }

    /// Deletes these messages of a room, but for those that somebody else deletes at the same time.
    async fn delete_slice(
        &self,
        by: &Authority,
        record: &mut Redaction,
        room: RoomId,
        slice: &[u64],
    ) -> Result<(), Refusal> {
        let mut slice = slice.to_vec();
        for _ in 0..TRIES {
            if slice.is_empty() {
                return Ok(());
            }
            let mut next = record.clone();
            add(&mut next, room, slice.len() as u64);
            match self.append_slice(by, &next, room, slice.clone()).await {
                Ok(()) => {
                    *record = next;
                    return Ok(());
                }
                Err(Error::Stale) => {}
                Err(Error::Refused(refusal)) => return Err(refusal),
            }
            let mut left = Vec::new();
            for target in slice {
                let deletion = self.store.deletion(room, target).await;
                if deletion.map_err(|e| refuse(&e))?.is_none() {
                    left.push(target);
                }
            }
            slice = left;
        }
        Err(Refusal::Busy)
    }

    async fn append_slice(
        &self,
        by: &Authority,
        record: &Redaction,
        room: RoomId,
        targets: Vec<u64>,
    ) -> Result<(), Error> {
        let (me, by, record) = (by.user(), by.clone(), record.clone());
        let mut touches: Vec<LogId> = vec![room.into()];
        touches.extend(me.map(LogId::from));
        let done = self.log.append(&touches, None, move |draft| {
            // As for what anybody said: the one whose messages go may be the asker.
            check_turn(draft, &by, room, None)?;
            for target in &targets {
                let gone = Payload::Delete { target: *target };
                let seq = draft.entry(room.into(), me, gone);
                draft.write(Write::Delete(Deletion {
                    room,
                    target: *target,
                    seq,
                    at: draft.now(),
                    by: me,
                    redaction: Some(record.id),
                    erased_at: None,
                }));
            }
            draft.write(Write::PutRedaction(record.clone()));
            Ok(())
        });
        done.await.map(drop)
    }

    /// Writes the record as it is now, and an act about it. What was begun with the right to is ended by
    /// itself.
    async fn note(
        &self,
        act: &'static str,
        record: &Redaction,
        by: Option<&Authority>,
    ) -> Result<(), Refusal> {
        let (record, by) = (record.clone(), by.cloned());
        let detail = &record.detail;
        let particulars = json!({
            "user": record.user,
            "since": detail.since,
            "until": detail.until,
            "rooms": detail.rooms,
            "reason": detail.reason,
            "messages": record.messages(),
        });
        let control = || vec![LogId::Control];
        let touches = by.as_ref().map_or_else(control, |by| by.touching(&[]));
        let done = self.log.append(&touches, None, move |draft| {
            authorise(draft, by.as_ref())?;
            let (id, actor) = (record.id.to_string(), &record.detail.actor);
            draft.act(act, actor, Some(id), particulars.clone(), &[]);
            draft.write(Write::PutRedaction(record.clone()));
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    async fn walk(&self, room: RoomId, record: &Redaction) -> Result<Walk, Refusal> {
        let period = Period {
            user: record.user,
            since: record.detail.since,
            until: record.detail.until,
        };
        let head = self.store.head(room.into()).await.map_err(|e| refuse(&e))?;
        let first = self.first_of(room, head.seq, period.since).await?;
        Ok(Walk {
            room,
            period,
            first,
            edited: HashSet::new(),
            after: first - 1,
            head: head.seq,
            more: first <= head.seq,
        })
    }

    async fn read_on(&self, walk: &mut Walk) -> Result<Vec<u64>, Refusal> {
        self.check_stopping()?;
        let part = (walk.after, walk.head);
        let piece = self.piece(walk.room, part, walk.first, walk.period).await?;
        walk.after = piece.upto;
        walk.more = piece.more;
        let mut found = piece.found;
        // An earlier message may be edited more than once.
        found.retain(|seq| *seq >= walk.first || walk.edited.insert(*seq));
        Ok(found)
    }
}

/// A way through one room's log.
struct Walk {
    room: RoomId,
    period: Period,
    /// The first entry of the period.
    first: u64,
    /// Earlier messages that were found, as they were edited then.
    edited: HashSet<u64>,
    after: u64,
    head: u64,
    more: bool,
}

/// So many more were deleted in a room.
fn add(record: &mut Redaction, room: RoomId, count: u64) {
    if count == 0 {
        return;
    }
    let deleted = &mut record.detail.deleted;
    match deleted.iter_mut().find(|(known, _)| *known == room) {
        Some((_, known)) => *known += count,
        None => deleted.push((room, count)),
    }
}
