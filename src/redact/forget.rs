//! Erasing at once all that somebody ever said: for a person who is forgotten.
//!
//! What can be deleted like any other message was deleted before, by a redaction. This goes through every
//! room that the person was ever in, deleted ones as well, and takes the texts out of the store that are
//! left there, whoever deleted them and when.

use std::collections::HashSet;

use super::{
    Redact, SLICE, TRIES,
    empty::{Emptied, Target},
    is_said,
};
use crate::{
    id::{LogId, RoomId, UserId},
    log::{Error, refuse},
    model::{Authority, Deletion, Entry, Payload, Refusal},
    store::{self, Write},
};

/// How many entries one step looks at.
const SCAN: usize = 2000;
/// How many bytes of them.
const SCAN_BYTES: usize = 1 << 20;

/// How far it is: in which of the rooms, in the order in which the person first came into them, and after
/// which entry there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Which room.
    pub room: usize,
    /// After which entry.
    pub after: u64,
}

/// What a step came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many texts were erased.
    pub texts: u64,
    /// Rows that do not read: whose they are, nobody can tell, and they are as they were.
    pub unread: Vec<(LogId, u64)>,
    /// From where to go on; none at the end.
    pub next: Option<Reached>,
}

impl Redact {
    /// Takes a step of it.
    pub async fn forget_texts(
        &self,
        by: &Authority,
        user: UserId,
        reached: Reached,
    ) -> Result<Forgotten, Refusal> {
        let (rooms, damaged) = self.rooms_ever(user).await?;
        let mut step = Forgotten::default();
        if reached == Reached::default() {
            step.unread = damaged.into_iter().map(|seq| (user.into(), seq)).collect();
        }
        let Some(room) = rooms.get(reached.room).copied() else {
            return Ok(step);
        };
        let read = self
            .store
            .readable(room.into(), reached.after, u64::MAX, SCAN, SCAN_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        let damaged = read.damaged.iter().map(|seq| (room.into(), *seq));
        step.unread.extend(damaged);
        let Some(last) = read.next else {
            step.next = Some(Reached {
                room: reached.room + 1,
                after: 0,
            });
            return Ok(step);
        };
        let mine = read.entries.iter().filter(|e| e.from == Some(user));
        let texts = mine.filter(|e| is_said(&e.payload) || e.payload == Payload::Tombstone);
        let texts: Vec<(u64, bool)> = texts.map(|e| (e.seq, is_said(&e.payload))).collect();
        for slice in texts.chunks(SLICE) {
            self.check_stopping()?;
            self.forget_slice(by, user, room, slice).await?;
        }
        let edits = self.edits_left(room, user, &read.entries).await?;
        for slice in edits.chunks(SLICE) {
            self.check_stopping()?;
            self.forget_slice(by, user, room, slice).await?;
        }
        let reactions = self.forget_reactions(by, user, room, &read.entries).await?;
        step.texts = (texts.len() + edits.len()) as u64 + reactions;
        step.next = Some(Reached {
            after: last,
            ..reached
        });
        Ok(step)
    }

    /// The messages of somebody that are edited by these entries and cannot be read themselves, as they were
    /// purged: what they were edited to is still there.
    async fn edits_left(
        &self,
        room: RoomId,
        user: UserId,
        read: &[Entry],
    ) -> Result<Vec<(u64, bool)>, Refusal> {
        let mut left = Vec::new();
        let mut known = HashSet::new();
        for entry in read.iter().filter(|e| e.from == Some(user)) {
            let Payload::Edit {
                target,
                body: Some(_),
            } = entry.payload
            else {
                continue;
            };
            if known.insert(target) {
                match self.store.entry(room.into(), target).await {
                    Ok(None) => left.push((target, true)),
                    // One that does not read is told of in its place.
                    Ok(Some(_)) | Err(store::Error::Damaged(_)) => {}
                    Err(e) => return Err(refuse(&e)),
                }
            }
        }
        Ok(left)
    }

    /// Refuses to forget somebody who, or a room of whom, is under a hold.
    pub async fn check_forget(&self, user: UserId, texts: bool) -> Result<(), Refusal> {
        let policy = self.log.policy();
        if let Some(hold) = policy.hold_on_user(user) {
            return Err(hold.refusal("this person"));
        }
        if texts && !policy.holds.is_empty() {
            for room in self.rooms_ever(user).await?.0 {
                if let Some(hold) = policy.hold_on_room(room) {
                    return Err(hold.refusal("a room that they were in"));
                }
            }
        }
        Ok(())
    }

    /// Erases these texts. One that is still to be read is deleted first: by an entry, as any other, or, in a
    /// deleted room, which takes no entry more, by the one that deleted the room.
    pub(super) async fn forget_slice(
        &self,
        by: &Authority,
        user: UserId,
        room: RoomId,
        slice: &[(u64, bool)],
    ) -> Result<(), Refusal> {
        let targets: Vec<_> = slice.iter().map(|t| Target::Message(room, t.0)).collect();
        for _ in 0..TRIES {
            let emptied = self.empty(&targets).await?;
            self.check_all_go(user, &emptied).await?;
            self.list_erasure(&emptied).await?;
            let listed = emptied.listed.clone();
            let (by, slice) = (by.clone(), slice.to_vec());
            let touches = [LogId::Control, room.into()];
            let done = self.log.append(&touches, None, move |draft| {
                let only = || Refusal::Forbidden("this is for operators".into());
                draft.authorise(&by, |_| Err(only()))?;
                let (live, at) = (draft.room(room)?, draft.now());
                let gone = live.facts().room.deleted_at.is_some();
                for (target, _) in slice.iter().filter(|(_, said)| *said) {
                    let target = *target;
                    let seq = if gone {
                        live.head().seq
                    } else {
                        draft.entry(room.into(), by.user(), Payload::Delete { target })
                    };
                    draft.write(Write::Delete(Deletion {
                        room,
                        target,
                        seq,
                        at,
                        by: by.user(),
                        redaction: None,
                        erased_at: None,
                    }));
                }
                emptied.write(draft, &by.actor())
            });
            match done.await {
                Ok(_) => return Ok(()),
                Err(Error::Stale) => self.unlist_erasure(&listed).await?,
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    /// Refuses to forget only some of it.
    pub(super) async fn check_all_go(
        &self,
        user: UserId,
        emptied: &Emptied,
    ) -> Result<(), Refusal> {
        if emptied.kept == 0 {
            return Ok(());
        }
        self.check_forget(user, true).await?;
        let why = "some of the texts lie in archived messages that do not read; see: \
                   chatd archive verify";
        Err(Refusal::Conflict(why.into()))
    }

    /// Every room that somebody was ever in, as their own log tells, in that order; and what of that log does
    /// not read.
    async fn rooms_ever(&self, user: UserId) -> Result<(Vec<RoomId>, Vec<u64>), Refusal> {
        let (mut rooms, mut known, mut after) = (Vec::new(), HashSet::new(), 0);
        let mut damaged = Vec::new();
        loop {
            let log = LogId::User(user);
            let read = self.store.readable(log, after, u64::MAX, SCAN, SCAN_BYTES);
            let read = read.await.map_err(|e| refuse(&e))?;
            let Some(next) = read.next else {
                return Ok((rooms, damaged));
            };
            after = next;
            damaged.extend(read.damaged);
            for entry in &read.entries {
                if let Payload::Added { target, .. } = entry.payload
                    && known.insert(target)
                {
                    rooms.push(target);
                }
            }
        }
    }
}
