//! Which rooms have moved on since they were indexed. The log says so after each commit, in passing; whoever feeds
//! the index takes it from here when it comes to it. A room is there once, however much happens in it.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::id::RoomId;

/// The rooms, each with the last entry that is known of it. As many as there are rooms, at most.
#[derive(Debug, Default)]
pub struct News {
    rooms: Mutex<HashMap<RoomId, u64>>,
    /// Whether something of it takes texts out.
    takes_out: AtomicBool,
    told: Notify,
}

impl News {
    /// These rooms have come to these entries.
    pub fn tell(&self, rooms: impl IntoIterator<Item = (RoomId, u64)>) {
        let mut rooms = rooms.into_iter().peekable();
        if rooms.peek().is_none() {
            return;
        }
        let mut known = self.rooms.lock();
        for (room, head) in rooms {
            let at = known.entry(room).or_default();
            *at = head.max(*at);
        }
        drop(known);
        self.told.notify_one();
    }

    /// Something that was told takes texts out.
    pub fn tell_taken_out(&self) {
        self.takes_out.store(true, Ordering::Relaxed);
    }

    /// Whether something takes texts out.
    pub fn takes_out(&self) -> bool {
        self.takes_out.load(Ordering::Relaxed)
    }

    /// Wakes whoever waits for news.
    pub fn wake(&self) {
        self.told.notify_one();
    }

    /// Returns when there is something new.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// The rooms.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.rooms.lock().keys().copied().collect()
    }

    /// The last entry that is known of a room, if that is new.
    pub fn head(&self, room: RoomId) -> Option<u64> {
        self.rooms.lock().get(&room).copied()
    }

    /// A room is indexed up to here: no news any more, if it has not moved on.
    pub fn done(&self, room: RoomId, upto: u64) {
        let mut known = self.rooms.lock();
        if known.get(&room).is_some_and(|head| *head <= upto) {
            known.remove(&room);
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

    /// How many entries are new, given up to where each room is indexed.
    pub fn behind(&self, upto: impl Fn(RoomId) -> u64) -> u64 {
        let known = self.rooms.lock();
        let of = |(room, head): (&RoomId, &u64)| head.saturating_sub(upto(*room));
        known.iter().map(of).sum()
    }
}
