use std::{
    fmt, io,
    sync::{
        Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
};

use bytes::Bytes;

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

/// Whether there was room.
fn publish(outbox: &Outbox, frame: &Frame) -> bool {
    outbox.publish(LogId::Control, frame) != Published::Refused
}

#[test]
fn a_full_outbox_drops_events_and_closes_as_slow() {
    let outbox = Outbox::new(100, Arc::default());
    let big = frame(&"x".repeat(98));
    assert!(publish(&outbox, &big), "exactly full is not over full");
    assert!(publish(&outbox, &big), "one frame may pass the limit");
    assert!(!publish(&outbox, &big));
    let mut taken = Taken::default();
    let close = Close::now(CloseCode::SlowConsumer);
    outbox.take(&mut taken, 10);
    assert_eq!(outbox.closing(), Some(close));
    assert!(taken.frames.is_empty(), "no later event after a gap");
    assert!(!publish(&outbox, &frame("y")));
}

#[test]
fn what_is_of_the_moment_goes_first() {
    let (outbox, log) = (Outbox::new(100, Arc::default()), LogId::Control);
    let (some, most) = (frame(&"x".repeat(28)), frame(&"y".repeat(58)));
    assert!(outbox.whisper(Some(log), &some) && outbox.whisper(Some(log), &some));
    assert!(!outbox.whisper(Some(log), &some), "more than half waits");
    assert!(publish(&outbox, &most), "under the limit");
    assert_eq!(outbox.bytes(), 120);
    assert!(publish(&outbox, &some), "what was whispered made room");
    assert_eq!(outbox.bytes(), 90);
    let mut taken = Taken::default();
    outbox.take(&mut taken, 10);
    let first: Vec<_> = taken.frames.iter().map(|f| f.payload()[0]).collect();
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
    let mut taken = Taken::default();
    outbox.take(&mut taken, 10);
    assert_eq!(
        (taken.frames.len(), outbox.bytes(), outbox.has_room()),
        (1, 100, false)
    );
    outbox.written(100);
    assert!(outbox.has_room());
}

#[test]
fn whoever_drains_is_woken_and_told_of_a_close_before_anything_else() {
    let (outbox, log) = (Outbox::new(1000, Arc::default()), LogId::Control);
    let mut taken = Taken::default();
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let cx = &Context::from_waker(&waker);
    assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
    outbox.publish(log, &frame("one"));
    outbox.publish(log, &frame("two"));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1, "only the first has to");
    assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
    assert_eq!(taken.frames.len(), 1);
    assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
    assert_eq!(taken.frames.len(), 1, "what is taken is written first");
    taken.frames.clear();
    assert_eq!(outbox.poll_take(cx, &mut taken, 1), Poll::Ready(None));
    let close = Close::now(CloseCode::SessionRevoked);
    outbox.close(close);
    assert_eq!(
        outbox.poll_take(cx, &mut taken, 1),
        Poll::Ready(Some(close))
    );
    assert_eq!(taken.frames.len(), 1, "it is for whoever closes to drop it");
}

#[test]
fn purging_one_log_leaves_the_others() {
    let outbox = Outbox::new(1000, Arc::default());
    let (gone, stays) = (RoomId::new(Millis(1)).into(), RoomId::new(Millis(1)).into());
    outbox.publish(gone, &frame("gone"));
    outbox.publish(stays, &frame("stays"));
    outbox.push(frame("answer"));
    outbox.purge(gone);
    let mut taken = Taken::default();
    outbox.take(&mut taken, 10);
    let texts: Vec<_> = taken.frames.iter().map(Frame::payload).collect();
    assert_eq!(texts, ["stays", "answer"]);
    assert_eq!(
        outbox.bytes(),
        taken.frames.iter().map(Frame::len).sum::<usize>()
    );
}

#[test]
fn a_shutdown_is_told_after_what_waits_and_a_revocation_instead_of_it() {
    for (code, left) in [(CloseCode::ShuttingDown, 1), (CloseCode::SessionRevoked, 0)] {
        let outbox = Outbox::new(1000, Arc::default());
        outbox.push(frame("x"));
        outbox.close(Close::now(code));
        let mut taken = Taken::default();
        outbox.take(&mut taken, 10);
        assert!(outbox.closing().is_some_and(|c| c.code == code));
        assert_eq!(taken.frames.len(), left);
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

/// A wire that does what the test says.
type Doing = dyn Fn(&[u8]) -> io::Result<usize> + Send + Sync;
struct Told(Box<Doing>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl Wire for Told {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes)
    }
}

/// An outbox with such a wire.
fn plugged(f: impl Fn(&Outbox, &[u8]) -> io::Result<usize> + Send + Sync + 'static) -> Arc<Outbox> {
    Arc::new_cyclic(|outbox: &Weak<Outbox>| {
        let weak = outbox.clone();
        let told = Told(Box::new(move |bytes| {
            weak.upgrade().map_or(Ok(0), |outbox| f(&outbox, bytes))
        }));
        let outbox = Outbox::new(64 * 1024, Arc::default());
        outbox.plug(Arc::new(told), 0);
        outbox
    })
}

fn texts(taken: &Taken) -> Vec<Bytes> {
    taken.frames.iter().map(Frame::payload).collect()
}

/// What a task finds that waited while "first" was written without it, and that was woken once by it; a second turn
/// came too late.
fn after_first(outbox: &Outbox) -> Taken {
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
    assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
    outbox.publish(LogId::Control, &frame("first"));
    outbox.write_due();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    outbox.write_due();
    assert_eq!(outbox.poll_take(cx, &mut taken, 10), Poll::Ready(None));
    taken
}

#[test]
fn an_event_alone_is_written_at_once_and_wakes_nobody() {
    let outbox = plugged(|outbox, bytes| {
        assert_eq!(outbox.bytes(), bytes.len(), "it waits until it is written");
        Ok(bytes.len())
    });
    let (woken, log) = (Arc::new(Woken::default()), LogId::Control);
    let waker = Arc::clone(&woken).into();
    let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
    for sent in 1..=3 {
        assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
        assert_eq!(outbox.publish(log, &frame("one")), Published::Due);
        outbox.write_due();
        outbox.write_due();
        let waiting = outbox.waiting(outbox.stats.watch.stamp());
        assert_eq!((waiting.sent, waiting.bytes), (sent, 0));
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
}

#[test]
fn what_does_not_fit_is_left_to_the_task_before_what_comes_after_it() {
    for (fits, more) in [Some(0), Some(3), None]
        .into_iter()
        .flat_map(|f| [(f, false), (f, true)])
    {
        let log = LogId::Control;
        let outbox = plugged(move |outbox, _| {
            if more {
                outbox.publish(log, &frame("after"));
            }
            fits.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        });
        let taken = after_first(&outbox);
        let frames = if more {
            vec!["first", "after"]
        } else {
            vec!["first"]
        };
        assert_eq!(
            outbox.bytes(),
            frames.len() * 7 - fits.unwrap_or(0),
            "{fits:?}"
        );
        assert_eq!(texts(&taken), frames);
        assert_eq!(taken.offset, fits.unwrap_or(0));
    }
}

#[test]
fn it_is_left_to_the_task_where_that_writes_or_more_waits() {
    let outbox = plugged(|_, _| unreachable!("it is not written here"));
    let (woken, log) = (Arc::new(Woken::default()), LogId::Control);
    let waker = Arc::clone(&woken).into();
    let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
    let woke = || woken.0.swap(0, Ordering::Relaxed) > 0;
    assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
    assert_eq!(outbox.publish(log, &frame("one")), Published::Due);
    assert_eq!(outbox.publish(log, &frame("two")), Published::Waits);
    assert!(!woke());
    outbox.write_due();
    assert!(woke(), "two leave in one call");
    assert_eq!(outbox.poll_take(cx, &mut taken, 10), Poll::Ready(None));
    assert_eq!(texts(&taken), ["one", "two"]);
    outbox.publish(log, &frame("three"));
    outbox.write_due();
    taken.frames.clear();
    assert_eq!(outbox.poll_take(cx, &mut taken, 10), Poll::Ready(None));
    assert_eq!(texts(&taken), ["three"], "the task writes, and goes on");
    taken.frames.clear();
    outbox.written(outbox.bytes());
    assert!(outbox.poll_take(cx, &mut taken, 10).is_pending());
    outbox.publish(log, &frame(&"x".repeat(17 * 1024)));
    outbox.write_due();
    assert!(woke(), "others do not wait for something so long");
}

#[test]
fn what_the_task_is_woken_for_is_written_by_nobody_else() {
    let log = LogId::Control;
    let outbox = plugged(move |outbox, bytes| {
        assert_eq!(bytes.len(), 7, "only the first");
        let more = outbox.publish(log, &frame("second"));
        assert_eq!(
            more,
            Published::Waits,
            "who writes the first will wake the task"
        );
        Ok(bytes.len())
    });
    let taken = after_first(&outbox);
    assert_eq!(texts(&taken), ["second"]);

    let others: [fn(&Outbox); 3] = [
        |outbox| outbox.push(frame("other")),
        |outbox| assert!(outbox.whisper(None, &frame("other"))),
        |outbox| assert!(outbox.announce(&frame("other"))),
    ];
    for other in others {
        let outbox = plugged(|_, _| unreachable!("it is the task's"));
        let mut taken = Taken::default();
        assert_eq!(outbox.publish(log, &frame("event")), Published::Due);
        outbox.purge(log);
        other(&outbox);
        outbox.write_due();
        outbox.take(&mut taken, 10);
        assert_eq!(texts(&taken), ["other"]);
    }

    let outbox = plugged(|_, _| unreachable!("it is the task's"));
    let mut taken = Taken::default();
    assert_eq!(outbox.publish(log, &frame("one")), Published::Due);
    outbox.take(&mut taken, 10);
    assert_eq!(outbox.publish(log, &frame("two")), Published::Waits);
    outbox.write_due();
    assert_eq!(texts(&taken), ["one"], "half of it may be written");
    taken.frames.clear();
    outbox.written(7);
    outbox.write_due();
    outbox.take(&mut taken, 10);
    assert_eq!(texts(&taken), ["two"]);
}

#[test]
fn a_close_waits_until_nobody_else_writes() {
    let (verdict, log) = (Close::now(CloseCode::SessionRevoked), LogId::Control);
    for fits in [0, 3, 7] {
        let woken = Arc::new(Woken::default());
        let waker: Waker = Arc::clone(&woken).into();
        let (of_task, of_all) = (waker.clone(), Arc::clone(&woken));
        let outbox = plugged(move |outbox, _| {
            outbox.close(verdict);
            let cx = &Context::from_waker(&of_task);
            assert!(outbox.poll_take(cx, &mut Taken::default(), 10).is_pending());
            of_all.0.store(0, Ordering::Relaxed);
            Ok(fits)
        });
        let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
        outbox.publish(log, &frame("first"));
        outbox.write_due();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "once it is written");
        let close = outbox.poll_take(cx, &mut taken, 10);
        assert_eq!(close, Poll::Ready(Some(verdict)));
        assert!(outbox.poll_unplug(cx, &mut taken).is_ready());
        let rest = if fits == 7 { vec![] } else { vec!["first"] };
        assert_eq!(
            texts(&taken),
            rest,
            "for whoever closes, to be finished or dropped"
        );
        assert_eq!(taken.offset, fits % 7);
        assert_eq!(outbox.publish(log, &frame("late")), Published::Refused);
    }
    let outbox = plugged(|_, _| unreachable!("a close leaves nothing that is due"));
    outbox.publish(log, &frame("first"));
    outbox.close(Close::now(CloseCode::ShuttingDown));
    outbox.write_due();
    assert_eq!(outbox.bytes(), 7, "it is told by the task");
}

#[test]
fn a_task_that_leaves_waits_until_nobody_else_writes() {
    for fits in [0, 3, 7] {
        let woken = Arc::new(Woken::default());
        let waker: Waker = Arc::clone(&woken).into();
        let of_task = waker.clone();
        let outbox = plugged(move |outbox, _| {
            let cx = &Context::from_waker(&of_task);
            assert!(outbox.poll_unplug(cx, &mut Taken::default()).is_pending());
            Ok(fits)
        });
        let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
        outbox.publish(LogId::Control, &frame("first"));
        outbox.write_due();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(outbox.poll_unplug(cx, &mut taken).is_ready());
        let rest = if fits == 7 { vec![] } else { vec!["first"] };
        assert_eq!(texts(&taken), rest);
    }
}

#[test]
fn nothing_is_written_past_a_task_that_has_taken_over() {
    let outbox = plugged(|_, _| unreachable!("it is not written here"));
    let (woken, log) = (Arc::new(Woken::default()), LogId::Control);
    let waker = Arc::clone(&woken).into();
    let (cx, mut taken) = (&Context::from_waker(&waker), Taken::default());
    outbox.publish(log, &frame("one"));
    assert!(outbox.poll_unplug(cx, &mut taken).is_ready());
    outbox.write_due();
    outbox.take(&mut taken, 10);
    assert_eq!(texts(&taken), ["one"]);
    taken.frames.clear();
    outbox.written(outbox.bytes());
    assert!(outbox.poll_frame(cx, || false).is_pending());
    assert_eq!(outbox.publish(log, &frame("two")), Published::Waits);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1, "by the task, as before");
    outbox.write_due();
    outbox.take(&mut taken, 10);
    assert_eq!(texts(&taken), ["two"]);
}
