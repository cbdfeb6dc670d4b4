//! Typing: that somebody is about to say something. It is told to those who listen to the room just now, is
//! kept nowhere, and may be lost.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde::Serialize;

use super::Chat;
use crate::{
    hub::Frame,
    id::{RoomId, UserId},
    log::LiveRoom,
    model::{Caller, Refusal, Username},
    rights::{self, InRoom},
};

/// How often it is told that the same person types in the same room: once in so long. Those who type on say so
/// again and again.
const EVERY: Duration = Duration::from_secs(3);
/// How long it is good for on a client that hears no more: long enough for one that was lost in between.
const GOOD_FOR: Duration = Duration::from_secs(8);
/// How many are remembered before those who may say so again are forgotten.
const MANY: usize = 4096;
/// How many are remembered at all (about 100 bytes each); of one more nobody is told.
const MOST: usize = 65_536;

/// When whom was told of last, and whether they typed.
#[derive(Debug, Default)]
pub struct Typing {
    told: Mutex<HashMap<(RoomId, UserId), (Instant, bool)>>,
}

impl Typing {
    /// Whether others are to be told.
    fn passes(&self, key: (RoomId, UserId), on: bool, now: Instant) -> bool {
        let mut told = self.told.lock();
        let recent = |at: Instant| now.duration_since(at) < EVERY;
        let last = told.get(&key).copied().filter(|(at, _)| recent(*at));
        match (last, on) {
            // That they do not any more is worth telling once, to those who were told that they do.
            (Some((at, true)), false) => {
                told.insert(key, (at, false));
                true
            }
            (Some(_), _) | (None, false) => false,
            (None, true) => {
                if told.len() >= MANY && told.len().is_multiple_of(64) {
                    told.retain(|_, (at, _)| recent(*at));
                }
                if told.len() >= MOST {
                    return false;
                }
                told.insert(key, (now, true));
                true
            }
        }
    }
}

#[derive(Serialize)]
struct Event<'a> {
    ev: &'static str,
    room: RoomId,
    user: UserId,
    name: &'a Username,
    on: bool,
    ttl_ms: u64,
}

impl Chat {
    /// Tells those who listen to a room that somebody types there, or does not any more.
    pub async fn typing(&self, caller: &Caller, id: RoomId, on: bool) -> Result<(), Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        self.note_typing(caller, id, &room, on)
    }

    /// The same for a room in memory, without waiting.
    pub fn note_typing(
        &self,
        caller: &Caller,
        id: RoomId,
        room: &LiveRoom,
        on: bool,
    ) -> Result<(), Refusal> {
        let user = self.log.user_in_memory(caller.user);
        let user = user.ok_or(Refusal::Unavailable)?;
        let now = self.clock.now();
        let members = {
            let facts = room.facts();
            user.with(|person| {
                rights::may_in_room(&person.who(caller.scopes, now), &facts, InRoom::Send)
            })?;
            facts.members.len()
        };
        let few = members <= self.config.get().limits.typing_members;
        if few && self.typing.passes((id, caller.user), on, Instant::now()) {
            let event = Event {
                ev: "typing",
                room: id,
                user: caller.user,
                name: &user.name(),
                on,
                ttl_ms: u64::try_from(GOOD_FOR.as_millis()).unwrap_or(u64::MAX),
            };
            self.hub
                .whisper(id.into(), caller.user, &Frame::json(&event));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

    #[test]
    fn it_is_told_once_in_a_while_and_its_end_once() {
        let typing = Typing::default();
        let key = (RoomId::new(Millis(1)), UserId::new(Millis(1)));
        let begun = Instant::now();
        for (after, on, told) in [
            (0, false, false),
            (0, true, true),
            (1, true, false),
            (1, false, true),
            (2, false, false),
            (2, true, false),
            (3, true, true),
            (6, false, false),
            (7, true, true),
        ] {
            let now = begun + Duration::from_secs(after);
            assert_eq!(typing.passes(key, on, now), told, "{on} after {after} s");
        }
        let other = (key.0, UserId::new(Millis(1)));
        assert!(typing.passes(other, true, begun));
    }
}
