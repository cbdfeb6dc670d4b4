//! Which of the messages that somebody has not read mention them.
//!
//! That is looked up in the store, from where they have read on, and is then a moment old. What changed since is in
//! memory (`LiveRoom::mentions_after`), and is laid over it under the lock that telling takes: so what is told is how it
//! stands at one entry, and the events that come after it keep it current. Who has read all is not looked up.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::Chat;
use crate::{
    hub::{Frame, Position},
    id::{RoomId, UserId},
    log::{LiveRoom, MentionChange, refuse},
    model::{Member, Mention, MentionsFrom, Refusal, Room},
    rights,
};

/// How often it is looked up again, where more changed meanwhile than is remembered.
pub(super) const LOOKS: usize = 8;
/// How many rooms are brought into memory at a time.
const LOADS: usize = 8;

/// What the store had of somebody's mentions in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// How far the room's log was, or further.
    at: u64,
    /// From where on was looked.
    from: MentionsFrom,
    /// By `seq`, whether it is deleted.
    found: BTreeMap<u64, bool>,
}

/// What is told: it is state and no entry, so it has no `seq`.
#[derive(Serialize)]
struct Event<'a> {
    ev: &'static str,
    room: &'static str,
    target: RoomId,
    unread_mentions: usize,
    mentions: &'a [u64],
}

impl Looked {
    /// Nothing, as of where a log is.
    fn nothing(at: u64, from: MentionsFrom) -> Self {
        Self {
            at,
            from,
            found: BTreeMap::new(),
        }
    }

    /// Which are unread now, the newest, given what changed since and from where on counts now; none when it has to be
    /// looked up again.
    fn now(
        &self,
        user: UserId,
        from: MentionsFrom,
        changes: Vec<(u64, MentionChange)>,
    ) -> Option<Vec<u64>> {
        let seen = self.from.named <= from.named && self.from.everyone <= from.everyone;
        // Between the two only names count; which of those were found are names is not known.
        if !seen || (from.named < from.everyone && self.from.everyone != from.everyone) {
            return None;
        }
        let mut found = self.found.clone();
        for (seq, change) in changes {
            match change {
                MentionChange::Said { mentions, by } => {
                    let named = mentions.users.contains(&user) && seq >= from.named;
                    let called = mentions.everyone && by != Some(user) && seq >= from.everyone;
                    if named || called {
                        found.insert(seq, false);
                    }
                }
                MentionChange::Deleted(target) => {
                    found.entry(target).and_modify(|deleted| *deleted = true);
                }
                MentionChange::Restored(target) => {
                    found.entry(target).and_modify(|deleted| *deleted = false);
                }
                MentionChange::Purged(first, last) => {
                    found.retain(|seq, _| !(first..=last).contains(seq));
                }
            }
        }
        let there = found.into_iter().filter(|(_, deleted)| !deleted);
        let mut seqs: Vec<u64> = there
            .map(|(seq, _)| seq)
            .filter(|seq| *seq >= from.named)
            .collect();
        seqs.drain(..seqs.len().saturating_sub(Mention::TOLD));
        Some(seqs)
    }
}

/// From where on mentions of a member are unread. Who came later was not one of everyone.
pub(super) fn unread_from(room: &Room, member: &Member) -> MentionsFrom {
    let named = (member.read.seq + 1).max(rights::floor(room, *member));
    MentionsFrom {
        room: room.id,
        named,
        everyone: named.max(member.since),
    }
}

/// Which messages of a room mention somebody and are unread, as of now; none when it has to be looked up again, or they
/// are not in the room any more.
pub(super) fn mentions_now(room: &LiveRoom, user: UserId, looked: &Looked) -> Option<Vec<u64>> {
    let from = {
        let facts = room.facts();
        unread_from(&facts.room, facts.members.get(&user)?)
    };
    looked.now(user, from, room.mentions_after(looked.at)?)
}

impl Chat {
    /// Looks up which unread messages mention somebody in these rooms, with one question for all of them. Rooms that they
    /// are not in are left out.
    pub async fn look_up_mentions(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> Result<HashMap<RoomId, Looked>, Refusal> {
        let lives = stream::iter(rooms.iter().copied());
        let lives = lives.map(|id| self.log.room(id));
        let lives: Vec<_> = lives.buffered(LOADS).collect().await;
        let (mut looked, mut asked) = (HashMap::new(), Vec::new());
        for live in lives.into_iter().filter_map(|live| live.ok().flatten()) {
            let head = live.head();
            let member = {
                let facts = live.facts();
                let member = facts.members.get(&user);
                member.map(|m| (unread_from(&facts.room, m), m.read))
            };
            let Some((from, read)) = member else {
                continue;
            };
            let mut at = head.seq;
            if read.unread(head.n) > 0 {
                if live.mentions_after(read.seq).is_some() {
                    // All that came since is in memory.
                    at = read.seq;
                } else {
                    asked.push(from);
                }
            }
            looked.insert(from.room, Looked::nothing(at, from));
        }
        if asked.is_empty() {
            return Ok(looked);
        }
        let found = self
            .store
            .mentions_from(user, &asked, Mention::LOOKED_AT)
            .await;
        for mentioned in found.map_err(|e| refuse(&e))? {
            if let Some(of) = looked.get_mut(&mentioned.room) {
                of.found.insert(mentioned.seq, mentioned.deleted);
            }
        }
        Ok(looked)
    }

    /// How many there are, in rooms of which it is known what somebody is in them.
    pub(super) async fn count_mentions(
        &self,
        user: UserId,
        from: &[(MentionsFrom, u64)],
    ) -> Result<HashMap<RoomId, u64>, Refusal> {
        if from.is_empty() {
            return Ok(HashMap::new());
        }
        let asked: Vec<_> = from.iter().map(|(from, _)| *from).collect();
        let heads: HashMap<_, _> = from.iter().map(|(from, head)| (from.room, *head)).collect();
        let found = self
            .store
            .mentions_from(user, &asked, Mention::LOOKED_AT)
            .await;
        let mut found = found.map_err(|e| refuse(&e))?;
        // By name and with everyone is once.
        found.sort_unstable();
        found.dedup();
        let mut counts = HashMap::new();
        for mentioned in found {
            let there = heads
                .get(&mentioned.room)
                .is_some_and(|head| mentioned.seq <= *head);
            if there && !mentioned.deleted {
                let count = counts.entry(mentioned.room).or_insert(0);
                *count = (*count + 1).min(Mention::TOLD as u64);
            }
        }
        Ok(counts)
    }

    /// Tells somebody's devices which unread messages of a room mention them: after they went back, only the store knows.
    pub(super) async fn tell_mentions(&self, id: RoomId, user: UserId) {
        if self.hub.position(user.into()).is_none() {
            return;
        }
        let _kept = self.hub.keep(id.into());
        for _ in 0..LOOKS {
            let looked = self.look_up_mentions(user, &[id]).await.unwrap_or_default();
            let (Some(room), Some(looked)) = (self.log.room_in_memory(id), looked.get(&id)) else {
                return;
            };
            let tell = |position: Option<Position>| {
                let mut mentions = mentions_now(&room, user, looked)?;
                mentions.retain(|seq| position.is_none_or(|told| *seq <= told.seq));
                let event = Event {
                    ev: "unread",
                    room: "@me",
                    target: id,
                    unread_mentions: mentions.len(),
                    mentions: &mentions,
                };
                self.hub.tell(user.into(), &Frame::json(&event));
                Some(())
            };
            if self.hub.between(id.into(), tell).is_some() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, model::Mentions};

    fn said(users: &[UserId], everyone: bool, by: UserId) -> MentionChange {
        MentionChange::Said {
            mentions: Box::new(Mentions {
                users: users.to_vec(),
                everyone,
            }),
            by: Some(by),
        }
    }

    #[test]
    fn what_changed_since_is_laid_over_what_was_found() {
        let (me, other) = (UserId::new(Millis(1)), UserId::new(Millis(2)));
        let room = RoomId::new(Millis(3));
        let from = |named, everyone| MentionsFrom {
            room,
            named,
            everyone,
        };
        let looked = Looked {
            at: 10,
            from: from(3, 5),
            found: BTreeMap::from([(4, false), (6, true), (8, false), (9, false)]),
        };
        let now = |from, changes: &[(u64, MentionChange)]| looked.now(me, from, changes.to_vec());
        assert_eq!(now(from(3, 5), &[]), Some(vec![4, 8, 9]));
        let changes = [
            (11, MentionChange::Deleted(8)),
            (12, MentionChange::Restored(6)),
            (13, said(&[me], false, other)),
            (14, said(&[], true, other)),
            (15, said(&[], true, me)),
            (16, said(&[other], false, me)),
            (17, MentionChange::Deleted(13)),
            (18, MentionChange::Purged(1, 5)),
            (19, MentionChange::Restored(7)),
        ];
        assert_eq!(now(from(3, 5), &changes), Some(vec![6, 9, 14]));
        // Taken in twice it is the same.
        let twice = [&changes[..], &changes[..]].concat();
        assert_eq!(now(from(3, 5), &twice), Some(vec![6, 9, 14]));
        // They have read on, or back, or came anew.
        assert_eq!(now(from(9, 9), &changes), Some(vec![9, 14]));
        assert_eq!(now(from(2, 5), &[]), None);
        assert_eq!(now(from(4, 7), &[]), None);
    }

    #[test]
    fn the_newest_are_told() {
        let me = UserId::new(Millis(1));
        let from = MentionsFrom {
            room: RoomId::new(Millis(3)),
            named: 1,
            everyone: 1,
        };
        let looked = Looked {
            at: 300,
            from,
            found: (1..=300).map(|seq| (seq, false)).collect(),
        };
        let told = looked.now(me, from, Vec::new()).unwrap();
        assert_eq!((told.len(), told[0]), (Mention::TOLD, 201));
    }
}
