//! What one connection has yet to be told: bounded, shared frames, drained by the connection's one task.
//!
//! Full means: what waits has passed the limit when one more event comes. Then the events are dropped and
//! the connection is closed as a slow consumer; it resumes by `seq` and misses nothing. An answer to a
//! request is always taken, since a session reads no further request while its outbox is half full. What is of
//! the moment (typing, presence) is taken only as long as less than half of it waits, and goes first.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

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
    /// Since when the oldest event of those waits.
    since: Option<Stamp>,
    /// How many of `frames` may be lost.
    passing: usize,
    close: Option<Close>,
}

impl Queue {
    fn take(&mut self, into: &mut VecDeque<Frame>, most: usize) {
        let count = most.min(self.frames.len());
        for Queued { frame, passing, .. } in self.frames.drain(..count) {
            self.passing -= usize::from(passing);
            self.taken += frame.len();
            self.since = self.since.or(frame.published_at());
            into.push_back(frame);
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

    /// Adds an event. False when there was no room: then the connection is on its way out.
    pub fn publish(&self, log: LogId, frame: &Frame) -> bool {
        self.offer(Some(log), frame)
    }

    /// The same for something that is of no log.
    pub fn announce(&self, frame: &Frame) -> bool {
        self.offer(None, frame)
    }

    /// Adds something of the moment, which is lost where much waits. False when it was.
    pub fn whisper(&self, log: Option<LogId>, frame: &Frame) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() || queue.bytes * 2 >= self.limit {
            return false;
        }
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

    fn offer(&self, log: Option<LogId>, frame: &Frame) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return false;
        }
        if queue.bytes > self.limit && queue.passing > 0 {
            queue.drop_if(|queued| queued.passing);
        }
        let room = queue.bytes <= self.limit;
        if room {
            queue.bytes += frame.len();
            queue.frames.push_back(Queued {
                log,
                frame: frame.clone(),
                passing: false,
            });
        } else {
            Self::end(&mut queue, Close::now(CloseCode::SlowConsumer));
        }
        let first = queue.frames.len() <= 1;
        drop(queue);
        // Whoever drains looks again until nothing is left, so only the first frame has to wake it.
        if first {
            self.waker.wake();
        }
        room
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
    pub fn take(&self, into: &mut VecDeque<Frame>, most: usize) {
        self.queue.lock().take(into, most);
    }

    /// Waits until there is something to write, in `into` or put there as [`Outbox::take`] does, or until the
    /// connection is to be closed: then the answer is how.
    pub fn poll_take(
        &self,
        cx: &Context<'_>,
        into: &mut VecDeque<Frame>,
        most: usize,
    ) -> Poll<Option<Close>> {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return Poll::Ready(queue.close);
        }
        if into.is_empty() {
            queue.take(into, most);
        }
        if into.is_empty() {
            // Whatever comes, comes after this lock, and wakes. An idle connection keeps no buffer.
            *into = VecDeque::new();
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
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;
    use crate::{clock::Millis, id::RoomId};

    /// How often it was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn frame(text: &str) -> Frame {
        Frame::text(&[text.as_bytes()])
    }

    #[test]
    fn a_full_outbox_drops_events_and_closes_as_slow() {
        let (outbox, log) = (Outbox::new(100, Arc::default()), LogId::Control);
        let big = frame(&"x".repeat(98));
        assert!(outbox.publish(log, &big), "exactly full is not over full");
        assert!(outbox.publish(log, &big), "one frame may pass the limit");
        assert!(!outbox.publish(log, &big));
        let mut taken = VecDeque::new();
        let close = Close::now(CloseCode::SlowConsumer);
        outbox.take(&mut taken, 10);
        assert_eq!(outbox.closing(), Some(close));
        assert!(taken.is_empty(), "no later event after a gap");
        assert!(!outbox.publish(log, &frame("y")));
    }

    #[test]
    fn what_is_of_the_moment_goes_first() {
        let (outbox, log) = (Outbox::new(100, Arc::default()), LogId::Control);
        let (some, most) = (frame(&"x".repeat(28)), frame(&"y".repeat(58)));
        assert!(outbox.whisper(Some(log), &some) && outbox.whisper(Some(log), &some));
        assert!(!outbox.whisper(Some(log), &some), "more than half waits");
        assert!(outbox.publish(log, &most), "under the limit");
        assert_eq!(outbox.bytes(), 120);
        assert!(outbox.publish(log, &some), "what was whispered made room");
        assert_eq!(outbox.bytes(), 90);
        let mut taken = VecDeque::new();
        outbox.take(&mut taken, 10);
        let first: Vec<_> = taken.iter().map(|f| f.payload()[0]).collect();
        assert_eq!(first, *b"yx");
        outbox.written(90);
        assert!(outbox.whisper(None, &some), "there is room again");
        outbox.purge(log);
        assert_eq!(outbox.bytes(), 30);
        outbox.take(&mut taken, 10);
        outbox.written(30);
        assert!(outbox.closing().is_none() && outbox.bytes() == 0);
    }

    #[test]
    fn what_is_taken_counts_until_it_is_written() {
        let outbox = Outbox::new(100, Arc::default());
        outbox.push(frame(&"x".repeat(98)));
        let mut taken = VecDeque::new();
        outbox.take(&mut taken, 10);
        assert_eq!(
            (taken.len(), outbox.bytes(), outbox.has_room()),
            (1, 100, false)
        );
        outbox.written(100);
        assert!(outbox.has_room());
    }

    #[test]
    fn whoever_drains_is_woken_and_told_of_a_close_before_anything_else() {
        let (outbox, log) = (Outbox::new(1000, Arc::default()), LogId::Control);
        let mut taken = VecDeque::new();
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let cx = &Context::from_waker(&waker);
        assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
        outbox.publish(log, &frame("one"));
        outbox.publish(log, &frame("two"));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "only the first has to");
        assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
        assert_eq!(taken.len(), 1);
        assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
        assert_eq!(taken.len(), 1, "what is taken is written first");
        taken.clear();
        assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
        let close = Close::now(CloseCode::SessionRevoked);
        outbox.close(close);
        assert_eq!(
            outbox.poll_take(cx, &mut taken, 1),
            Poll::Ready(Some(close))
        );
        assert_eq!(taken.len(), 1, "it is for whoever closes to drop it");
    }

    #[test]
    fn purging_one_log_leaves_the_others() {
        let outbox = Outbox::new(1000, Arc::default());
        let (gone, stays) = (RoomId::new(Millis(1)).into(), RoomId::new(Millis(1)).into());
        outbox.publish(gone, &frame("gone"));
        outbox.publish(stays, &frame("stays"));
        outbox.push(frame("answer"));
        outbox.purge(gone);
        let mut taken = VecDeque::new();
        outbox.take(&mut taken, 10);
        let texts: Vec<_> = taken.iter().map(Frame::payload).collect();
        assert_eq!(texts, ["stays", "answer"]);
        assert_eq!(outbox.bytes(), taken.iter().map(Frame::len).sum::<usize>());
    }

    #[test]
    fn a_shutdown_is_told_after_what_waits_and_a_revocation_instead_of_it() {
        for (code, left) in [(CloseCode::ShuttingDown, 1), (CloseCode::SessionRevoked, 0)] {
            let outbox = Outbox::new(1000, Arc::default());
            outbox.push(frame("x"));
            outbox.close(Close::now(code));
            let mut taken = VecDeque::new();
            outbox.take(&mut taken, 10);
            assert!(outbox.closing().is_some_and(|c| c.code == code));
            assert_eq!(taken.len(), left);
        }
    }

    #[test]
    fn a_verdict_takes_the_place_of_a_close_that_would_have_them_back() {
        let outbox = Outbox::new(1000, Arc::default());
        outbox.close(Close::now(CloseCode::SlowConsumer));
        outbox.close(Close::now(CloseCode::SessionRevoked));
        outbox.close(Close::now(CloseCode::ShuttingDown));
        let code = outbox.closing().map(|c| c.code);
        assert_eq!(code, Some(CloseCode::SessionRevoked));
    }
}
