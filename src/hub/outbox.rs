//! What one connection has yet to be told: bounded, shared frames, drained by the connection's task. One event of a room
//! that comes while nothing waits may be written without that task (`direct`); at any moment one of the two writes at most.
//!
//! Full means: what waits has passed the limit when one more event comes. Then the events are dropped and
//! the connection is closed as a slow consumer; it resumes by `seq` and misses nothing. An answer to a
//! request is always taken, since a session reads no further request while its outbox is half full. What is of
//! the moment (typing, presence) is taken only as long as less than half of it waits, and goes first.

mod direct;

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use self::direct::Direct;
pub use self::direct::Wire;
use super::{
    close::{Close, CloseCode},
    frame::Frame,
};
use crate::{
    id::LogId,
    stats::{Count, Stamp, Stats},
};

/// What an outbox holds, for those who watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Frames that the socket took, since the connection was opened.
    pub sent: u64,
    /// Bytes that wait, up to the last that was not yet written.
    pub bytes: u64,
    /// For how long the oldest event of them has waited.
    pub lag: Duration,
}

/// What was taken out of an outbox and has yet to be written.
#[derive(Debug, Default)]
pub struct Taken {
    /// The frames, in order.
    pub frames: VecDeque<Frame>,
    /// How much of the first is written.
    pub offset: usize,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// There was no room.
    Refused,
    /// It waits; whoever has what is before it writes it too, or wakes the connection's task.
    Waits,
    /// It waits alone, and nobody was woken: it is for [`Outbox::write_due`].
    Due,
}

#[derive(Debug)]
struct Queued {
    /// The log an event belongs to; none for answers.
    log: Option<LogId>,
    frame: Frame,
    /// Whether it may be lost.
    passing: bool,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Queued>,
    /// Bytes in `frames` and in what was taken but not yet written.
    bytes: usize,
    /// Those that were taken.
    taken: usize,
    /// What of them is written without the connection's task.
    direct: Direct,
    /// Since when the oldest event of those waits.
    since: Option<Stamp>,
    /// How many of `frames` may be lost.
    passing: usize,
    close: Option<Close>,
}

impl Queue {
    fn take(&mut self, into: &mut Taken, most: usize) {
        self.direct.due = false;
        if let Some(begun) = self.direct.begun.take() {
            let (frame, written) = *begun;
            into.frames.push_back(frame);
            into.offset = written;
        }
        let count = most.min(self.frames.len());
        for Queued { frame, passing, .. } in self.frames.drain(..count) {
            self.passing -= usize::from(passing);
            self.taken += frame.len();
            self.since = self.since.or(frame.published_at());
            into.frames.push_back(frame);
        }
        if self.frames.is_empty() {
            // An idle connection keeps no buffer.
            self.frames = VecDeque::new();
        }
    }

    /// Takes out what `which` says.
    fn drop_if(&mut self, which: impl Fn(&Queued) -> bool) {
        let (mut freed, mut passing) = (0, 0);
        self.frames.retain(|queued| {
            let goes = which(queued);
            freed += if goes { queued.frame.len() } else { 0 };
            passing += usize::from(goes && queued.passing);
            !goes
        });
        self.bytes -= freed;
        self.passing -= passing;
    }
}

/// What one connection has yet to be told.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    limit: usize,
    /// Frames that the socket took.
    sent: Count,
    stats: Arc<Stats>,
}

impl Outbox {
    /// An empty outbox that holds `limit` bytes.
    pub fn new(limit: usize, stats: Arc<Stats>) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            limit,
            sent: Count::default(),
            stats,
        }
    }

    /// Adds an answer. One that is still due when the server stops is taken too.
    pub fn push(&self, frame: Frame) {
        let mut queue = self.queue.lock();
        if queue.close.is_none_or(|close| close.finish) {
            queue.direct.due = false;
            queue.bytes += frame.len();
            queue.frames.push_back(Queued {
                log: None,
                frame,
                passing: false,
            });
            drop(queue);
            self.waker.wake();
        }
    }

    /// Adds an event. One that waits alone may be due to be written by [`Outbox::write_due`].
    pub(super) fn publish(&self, log: LogId, frame: &Frame) -> Published {
        self.add(Some(log), frame, true)
    }

    /// Adds what is of no log. False when there was no room: then the connection is on its way out.
    pub fn announce(&self, frame: &Frame) -> bool {
        self.add(None, frame, false) != Published::Refused
    }

    /// Adds something of the moment, which is lost where much waits. False when it was.
    pub fn whisper(&self, log: Option<LogId>, frame: &Frame) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() || queue.bytes * 2 >= self.limit {
            return false;
        }
        queue.direct.due = false;
        queue.bytes += frame.len();
        queue.passing += 1;
        queue.frames.push_back(Queued {
            log,
            frame: frame.clone(),
            passing: true,
        });
        drop(queue);
        self.waker.wake();
        true
    }

    fn add(&self, log: Option<LogId>, frame: &Frame, direct: bool) -> Published {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return Published::Refused;
        }
        if queue.bytes > self.limit && queue.passing > 0 {
            queue.drop_if(|queued| queued.passing);
        }
        if queue.bytes > self.limit {
            Self::end(&mut queue, Close::now(CloseCode::SlowConsumer));
            drop(queue);
            self.waker.wake();
            return Published::Refused;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(Queued {
            log,
            frame: frame.clone(),
            passing: false,
        });
        // Whoever writes looks again until nothing is left, so only the first has to be seen to.
        let direct = direct && queue.direct.is_plugged();
        if queue.frames.len() > 1 || (direct && queue.taken > 0) {
            return Published::Waits;
        }
        queue.direct.due = direct;
        if direct {
            return Published::Due;
        }
        drop(queue);
        self.waker.wake();
        Published::Waits
    }

    /// Drops what waits from one log.
    pub fn purge(&self, log: LogId) {
        let mut queue = self.queue.lock();
        queue.drop_if(|queued| queued.log == Some(log));
    }

    /// Closes the connection: nothing more is taken in. A verdict against the person also drops what waits,
    /// and takes the place of a close that would have them back; otherwise what waits is still told.
    pub fn close(&self, close: Close) {
        let mut queue = self.queue.lock();
        let weaker = |now: Close| now.code.number() < 4500 && close.code.number() >= 4500;
        if queue.close.is_none_or(weaker) {
            Self::end(&mut queue, close);
            drop(queue);
            self.waker.wake();
        }
    }

    fn end(queue: &mut Queue, close: Close) {
        queue.close = Some(close);
        if !close.finish {
            queue.drop_if(|_| true);
        }
    }

    /// Moves up to `most` frames into `into`. They count as waiting until [`Outbox::written`].
    pub fn take(&self, into: &mut Taken, most: usize) {
        self.queue.lock().take(into, most);
    }

    /// Waits until there is something to write, in `into` or put there as [`Outbox::take`] does, or until the
    /// connection is to be closed: then the answer is how.
    pub fn poll_take(
        &self,
        cx: &Context<'_>,
        into: &mut Taken,
        most: usize,
    ) -> Poll<Option<Close>> {
        let mut queue = self.queue.lock();
        if queue.direct.writing {
            // Not for long: that waits for nothing. It wakes, if it leaves anything to do.
            self.waker.register(cx.waker());
            return Poll::Pending;
        }
        if queue.close.is_some() {
            return Poll::Ready(queue.close);
        }
        if into.frames.is_empty() {
            queue.take(into, most);
        }
        if into.frames.is_empty() {
            // Whatever comes, comes after this lock, and wakes. An idle connection keeps no buffer.
            into.frames = VecDeque::new();
            self.waker.register(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(None)
    }

    /// How the connection is to be closed, if it is.
    pub fn closing(&self) -> Option<Close> {
        self.queue.lock().close
    }

    /// Waits until the connection is to be closed.
    pub fn poll_close(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.queue.lock().close.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Bytes that were taken are written, or given up.
    pub fn written(&self, bytes: usize) {
        let mut queue = self.queue.lock();
        queue.bytes = queue.bytes.saturating_sub(bytes);
        queue.taken = queue.taken.saturating_sub(bytes);
        if queue.taken == 0 {
            queue.since = None;
        }
    }

    /// The socket took so many frames. Of a few it is said when their first event was published, and when the
    /// socket took it.
    pub fn sent(&self, frames: u64, of: Option<(Stamp, Instant)>) {
        self.sent.add(frames);
        if let Some((published, at)) = of {
            let took = self.stats.watch.stamp_of(at).since(published);
            self.stats.delivery_time.record(took);
        }
    }

    /// What waits in it at this moment.
    pub fn waiting(&self, now: Stamp) -> Waiting {
        let queue = self.queue.lock();
        let first = || queue.frames.iter().find_map(|q| q.frame.published_at());
        let since = queue.since.or_else(first);
        Waiting {
            sent: self.sent.get(),
            bytes: queue.bytes as u64,
            lag: since.map_or(Duration::ZERO, |since| now.since(since)),
        }
    }

    /// Waits until there is a frame to take, or `done` says that none will come.
    pub fn poll_frame(&self, cx: &Context<'_>, done: impl Fn() -> bool) -> Poll<()> {
        self.waker.register(cx.waker());
        if done() || !self.queue.lock().frames.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether the next request may be read: less than half of the limit waits, and no close.
    pub fn has_room(&self) -> bool {
        let queue = self.queue.lock();
        queue.bytes * 2 < self.limit && queue.close.is_none()
    }

    /// Lets whoever drains look again.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> usize {
        self.queue.lock().bytes
    }
}

#[cfg(test)]
mod tests;
