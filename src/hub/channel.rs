//! The listeners of one log, and the last few events it had.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{Connection, frame::Frame, outbox::Published};
use crate::{
    id::{LogId, UserId},
    model::Head,
};

/// How many of the last events a log that somebody listens to keeps in memory, and how many bytes of
/// them: enough to bridge the time a replay takes to read, and to resume a short absence without I/O.
const RECENT_EVENTS: usize = 128;
const RECENT_BYTES: usize = 64 * 1024;

/// For how many one task writes: some 0.1 ms, after which others get their turn. With 8, each costs a tenth more; 32 are no
/// better.
const TURN: usize = 16;

/// Where a log stands for those who listen to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last entry they were told.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
}

impl From<Head> for Position {
    fn from(head: Head) -> Self {
        Self {
            seq: head.seq,
            n: head.n,
        }
    }
}

/// Something between the last published entry and this one is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last one that was published.
    pub last: u64,
}

/// Where [`super::Hub::attach`] left off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// Listening, and welcomed.
    Live,
    /// Not listening: what came after `after` is not in memory. Read up to here first.
    Behind(Position),
    /// Not listening: `after` is ahead of the log.
    Ahead,
}

/// Writes what is due to those who have it as the one thing that waits, together in a task of their own: what a room of
/// many is told is shared among the threads, and whoever tells it goes on.
fn write_due(turn: Vec<Arc<Connection>>) {
    if turn.is_empty() {
        return;
    }
    tokio::spawn(async move {
        for connection in turn {
            connection.outbox.write_due();
        }
    });
}

/// The listeners of one log.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Up to where they were told; none until the first came.
    pub(super) position: Option<Position>,
    /// Set when the hub has dropped it; whoever still holds it looks again.
    pub(super) closed: bool,
    subscribers: Vec<Arc<Connection>>,
    /// Whether it is a room's, and no person's own.
    is_room: bool,
    /// Events put into an outbox since somebody listens.
    delivered: u64,
    /// How many read up to it just now, and are to find what comes meanwhile.
    pub(super) kept: usize,
    recent: VecDeque<(u64, Bytes)>,
    recent_bytes: usize,
}

impl Channel {
    /// A channel of this log that nobody listens to yet.
    pub(super) fn of(log: LogId) -> Self {
        Self {
            is_room: matches!(log, LogId::Room(_)),
            ..Self::default()
        }
    }

    /// Adds a listener, see [`super::Hub::attach`]. `head` counts only for a channel that is new.
    pub(super) fn attach(
        &mut self,
        connection: &Arc<Connection>,
        after: Option<u64>,
        head: Position,
        welcome: &mut (dyn FnMut(Position, Vec<Bytes>) + Send),
    ) -> Attached {
        let position = *self.position.get_or_insert(head);
        let missed = match after {
            Some(after) if after > position.seq => return Attached::Ahead,
            Some(after) if after < position.seq => {
                match self.recent.front() {
                    Some((first, _)) if *first <= after + 1 => {}
                    _ => return Attached::Behind(position),
                }
                self.recent
                    .iter()
                    .filter(|(s, _)| *s > after)
                    .map(|(_, b)| b.clone())
                    .collect()
            }
            _ => Vec::new(),
        };
        if !self.has(connection) {
            connection.rooms.add(u64::from(self.is_room));
            self.subscribers.push(Arc::clone(connection));
        }
        welcome(position, missed);
        Attached::Live
    }

    /// Takes out and answers the listeners for which `which` says so.
    pub(super) fn remove(
        &mut self,
        which: impl Fn(&Arc<Connection>) -> bool,
    ) -> Vec<Arc<Connection>> {
        let out: Vec<_> = self.subscribers.extract_if(.., |s| which(s)).collect();
        if self.is_room {
            for connection in &out {
                connection.rooms.down();
            }
        }
        out
    }

    pub(super) fn has(&self, connection: &Arc<Connection>) -> bool {
        self.subscribers.iter().any(|s| Arc::ptr_eq(s, connection))
    }

    pub(super) fn users(&self) -> Vec<UserId> {
        self.subscribers.iter().map(|s| s.user).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.subscribers.is_empty() && self.kept == 0
    }

    /// Gives every listener the frame; answers how many took it.
    pub(super) fn publish(
        &mut self,
        log: LogId,
        position: Position,
        frame: &Frame,
    ) -> Result<u64, Gap> {
        let Some(Position { seq: last, .. }) = self.position else {
            // Nobody was told anything: the first who comes begins at the head.
            return Ok(0);
        };
        if position.seq <= last {
            return Ok(0);
        }
        if position.seq > last + 1 {
            return Err(Gap { last });
        }
        self.position = Some(position);
        self.remember(position.seq, frame);
        let took = self.tell(log, frame);
        self.delivered += took;
        Ok(took)
    }

    /// Gives every listener a frame that is not of the log; answers how many took it. Panics outside of tokio where a
    /// listener is plugged.
    pub(super) fn tell(&self, log: LogId, frame: &Frame) -> u64 {
        let (mut took, mut turn) = (0, Vec::new());
        for subscriber in &self.subscribers {
            match subscriber.outbox.publish(log, frame) {
                Published::Refused => continue,
                Published::Waits => {}
                Published::Due => turn.push(Arc::clone(subscriber)),
            }
            took += 1;
            if turn.len() == TURN {
                write_due(std::mem::take(&mut turn));
            }
        }
        write_due(turn);
        took
    }

    /// Gives every listener but one person's something that may be lost; answers how many took it.
    pub(super) fn whisper(&self, log: LogId, but: UserId, frame: &Frame) -> u64 {
        let others = self.subscribers.iter().filter(|s| s.user != but);
        let took = others.filter(|s| s.outbox.whisper(Some(log), frame));
        took.count() as u64
    }

    /// How many listen, and how many events they were given.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.subscribers.len() as u64, self.delivered)
    }

    /// Those who listen.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.subscribers.iter()
    }

    /// Changes what is remembered of an earlier event. If `change` makes nothing of it, it is forgotten with
    /// all before it: who resumes from there reads the store.
    pub(super) fn amend(&mut self, seq: u64, change: impl FnOnce(&[u8]) -> Option<Bytes>) {
        let Ok(at) = self.recent.binary_search_by_key(&seq, |(s, _)| *s) else {
            return;
        };
        if let Some(changed) = change(&self.recent[at].1) {
            self.recent_bytes = self.recent_bytes - self.recent[at].1.len() + changed.len();
            self.recent[at].1 = changed;
            return;
        }
        for (_, forgotten) in self.recent.drain(..=at) {
            self.recent_bytes -= forgotten.len();
        }
    }

    /// Changes what is remembered of those events of which `change` makes something else.
    pub(super) fn amend_all(&mut self, change: impl Fn(&[u8]) -> Option<Bytes>) {
        for (_, event) in &mut self.recent {
            if let Some(changed) = change(event) {
                self.recent_bytes = self.recent_bytes - event.len() + changed.len();
                *event = changed;
            }
        }
    }

    fn remember(&mut self, seq: u64, frame: &Frame) {
        let event = frame.payload();
        self.recent_bytes += event.len();
        self.recent.push_back((seq, event));
        while self.recent.len() > RECENT_EVENTS || self.recent_bytes > RECENT_BYTES {
            let Some((_, oldest)) = self.recent.pop_front() else {
                break;
            };
            self.recent_bytes -= oldest.len();
        }
    }
}
