//! Listening to a room, or to one's own log, from where one left off.
//!
//! Listening begins under the hub's lock, with the rights looked at under that same lock. What was missed is
//! read from the store up to a position taken before; what came meanwhile is in the hub's memory, and joins
//! on at the moment listening begins. So there is neither a gap nor a repeat, however busy the room.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Chat,
    unread::{LOOKS, Looked, mentions_now},
};
use crate::{
    hub::{Attached, Connection, Position},
    id::{Epoch, LogId, UserId},
    log::{encode, refuse},
    model::{Entry, Facts, Marker, Member, Payload, Person, Refusal, Room, RoomRole},
    rights::{self, InRoom},
};

/// How often a replay reads on before it gives up catching up with a room. More than once only where more came
/// during a read than the hub remembers; what is replayed is bounded by entries and bytes anyway.
const ROUNDS: usize = 64;

/// Where a client left off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resume {
    /// The last `seq` it has.
    pub after: Option<u64>,
    /// The incarnation of the store that `seq` is of.
    pub epoch: Option<Epoch>,
    /// Whether a room is to be described to whoever cannot know how it stands from what they have.
    pub describe: bool,
}

/// A room, and what somebody is in it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The record.
    pub room: Room,
    /// Their role.
    pub role: RoomRole,
}

/// Why a replay does not become listening.
enum Denied {
    Refused(Refusal),
    /// The person's floor has risen above what was read.
    Moved,
    /// More changed than is remembered since it was looked up what mentions them.
    Stale,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Listening has begun.
#[derive(Debug)]
pub struct Subscribed {
    /// Up to here the client is told, by `events` or by what it knew.
    pub position: Position,
    /// Whether `events` is all that came after what the client has.
    pub recovered: bool,
    /// What it missed, each one event in JSON.
    pub events: Vec<Bytes>,
    /// Up to where its user has read; none for their own log.
    pub read: Option<Marker>,
    /// Which of the unread messages mention them, the newest.
    pub mentions: Vec<u64>,
    /// The room, where it was to be described and not all that came since is in `events`.
    pub described: Option<Described>,
}

/// Takes the text from edits of messages that lie before somebody's time.
fn hide_edits(entries: &mut [Entry], floor: u64) {
    for entry in entries {
        if let Payload::Edit { target, body } = &mut entry.payload
            && *target < floor
        {
            *body = None;
        }
    }
}

/// Which mentions are told up to a position, to somebody who has read so far by now.
fn told(mentions: &Mutex<Vec<u64>>, position: Position, member: Option<Member>) -> Vec<u64> {
    let read = member.map_or(0, |m| m.read.seq);
    let mut mentions = std::mem::take(&mut *mentions.lock());
    mentions.retain(|seq| read < *seq && *seq <= position.seq);
    mentions
}

impl Chat {
    /// Lets a connection listen to a room it may read, or to its user's own log. `answer` is given what the
    /// client is to know, before any later event reaches the connection's outbox. What mentions them is looked up,
    /// unless it was.
    pub async fn subscribe(
        &self,
        connection: &Arc<Connection>,
        log: LogId,
        resume: Resume,
        mut looked: Option<Looked>,
        answer: &mut (dyn FnMut(Subscribed) + Send),
    ) -> Result<(), Refusal> {
        self.bring_in(connection.user, log).await?;
        let same_epoch = resume.epoch.is_none_or(|e| e == self.store.epoch());
        if let Some(asked) = resume.after.filter(|_| same_epoch) {
            let (_, floor) = self.admit(connection, log)?;
            // What lies before the floor is not this person's to read, and so not missed.
            let after = asked.max(floor.saturating_sub(1));
            let from = (after, floor);
            if self
                .replay(connection, log, from, &mut looked, answer)
                .await?
            {
                return Ok(());
            }
        }
        for _ in 0..LOOKS {
            self.look(connection.user, log, &mut looked).await?;
            let mentions = Mutex::default();
            let admit = || -> Result<Position, Denied> {
                let (position, _) = self.admit(connection, log)?;
                *mentions.lock() = self.mentioned_at(connection.user, log, looked.as_ref())?;
                Ok(position)
            };
            let mut welcome = |position, _| {
                self.answer_with_read(connection.user, log, |facts, member| {
                    let described = facts.zip(member).filter(|_| resume.describe);
                    answer(Subscribed {
                        position,
                        recovered: false,
                        events: Vec::new(),
                        read: member.map(|m| m.read),
                        mentions: told(&mentions, position, member),
                        described: described.map(|(facts, member)| Described {
                            room: facts.room.clone(),
                            role: member.role,
                        }),
                    });
                });
            };
            match self.hub.attach(log, connection, None, admit, &mut welcome) {
                Ok(_) => return Ok(()),
                Err(Denied::Refused(refusal)) => return Err(refusal),
                Err(Denied::Moved | Denied::Stale) => looked = None,
            }
        }
        Err(Refusal::Busy)
    }

    /// Looks up what mentions somebody in a room, unless that is known.
    async fn look(
        &self,
        user: UserId,
        log: LogId,
        looked: &mut Option<Looked>,
    ) -> Result<(), Refusal> {
        let LogId::Room(id) = log else {
            return Ok(());
        };
        if looked.is_none() {
            *looked = self.look_up_mentions(user, &[id]).await?.remove(&id);
        }
        Ok(())
    }

    /// Which unread messages mention somebody, as of this moment. Who is not in the room is refused before.
    fn mentioned_at(
        &self,
        user: UserId,
        log: LogId,
        looked: Option<&Looked>,
    ) -> Result<Vec<u64>, Denied> {
        let LogId::Room(id) = log else {
            return Ok(Vec::new());
        };
        let room = self.log.room_in_memory(id).ok_or(Refusal::Unavailable)?;
        let mentions = looked.and_then(|looked| mentions_now(&room, user, looked));
        mentions.ok_or(Denied::Stale)
    }

    /// Reads what was missed and begins to listen; false when that is too much, or not to be had.
    async fn replay(
        &self,
        connection: &Arc<Connection>,
        log: LogId,
        (after, floor): (u64, u64),
        looked: &mut Option<Looked>,
        answer: &mut (dyn FnMut(Subscribed) + Send),
    ) -> Result<bool, Refusal> {
        let (most, most_bytes) = {
            let ws = &self.config.get().ws;
            (ws.replay_entries, ws.replay_bytes.as_u64())
        };
        // Without it a busy room with no other listener would have to be overtaken by reading alone.
        let _kept = self.hub.keep(log);
        let mut reached = after;
        let mut events: Vec<Bytes> = Vec::new();
        let mut bytes = 0_u64;
        for _ in 0..ROUNDS {
            self.look(connection.user, log, looked).await?;
            let attached = {
                let mentions = Mutex::default();
                let mut welcome = |position, recent| {
                    events.extend::<Vec<Bytes>>(recent);
                    let events = std::mem::take(&mut events);
                    self.answer_with_read(connection.user, log, |_, member| {
                        answer(Subscribed {
                            position,
                            recovered: true,
                            events,
                            read: member.map(|m| m.read),
                            mentions: told(&mentions, position, member),
                            described: None,
                        });
                    });
                };
                let admit = || -> Result<Position, Denied> {
                    let position = self.admit_from(connection, log, after)?;
                    *mentions.lock() = self.mentioned_at(connection.user, log, looked.as_ref())?;
                    Ok(position)
                };
                self.hub
                    .attach(log, connection, Some(reached), admit, &mut welcome)
            };
            let position = match attached {
                Ok(Attached::Live) => return Ok(true),
                Ok(Attached::Ahead) | Err(Denied::Moved) => return Ok(false),
                Ok(Attached::Behind(position)) => position,
                Err(Denied::Stale) => {
                    *looked = None;
                    continue;
                }
                Err(Denied::Refused(refusal)) => return Err(refusal),
            };
            if position.seq - after > most as u64 {
                return Ok(false);
            }
            let left = usize::try_from(most_bytes.saturating_sub(bytes)).unwrap_or(usize::MAX);
            let read = self
                .store
                .entries(log, reached, position.seq, most, left)
                .await;
            let mut entries = read.map_err(|e| refuse(&e))?;
            let Some(last) = entries.last().map(|e| e.seq) else {
                return Ok(false);
            };
            // Some of it was purged, or is in a segment that does not read.
            if last - reached != entries.len() as u64 {
                return Ok(false);
            }
            hide_edits(&mut entries, floor);
            for event in self.events(&entries).await? {
                bytes += event.len() as u64;
                events.push(event);
            }
            if bytes > most_bytes {
                return Ok(false);
            }
            reached = last;
        }
        Ok(false)
    }

    /// Answers with a room as it is, and how far somebody has read it. None of that changes while they are told,
    /// so that what they are told later is newer.
    fn answer_with_read(
        &self,
        user: UserId,
        log: LogId,
        answer: impl FnOnce(Option<&Facts>, Option<Member>),
    ) {
        let room = match log {
            LogId::Room(id) => self.log.room_in_memory(id),
            LogId::User(_) | LogId::Control => None,
        };
        let facts = room.as_ref().map(|room| room.facts());
        let facts = facts.as_deref();
        let member = facts.and_then(|facts| facts.members.get(&user)).copied();
        answer(facts, member);
    }

    /// Where a log stands and from where on the user may read it, from memory and at this moment.
    fn admit(&self, connection: &Connection, log: LogId) -> Result<(Position, u64), Refusal> {
        let (user, scopes) = (connection.user, connection.scopes);
        let live = self.log.user_in_memory(user).ok_or(Refusal::Unavailable)?;
        let now = self.clock.now();
        match log {
            LogId::Room(id) => {
                let room = self.log.room_in_memory(id).ok_or(Refusal::Unavailable)?;
                let facts = room.facts();
                let read =
                    |p: &Person| rights::may_in_room(&p.who(scopes, now), &facts, InRoom::Read);
                let member = live.with(read)?;
                let member =
                    member.ok_or_else(|| Refusal::Forbidden("join this room first".into()))?;
                Ok((room.head().into(), rights::floor(&facts.room, member)))
            }
            LogId::User(id) if id == user => {
                live.with(|p| rights::may_act(&p.who(scopes, now)))?;
                Ok((live.head().into(), 0))
            }
            LogId::User(_) | LogId::Control => Err(Refusal::NotFound("room")),
        }
    }

    /// The same for a replay that began at `after`: whoever was taken out and came in again meanwhile may no
    /// longer have all of it.
    fn admit_from(
        &self,
        connection: &Connection,
        log: LogId,
        after: u64,
    ) -> Result<Position, Denied> {
        let (position, floor) = self.admit(connection, log).map_err(Denied::Refused)?;
        if floor.saturating_sub(1) > after {
            return Err(Denied::Moved);
        }
        Ok(position)
    }

    /// Brings what [`Chat::admit`] looks at into memory.
    async fn bring_in(&self, user: UserId, log: LogId) -> Result<(), Refusal> {
        self.user(user).await?;
        if let LogId::Room(id) = log {
            self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        }
        Ok(())
    }

    async fn events(&self, entries: &[Entry]) -> Result<Vec<Bytes>, Refusal> {
        let mentioned = entries.iter().flat_map(|e| {
            let subject = match e.payload {
                Payload::Membership { user, .. } => Some(user),
                _ => None,
            };
            e.from.into_iter().chain(subject)
        });
        let names = self.log.names(mentioned).await?;
        Ok(entries
            .iter()
            .map(|e| encode(e, |id| names.get(&id)).payload())
            .collect())
    }
}
