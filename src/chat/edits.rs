//! Editing: giving a message of one's own another text.
//!
//! Who wrote a message, when, and that it is one, never changes, so it is read before. Whether it is deleted, and
//! how often it was edited, is for the store to look at when the edit is made: one that comes second is tried
//! again.

use super::{
    Chat,
    target::{TRIES, not_deleted},
};
use crate::{
    clock::Millis,
    id::RoomId,
    log::Error,
    model::{Body, Caller, Digest, Edit, Entry, Payload, Refusal, Txn},
    rights::{self, InRoom},
    store::Write,
};

/// A message is to say something else.
#[derive(Clone, Debug)]
pub struct NewEdit {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// The new text.
    pub body: Body,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
}

/// Something that was done about a message.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// The `seq` of the entry that did it.
    pub seq: u64,
    /// The number of messages up to that entry.
    pub n: u64,
    /// When.
    pub at: Millis,
    /// Whether it was done before.
    pub dup: bool,
}

impl Chat {
    /// Edits a message.
    pub async fn edit(&self, caller: &Caller, new: &NewEdit) -> Result<Changed, Refusal> {
        self.check_size(&new.body)?;
        self.limits.check_send(caller.user)?;
        let target = new.target.to_string();
        let digest = self.digest(&["edit", &target, new.body.as_str()]);
        for _ in 0..TRIES {
            let floor = self.floor(caller, new.room, InRoom::Edit).await?;
            let same = |known: &Entry| is_edit_of(known, new.target);
            let known = self.done_before(caller, new.room, new.txn.as_ref(), digest, same);
            if let Some(known) = known.await? {
                return Ok(changed(new, &known, true));
            }
            let floor = floor.unwrap_or(u64::MAX);
            let message = self.editable(caller, new, floor).await?;
            match self.append_edit(caller, new, digest, &message).await {
                Ok(done) => return Ok(done),
                Err(Error::Stale) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    /// The message, if it is the caller's and can be edited.
    async fn editable(&self, caller: &Caller, new: &NewEdit, floor: u64) -> Result<Entry, Refusal> {
        let message = self.target(new.room, new.target, floor).await?;
        if message.from != Some(caller.user) {
            return Err(rights::not_the_author());
        }
        not_deleted(&message)?;
        let edits = message.over.as_ref().and_then(|over| over.edited);
        if edits.is_some_and(|edited| edited.count >= Edit::MOST as u64) {
            let most = Edit::MOST;
            let why = format!("a message can be edited {most} times; send another one");
            return Err(Refusal::Conflict(why));
        }
        Ok(message)
    }

    async fn append_edit(
        &self,
        caller: &Caller,
        new: &NewEdit,
        digest: Digest,
        message: &Entry,
    ) -> Result<Changed, Error> {
        let (room, target, me) = (new.room, new.target, caller.user);
        let (pass, author, sent_at) = (caller.pass(), message.from, message.at);
        let once = new.txn.clone().map(|txn| (txn, digest));
        let body = new.body.as_str().to_owned();
        let within = self.config.get().messages.edit_within;
        let done = self
            .log
            .append(&[room.into(), me.into()], None, move |draft| {
                let live = draft.room(room)?;
                draft.authorise_pass(pass, |who| {
                    let facts = live.facts();
                    let member = rights::may_edit(who, &facts, author)?;
                    if member.is_none_or(|m| target < rights::floor(&facts.room, m)) {
                        return Err(Refusal::NotFound("message"));
                    }
                    let limited = !within.get().is_zero();
                    if limited && who.now > sent_at.plus(within.get()) {
                        let why = format!("a message can be edited for {within} after it was sent");
                        return Err(Refusal::Forbidden(why));
                    }
                    Ok(())
                })?;
                let payload = Payload::Edit {
                    target,
                    body: Some(body.clone()),
                };
                let seq = draft.entry_once(room.into(), Some(me), once.clone(), payload);
                draft.write(Write::Edit(Edit {
                    room,
                    target,
                    seq,
                    at: draft.now(),
                    body: body.clone(),
                }));
                Ok(())
            })
            .await?;
        let entry = done.entries.first().ok_or(Refusal::Internal)?;
        // One whose text was erased has no digest by which the log could tell.
        if !is_edit_of(entry, target) {
            return Err(Refusal::TxnReused.into());
        }
        Ok(changed(new, entry, done.dup))
    }
}

fn is_edit_of(entry: &Entry, message: u64) -> bool {
    matches!(entry.payload, Payload::Edit { target, .. } if target == message)
}

fn changed(new: &NewEdit, entry: &Entry, dup: bool) -> Changed {
    Changed {
        room: new.room,
        target: new.target,
        seq: entry.seq,
        n: entry.n,
        at: entry.at,
        dup,
    }
}
