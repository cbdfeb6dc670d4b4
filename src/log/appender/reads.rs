//! Telling people's other devices up to where they have read.

use serde::Serialize;

use super::Appender;
use crate::{hub::Frame, id::RoomId, model::Read};

/// What is told: it is state and no entry, so it has no `seq`.
#[derive(Serialize)]
struct Event {
    ev: &'static str,
    room: &'static str,
    target: RoomId,
    read: u64,
    read_n: u64,
    unread: u64,
}

impl Appender {
    /// Tells each of them where they are, on every connection that listens to their own log.
    pub(super) fn tell_reads(&self, reads: &[Read]) {
        for read in reads {
            let log = read.user.into();
            if self.hub.position(log).is_none() {
                continue;
            }
            let n = self.memory.room(read.room).map(|room| room.head().n);
            let event = Event {
                ev: "read",
                room: "@me",
                target: read.room,
                read: read.upto.seq,
                read_n: read.upto.n,
                unread: read.upto.unread(n.unwrap_or(read.upto.n)),
            };
            self.hub.tell(log, &Frame::json(&event));
        }
    }
}
