//! What acts about a message have in common: edits, reactions, pins and answers.

use super::Chat;
use crate::{
    id::RoomId,
    log::refuse,
    model::{Caller, Digest, Entry, Payload, Refusal, Txn},
    rights::{self, InRoom},
};

/// How often an act is tried again that met another one on the same message.
pub(super) const TRIES: u8 = 8;

impl Chat {
    /// From which `seq` on the caller may do this in a room, as things stand; none where it does not take being in it.
    pub(super) async fn floor(
        &self,
        caller: &Caller,
        id: RoomId,
        what: InRoom,
    ) -> Result<Option<u64>, Refusal> {
        let (room, person) = self.seen(caller, id).await?;
        let facts = room.facts();
        let who = person.who(caller.scopes, self.clock.now());
        let member = rights::may_in_room(&who, &facts, what)?;
        Ok(member.map(|m| rights::floor(&facts.room, m)))
    }

    /// The entry of the first time, when this is a repeat. `same` tells whether an entry whose digest was erased with
    /// its text is one of these.
    pub(super) async fn done_before(
        &self,
        caller: &Caller,
        room: RoomId,
        txn: Option<&Txn>,
        digest: Digest,
        same: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Entry>, Refusal> {
        let Some(txn) = txn else {
            return Ok(None);
        };
        let known = self.store.entry_by_txn(room.into(), caller.user, txn).await;
        let Some(known) = known.map_err(|e| refuse(&e))? else {
            return Ok(None);
        };
        if known.digest.is_none_or(|known| known == digest) && same(&known) {
            return Ok(Some(known));
        }
        Err(Refusal::TxnReused)
    }

    /// The message with this `seq`, from `floor` on; it may be deleted.
    pub(super) async fn target(
        &self,
        room: RoomId,
        seq: u64,
        floor: u64,
    ) -> Result<Entry, Refusal> {
        let message = self.store.message(room, seq).await;
        let message = message.map_err(|e| refuse(&e))?;
        let message = message.filter(|m| m.seq >= floor);
        message.ok_or(Refusal::NotFound("message"))
    }
}

/// Refuses what was deleted.
pub(super) fn not_deleted(message: &Entry) -> Result<(), Refusal> {
    if message.payload == Payload::Tombstone {
        return Err(Refusal::Conflict("this message was deleted".into()));
    }
    Ok(())
}
