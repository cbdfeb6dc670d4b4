//! Pins: keeping messages of a room in sight.
//!
//! A pin stays while its message is archived, and goes when it is deleted or purged. Pinning what is pinned, and taking
//! down what is not, is answered as the first time.

use super::{Chat, MessageView};
use crate::{
    clock::Millis,
    id::RoomId,
    log::{Error, refuse},
    model::{Caller, Digest, Entry, Payload, Pin, Pinned, Refusal, Txn},
    rights::{self, InRoom},
    store::Write,
};

/// How often a change is tried again that met another of the same room's pins.
const TRIES: u8 = 8;

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
            let floor = self.may_pin(caller, new.room).await?;
            if let Some(done) = self.pinned_before(caller, new, digest).await? {
                return Ok(done);
            }
            if let Some(done) = self.pin_stands(new, floor).await? {
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

    /// Whether the caller may pin anything in a room, as things stand; answers from where on.
    async fn may_pin(&self, caller: &Caller, id: RoomId) -> Result<u64, Refusal> {
        let (room, person) = self.seen(caller, id).await?;
        let facts = room.facts();
        let who = person.who(caller.scopes, self.clock.now());
        let member = rights::may_in_room(&who, &facts, InRoom::Pin)?;
        Ok(member.map_or(0, |m| rights::floor(&facts.room, m)))
    }

    /// The answer of the first time, when this is a repeat.
    async fn pinned_before(
        &self,
        caller: &Caller,
        new: &NewPin,
        digest: Digest,
    ) -> Result<Option<PinChange>, Refusal> {
        let Some(txn) = &new.txn else {
            return Ok(None);
        };
        let log = new.room.into();
        let known = self.store.entry_by_txn(log, caller.user, txn).await;
        let Some(known) = known.map_err(|e| refuse(&e))? else {
            return Ok(None);
        };
        if known.digest == Some(digest) {
            return Ok(Some(pin_change(new, &known, true)));
        }
        Err(Refusal::TxnReused)
    }

    /// The answer when it is so already; refuses what cannot be pinned.
    async fn pin_stands(&self, new: &NewPin, floor: u64) -> Result<Option<PinChange>, Refusal> {
        let (room, target) = (new.room, new.target);
        let message = self.store.message(room, target).await;
        let message = message.map_err(|e| refuse(&e))?;
        let message = message.filter(|m| m.seq >= floor);
        let message = message.ok_or(Refusal::NotFound("message"))?;
        if message.payload == Payload::Tombstone {
            return Err(Refusal::Conflict("this message was deleted".into()));
        }
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
