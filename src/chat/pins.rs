//! Pins: keeping messages of a room in sight.
//!
//! A pin stays while its message is archived, and goes when it is deleted or purged. Pinning what is pinned, and taking
//! down what is not, is answered as the first time.

use super::{
    Chat, MessageView,
    target::{TRIES, not_deleted},
};
use crate::{
    clock::Millis,
    id::RoomId,
    log::{Error, refuse},
    model::{Caller, Digest, Entry, Payload, Pin, Pinned, Refusal, Txn},
    rights::{self, InRoom},
    store::Write,
};

/// A message is to be pinned, or taken down.
#[derive(Clone, Debug)]
pub struct NewPin {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// Whether it is to be pinned.
    pub on: bool,
    /// Makes repeating it safe.
    pub txn: Option<Txn>,
}

/// How it stands after that.
#[derive(Clone, Copy, Debug)]
pub struct PinChange {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// Whether it is pinned now.
    pub on: bool,
    /// The `seq` of the entry that made it so; none when there was nothing to take down.
    pub seq: Option<u64>,
    /// The number of messages up to that entry, or up to now.
    pub n: u64,
    /// When.
    pub at: Millis,
    /// Whether it was so before.
    pub dup: bool,
}

impl Chat {
    /// Pins a message, or takes it down.
    pub async fn pin(&self, caller: &Caller, new: &NewPin) -> Result<PinChange, Refusal> {
        self.limits.check_send(caller.user)?;
        let target = new.target.to_string();
        let digest = self.digest(&["pin", &target, if new.on { "on" } else { "off" }]);
        for _ in 0..TRIES {
            let floor = self.floor(caller, new.room, InRoom::Pin).await?;
            let same = |known: &Entry| is_change_of(known, new);
            let known = self.done_before(caller, new.room, new.txn.as_ref(), digest, same);
            if let Some(known) = known.await? {
                return Ok(pin_change(new, &known, true));
            }
            if let Some(done) = self.pin_stands(new, floor.unwrap_or(0)).await? {
                return Ok(done);
            }
            match self.append_pin(caller, new, digest).await {
                Ok(done) => return Ok(done),
                Err(Error::Stale) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Refusal::Busy)
    }

    /// The pinned messages of a room that the caller may read, the one that was pinned last first.
    pub async fn pins(&self, caller: &Caller, id: RoomId) -> Result<Vec<MessageView>, Refusal> {
        let floor = self.may_read(caller, id).await?;
        let pins = self.store.pins(id).await.map_err(|e| refuse(&e))?;
        let pins: Vec<u64> = pins.into_iter().filter(|seq| *seq >= floor).collect();
        let found = self.store.messages_at(id, &pins).await;
        let mut entries = found.map_err(|e| refuse(&e))?.entries;
        // One that was taken down between the two looks is none.
        entries.retain(|e| e.over.as_ref().is_some_and(|over| over.pinned.is_some()));
        let views = self.views(caller, id, entries).await?;
        let floor_now = self.may_read(caller, id).await?;
        Ok(views.into_iter().filter(|m| m.seq >= floor_now).collect())
    }

    /// The answer when it is so already; refuses what cannot be pinned.
    async fn pin_stands(&self, new: &NewPin, floor: u64) -> Result<Option<PinChange>, Refusal> {
        let (room, target) = (new.room, new.target);
        let message = self.target(room, target, floor).await?;
        not_deleted(&message)?;
        let pinned = message.over.and_then(|over| over.pinned);
        if new.on != pinned.is_some() {
            let most = Pin::MOST;
            let pins = self.store.pins(room).await.map_err(|e| refuse(&e))?;
            if new.on && pins.len() >= most {
                let why = format!("a room has at most {most} pinned messages; take one down first");
                return Err(Refusal::Conflict(why));
            }
            return Ok(None);
        }
        let head = self.log.room(room).await?;
        let head = head.ok_or(Refusal::NotFound("room"))?.head();
        let mut n = head.n;
        if let Some(pinned) = pinned
            && let Ok(Some(entry)) = self.store.entry(room.into(), pinned.seq).await
        {
            n = entry.n;
        }
        Ok(Some(PinChange {
            room,
            target,
            on: new.on,
            seq: pinned.map(|p| p.seq),
            n,
            at: pinned.map_or(head.at, |p| p.at),
            dup: true,
        }))
    }

    async fn append_pin(
        &self,
        caller: &Caller,
        new: &NewPin,
        digest: Digest,
    ) -> Result<PinChange, Error> {
        let (room, target, on, me) = (new.room, new.target, new.on, caller.user);
        let pass = caller.pass();
        let once = new.txn.clone().map(|txn| (txn, digest));
        let done = self
            .log
            .append(&[room.into(), me.into()], None, move |draft| {
                let live = draft.room(room)?;
                draft.authorise_pass(pass, |who| {
                    let facts = live.facts();
                    let member = rights::may_in_room(who, &facts, InRoom::Pin)?;
                    if member.is_some_and(|m| target < rights::floor(&facts.room, m)) {
                        return Err(Refusal::NotFound("message"));
                    }
                    Ok(())
                })?;
                let payload = Payload::Pin { target, on };
                let seq = draft.entry_once(room.into(), Some(me), once.clone(), payload);
                let (by, at) = (me, draft.now());
                draft.write(if on {
                    Write::Pin(Pin {
                        room,
                        target,
                        pinned: Pinned { seq, by, at },
                    })
                } else {
                    Write::Unpin { room, target }
                });
                Ok(())
            })
            .await?;
        let entry = done.entries.first().ok_or(Refusal::Internal)?;
        Ok(pin_change(new, entry, done.dup))
    }
}

fn is_change_of(entry: &Entry, new: &NewPin) -> bool {
    matches!(entry.payload, Payload::Pin { target, on } if target == new.target && on == new.on)
}

fn pin_change(new: &NewPin, entry: &Entry, dup: bool) -> PinChange {
    PinChange {
        room: new.room,
        target: new.target,
        on: new.on,
        seq: Some(entry.seq),
        n: entry.n,
        at: entry.at,
        dup,
    }
}
