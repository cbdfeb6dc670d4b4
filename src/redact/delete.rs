//! Deleting one message.

use serde_json::json;

use super::{Redact, TRIES, check_turn};
use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    log::{Done, Error, refuse, request_digest},
    model::{Authority, Deletion, Digest, Entry, Payload, Reason, Refusal, Txn},
    rights,
    store::Write,
};

/// A message that is to go.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Where.
    pub room: RoomId,
    /// Its `seq`.
    pub target: u64,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
    /// Why; kept in the control log when it is somebody else's message.
    pub reason: Option<Reason>,
}

/// A message that is gone.
#[derive(Clone, Copy, Debug)]
pub struct Deleted {
    /// Where.
    pub room: RoomId,
    /// Its `seq`.
    pub target: u64,
    /// The `seq` of the entry that deleted it; none when that was only checked.
    pub seq: Option<u64>,
    /// The number of messages up to that entry.
    pub n: u64,
    /// When it was deleted.
    pub at: Millis,
    /// Whether it was deleted before.
    pub dup: bool,
}

impl Redact {
    /// Deletes a message. One that is deleted already is answered as the first time.
    pub async fn delete(&self, by: &Authority, removal: &Removal) -> Result<Deleted, Refusal> {
        if let Authority::Caller(caller) = by {
            self.limits.check_send(caller.user)?;
        }
        let once = self.once(removal);
        for _ in 0..TRIES {
            let message = self.find_message(by, removal).await?;
            let done = if message.payload == Payload::Tombstone {
                self.deleted_before(by, removal, once.as_ref()).await?
            } else {
                self.append_delete(by, removal, message, once.clone())
                    .await?
            };
            if let Some(done) = done {
                return Ok(done);
            }
        }
        let why = "it was deleted and restored at the same time; try again";
        Err(Refusal::Conflict(why.into()))
    }

    /// What deleting a message would come to.
    pub async fn check_delete(
        &self,
        by: &Authority,
        removal: &Removal,
    ) -> Result<Deleted, Refusal> {
        let message = self.find_message(by, removal).await?;
        if message.payload == Payload::Tombstone
            && let Some(done) = self.deleted_before(by, removal, None).await?
        {
            return Ok(done);
        }
        Ok(Deleted {
            room: removal.room,
            target: removal.target,
            seq: None,
            n: message.n,
            at: self.clock.now(),
            dup: false,
        })
    }

    fn once(&self, removal: &Removal) -> Option<(Txn, Digest)> {
        let txn = removal.txn.clone()?;
        let target = removal.target.to_string();
        let digest = request_digest(&self.store.secret(), &["delete", &target]);
        Some((txn, digest))
    }

    /// The message, if the asker may delete it.
    async fn find_message(&self, by: &Authority, removal: &Removal) -> Result<Entry, Refusal> {
        // Whoever may delete nothing here is told so, whatever the number.
        let member = self.check_room(by, removal.room, by.user()).await?;
        let floor = match member {
            Some(member) => {
                let room = self.log.room(removal.room).await?;
                let room = room.ok_or(Refusal::NotFound("room"))?;
                rights::floor(&room.facts().room, member)
            }
            None => 0,
        };
        let entry = self.store.entry(removal.room.into(), removal.target).await;
        let entry = entry.map_err(|e| refuse(&e))?;
        let entry = entry.filter(|e| e.seq >= floor && e.payload.is_message());
        let entry = entry.ok_or(Refusal::NotFound("message"))?;
        self.check_room(by, removal.room, entry.from).await?;
        Ok(entry)
    }

    /// Deletes it; none when somebody was faster.
    async fn append_delete(
        &self,
        by: &Authority,
        removal: &Removal,
        message: Entry,
        once: Option<(Txn, Digest)>,
    ) -> Result<Option<Deleted>, Refusal> {
        let (me, room, target) = (by.user(), removal.room, removal.target);
        let mut touches: Vec<LogId> = vec![room.into()];
        touches.extend(me.map(LogId::from));
        // What one does with one's own words is one's own affair.
        let act = me.is_none() || me != message.from;
        if act {
            touches.push(LogId::Control);
        }
        let by = by.clone();
        let detail = json!({"target": target, "author": message.from, "reason": removal.reason});
        let done = self.log.append(&touches, None, move |draft| {
            check_turn(draft, &by, room, message.from)?;
            let gone = Payload::Delete { target };
            let seq = draft.entry_once(room.into(), me, once.clone(), gone);
            draft.write(Write::Delete(Deletion {
                room,
                target,
                seq,
                at: draft.now(),
                by: me,
                redaction: None,
                erased_at: None,
            }));
            if act {
                let on = Some(room.to_string());
                draft.act("message.delete", &by.actor(), on, detail.clone(), &[]);
            }
            Ok(())
        });
        match done.await {
            Ok(done) => deleted(removal, &done).map(Some),
            Err(Error::Stale) => Ok(None),
            Err(Error::Refused(refusal)) => Err(refusal),
        }
    }

    /// The answer to who deletes it again; none when it is not deleted any more.
    async fn deleted_before(
        &self,
        by: &Authority,
        removal: &Removal,
        once: Option<&(Txn, Digest)>,
    ) -> Result<Option<Deleted>, Refusal> {
        let (room, target) = (removal.room, removal.target);
        if let (Some(me), Some((txn, digest))) = (by.user(), once) {
            let known = self.store.entry_by_txn(room.into(), me, txn).await;
            if let Some(known) = known.map_err(|e| refuse(&e))? {
                if known.digest != Some(*digest) {
                    return Err(Refusal::TxnReused);
                }
                return Ok(Some(of_entry(removal, &known, true)));
            }
        }
        let deletion = self.store.deletion(room, target).await;
        let Some(deletion) = deletion.map_err(|e| refuse(&e))? else {
            return Ok(None);
        };
        let entry = self.store.entry(room.into(), deletion.seq).await;
        let entry = entry.map_err(|e| refuse(&e))?;
        Ok(entry.map(|entry| of_entry(removal, &entry, true)))
    }
}

fn deleted(removal: &Removal, done: &Done) -> Result<Deleted, Refusal> {
    let entry = done.entries.first().ok_or(Refusal::Internal)?;
    // A message whose text was erased has no digest by which the appender could tell.
    if !matches!(entry.payload, Payload::Delete { .. }) {
        return Err(Refusal::TxnReused);
    }
    Ok(of_entry(removal, entry, done.dup))
}

fn of_entry(removal: &Removal, entry: &Entry, dup: bool) -> Deleted {
    Deleted {
        room: removal.room,
        target: removal.target,
        seq: Some(entry.seq),
        n: entry.n,
        at: entry.at,
        dup,
    }
}
