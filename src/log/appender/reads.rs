//! Telling people's other devices up to where they have read.

use serde::Serialize;

use super::Appender;
use crate::{
    hub::Frame,
    id::RoomId,
    model::{MoveOn, Read},
};

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
    /// Tells those who were moved on where they are; some of them may have come there by themselves.
    pub(super) fn tell_moved(&self, on: &MoveOn) {
        let Some(room) = self.memory.room(on.room) else {
            return;
        };
        let there: Vec<_> = {
            let facts = room.facts();
            let there = facts.members.values().filter(|m| m.read == on.upto);
            there
                .map(|member| Read {
                    room: on.room,
                    user: member.user,
                    upto: on.upto,
                })
                .collect()
        };
        self.tell_reads(&there);
    }

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
