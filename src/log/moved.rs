//! In which rooms something happened, for whoever follows them behind the log, at their own pace.
//!
//! It is no queue of events: the room's log is that, and stays. A room is in here once, however much happens in it.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::id::{LogId, RoomId};

/// The rooms with something new. As large as there are rooms, at most.
#[derive(Debug, Default)]
pub struct Moved {
    wanted: AtomicBool,
    rooms: Mutex<HashSet<RoomId>>,
    told: Notify,
}

impl Moved {
    /// Whether anybody follows. While nobody does, nothing is noted.
    pub fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
        if !wanted {
            self.rooms.lock().clear();
        }
    }

    /// Waits until there is something.
    pub async fn wait(&self) {
        self.told.notified().await;
    }

    /// Takes what there is.
    pub fn take(&self) -> HashSet<RoomId> {
        std::mem::take(&mut *self.rooms.lock())
    }

    /// Something was committed to this log, or may have been.
    pub(super) fn note(&self, log: LogId) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        if let LogId::Room(room) = log
            && self.rooms.lock().insert(room)
        {
            self.told.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, id::UserId};

    #[tokio::test]
    async fn a_room_is_told_once_and_only_to_who_follows() {
        let (moved, room) = (Moved::default(), RoomId::new(Millis(1)));
        moved.note(room.into());
        assert!(moved.take().is_empty());
        moved.want(true);
        moved.note(room.into());
        moved.note(room.into());
        moved.note(UserId::new(Millis(1)).into());
        moved.wait().await;
        assert_eq!(moved.take(), HashSet::from([room]));
        moved.note(room.into());
        moved.want(false);
        assert!(moved.take().is_empty());
    }
}
