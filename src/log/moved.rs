//! Which rooms have moved on, for whoever follows them behind the log, at their own pace: the search index, and the
//! webhook. The appender says so after each commit, in passing, once for a whole batch.
//!
//! It is no queue of events: the room's log is that, and stays. A room is in here once, however much happens in it.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    id::{LogId, RoomId},
    model::{Entry, Payload},
};

/// The rooms with something new, for one who follows. As many as there are rooms, at most.
#[derive(Debug, Default)]
pub struct Moved {
    wanted: AtomicBool,
    rooms: Mutex<HashMap<RoomId, Step>>,
    told: Notify,
}

/// How far a room has moved on.
#[derive(Debug, Default)]
struct Step {
    /// The last entry that is known of it.
    head: u64,
    /// Whether something of it takes texts out.
    takes_out: bool,
}

impl Moved {
    /// One that notes everything from the beginning.
    pub fn wanted() -> Self {
        let moved = Self::default();
        moved.want(true);
        moved
    }

    /// Whether anybody follows. While nobody does, nothing is noted.
    pub fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
        if !wanted {
            self.rooms.lock().clear();
        }
    }

    /// These were committed.
    pub(super) fn note<'a>(&self, entries: impl Iterator<Item = &'a Entry>) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let steps = entries.filter_map(|entry| match entry.log {
            LogId::Room(room) => Some((room, entry.seq, takes_out(&entry.payload))),
            _ => None,
        });
        self.put(steps);
    }

    /// Something may have been committed to this log; how far it has come then is for whoever follows to see.
    pub(super) fn note_perhaps(&self, log: LogId) {
        if let LogId::Room(room) = log
            && self.wanted.load(Ordering::Relaxed)
        {
            self.put([(room, 0, false)].into_iter());
        }
    }

    /// These rooms have come to these entries, as whoever follows found by looking.
    pub fn tell(&self, rooms: impl IntoIterator<Item = (RoomId, u64)>) {
        let steps = rooms.into_iter().map(|(room, head)| (room, head, false));
        self.put(steps);
    }

    fn put(&self, steps: impl Iterator<Item = (RoomId, u64, bool)>) {
        let mut steps = steps.peekable();
        if steps.peek().is_none() {
            return;
        }
        let mut rooms = self.rooms.lock();
        for (room, head, takes_out) in steps {
            let step = rooms.entry(room).or_default();
            step.head = step.head.max(head);
            step.takes_out |= takes_out;
        }
        drop(rooms);
        self.told.notify_one();
    }

    /// Wakes whoever follows.
    pub fn wake(&self) {
        self.told.notify_one();
    }

    /// Returns when there is something new.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// The rooms; from now on nothing is new in them.
    pub fn take(&self) -> HashSet<RoomId> {
        let rooms = std::mem::take(&mut *self.rooms.lock());
        rooms.into_keys().collect()
    }

    /// The rooms.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.rooms.lock().keys().copied().collect()
    }

    /// The last entry that is known of a room, if that is new.
    pub fn head(&self, room: RoomId) -> Option<u64> {
        self.rooms.lock().get(&room).map(|step| step.head)
    }

    /// Whether something that is new takes texts out.
    pub fn takes_out(&self) -> bool {
        self.rooms.lock().values().any(|step| step.takes_out)
    }

    /// A room was followed up to here: nothing is new in it, if it has not moved on.
    pub fn done(&self, room: RoomId, upto: u64) {
        let mut rooms = self.rooms.lock();
        if rooms.get(&room).is_some_and(|step| step.head <= upto) {
            rooms.remove(&room);
        }
    }

    /// Nothing is new in a room any more.
    pub fn forget(&self, room: RoomId) {
        self.rooms.lock().remove(&room);
    }

    /// Whether there is nothing new.
    pub fn is_empty(&self) -> bool {
        self.rooms.lock().is_empty()
    }

    /// How many entries are new, given up to where each room was followed.
    pub fn behind(&self, upto: impl Fn(RoomId) -> u64) -> u64 {
        // Whoever commits does not wait for the one who knows that.
        let rooms = self.rooms.lock();
        let heads: Vec<_> = rooms
            .iter()
            .map(|(room, step)| (*room, step.head))
            .collect();
        drop(rooms);
        let of = |(room, head): (RoomId, u64)| head.saturating_sub(upto(room));
        heads.into_iter().map(of).sum()
    }
}

fn takes_out(payload: &Payload) -> bool {
    matches!(
        payload,
        Payload::Delete { .. } | Payload::Purged { .. } | Payload::Deleted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Millis,
        id::{EntryId, UserId},
    };

    fn entry(log: impl Into<LogId>, seq: u64, payload: Payload) -> Entry {
        Entry {
            log: log.into(),
            seq,
            id: EntryId::new(Millis(1)),
            n: 0,
            at: Millis(1),
            from: None,
            txn: None,
            digest: None,
            over: None,
            payload,
        }
    }

    #[tokio::test]
    async fn a_room_is_told_once_and_only_to_who_follows() {
        let (moved, room) = (Moved::default(), RoomId::new(Millis(1)));
        let deleted = entry(room, 1, Payload::Deleted);
        moved.note([&deleted].into_iter());
        assert!(moved.is_empty());
        moved.want(true);
        let later = entry(room, 2, Payload::Deleted);
        let elsewhere = entry(UserId::new(Millis(1)), 7, Payload::Deleted);
        moved.note([&later, &deleted, &elsewhere].into_iter());
        moved.told().await;
        assert_eq!((moved.rooms(), moved.head(room)), (vec![room], Some(2)));
        assert_eq!(moved.take(), HashSet::from([room]));
        moved.note([&later].into_iter());
        moved.want(false);
        assert!(moved.is_empty());
    }

    #[test]
    fn a_room_is_news_until_it_was_followed_to_its_end() {
        let (moved, room) = (Moved::wanted(), RoomId::new(Millis(1)));
        moved.tell([(room, 9)]);
        assert!(!moved.takes_out());
        assert_eq!(moved.behind(|_| 4), 5);
        moved.note([&entry(room, 10, Payload::Delete { target: 3 })].into_iter());
        assert!(moved.takes_out());
        moved.done(room, 9);
        assert_eq!(moved.behind(|_| 9), 1);
        moved.done(room, 10);
        assert!(moved.is_empty());
        // Where it stands is not known, and so is nothing to go by.
        moved.note_perhaps(room.into());
        assert_eq!((moved.head(room), moved.behind(|_| 10)), (Some(0), 0));
    }
}
