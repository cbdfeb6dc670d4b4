//! Writing one event straight to the socket, without the connection's task: to wake that task, and to have it look at all
//! that it waits for, costs half as much again as what it does for the event. What is more than one event at a time, what
//! is long, and what does not fit is left to it.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use super::{Outbox, Queued, Taken};
use crate::hub::Frame;

/// The longest frame that is written so: others wait meanwhile. It is less than half of the smallest outbox (64 KiB), so
/// a session that reads nothing, for want of room, is always woken when there is room again.
const LONGEST: usize = 16 * 1024;
/// One write in so many is looked at for how long its event took.
const SAMPLE: u64 = 16;

/// Where frames go.
pub trait Wire: fmt::Debug + Send + Sync {
    /// Writes what fits, without waiting, and says how much; an error when that is nothing.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// What is written without the connection's task.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// Where to; none before and after.
    wire: Option<Arc<dyn Wire>>,
    /// Which of the writes are looked at.
    seed: u8,
    /// The one event that waits is to be written, and nobody was woken for it.
    pub(super) due: bool,
    /// That is happening at this moment. Whoever else would write, waits.
    pub(super) writing: bool,
    /// What did not fit, and how much of it is written: for the task, before everything else.
    pub(super) begun: Option<Box<(Frame, usize)>>,
}

impl Direct {
    /// Whether anything may be.
    pub(super) fn is_plugged(&self) -> bool {
        self.wire.is_some()
    }
}

impl Outbox {
    /// From now on an event that comes alone is written without the task. `seed` says which of these writes are looked
    /// at, so that it is not the same ones everywhere.
    pub fn plug(&self, wire: Arc<dyn Wire>, seed: u8) {
        let direct = &mut self.queue.lock().direct;
        (direct.wire, direct.seed) = (Some(wire), seed);
    }

    /// From now on none is.
    pub fn unplug(&self) {
        self.queue.lock().direct.wire = None;
    }

    /// The same; waits until nothing is being written, and moves what was left of it into `into`.
    pub fn poll_unplug(&self, cx: &Context<'_>, into: &mut Taken) -> Poll<()> {
        let mut queue = self.queue.lock();
        queue.direct.wire = None;
        if queue.direct.writing {
            self.waker.register(cx.waker());
            return Poll::Pending;
        }
        queue.take(into, 0);
        Poll::Ready(())
    }

    /// Writes the event that is due, unless the task has taken it meanwhile; and leaves it to the task if it is not alone
    /// any more.
    pub(in crate::hub) fn write_due(&self) {
        let mut queue = self.queue.lock();
        if !std::mem::take(&mut queue.direct.due) {
            return;
        }
        let alone = queue.frames.len() == 1 && queue.taken == 0 && queue.close.is_none();
        let alone = alone && queue.bytes <= LONGEST;
        let wire = queue.direct.wire.clone().filter(|_| alone);
        let Some((wire, Queued { frame, .. })) =
            wire.and_then(|w| Some((w, queue.frames.pop_front()?)))
        else {
            drop(queue);
            return self.waker.wake();
        };
        // An idle connection keeps no buffer.
        queue.frames = VecDeque::new();
        queue.taken = frame.len();
        queue.since = frame.published_at();
        queue.direct.writing = true;
        drop(queue);
        // An error is met again by the task, which ends by it.
        let written = wire.try_write(frame.bytes()).unwrap_or(0);
        // The socket is the task's alone again.
        drop(wire);
        let mut queue = self.queue.lock();
        queue.direct.writing = false;
        queue.bytes -= written;
        queue.taken -= written;
        let whole = queue.taken == 0;
        let more = !queue.frames.is_empty() || queue.close.is_some() || !queue.direct.is_plugged();
        let nth = self.sent.get().wrapping_add(queue.direct.seed.into());
        let at = frame.published_at().filter(|_| nth.is_multiple_of(SAMPLE));
        if whole {
            queue.since = None;
        } else {
            queue.direct.begun = Some(Box::new((frame, written)));
        }
        drop(queue);
        if whole {
            self.sent(1, at.map(|at| (at, Instant::now())));
        }
        if more || !whole {
            self.waker.wake();
        }
    }
}
