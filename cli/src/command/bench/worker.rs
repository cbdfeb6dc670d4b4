//! One thread of the generator: some rooms with all their connections, in one poll loop with one read buffer.
//!
//! No task, timer or buffer belongs to a connection, so that the generator costs less than the server it
//! measures. All of a room is on one thread: who has which message is known without a lock.

mod arrive;
mod speak;

use std::{
    io::{self, Read as _},
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::sync::mpsc as news;

use super::{
    checks::Checks,
    conn::{Conn, Step},
    order::{Known, News, Order, Talk, Tally},
    room::Room,
    trouble::{Trouble, here},
    wire::{self, Read},
};

/// What is read at once: many frames of many messages.
const BUFFER: usize = 256 * 1024;
/// How long the poll sleeps when nothing happens, in milliseconds.
const NAP: i64 = 100;
/// How long a run waits for something that does not come, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
/// The same, once a check has failed.
const IMPATIENCE: u64 = 1_000_000_000;

/// The marks of what is no connection, in the poll.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// What the worker is at.
#[derive(Debug)]
enum Job {
    Nothing,
    Opening {
        /// The next that may have to come.
        next: usize,
        upto: usize,
        at_once: usize,
        since: Option<u64>,
        under_way: usize,
    },
    Talking {
        talk: Talk,
        /// When the next message is due, where that is by the clock.
        due: u64,
        /// Which room it is for.
        room: usize,
        /// When the next connection leaves, and which it is.
        leaves: u64,
        leaver: usize,
        /// How many are on their way back.
        away: usize,
        /// Nothing new is said; what is under way comes to its end.
        ending: bool,
    },
    /// Waits for so many answers to subscribes.
    Asking(usize),
}

/// The thread's state.
pub(super) struct Worker {
    known: Arc<Known>,
    epoll: OwnedFd,
    timer: OwnedFd,
    wake: Arc<OwnedFd>,
    orders: mpsc::Receiver<Order>,
    news: news::Sender<News>,
    rooms: Vec<Room>,
    conns: Vec<Conn>,
    buffer: Vec<u8>,
    job: Job,
    tally: Box<Tally>,
    /// What ends the job before its time.
    trouble: Option<Trouble>,
    /// When something last went on, in nanoseconds of the run.
    progress: u64,
}

impl Worker {
    pub(super) fn new(
        known: Arc<Known>,
        wake: Arc<OwnedFd>,
        (orders, news): (mpsc::Receiver<Order>, news::Sender<News>),
        rooms: Vec<Room>,
        conns: Vec<Conn>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &*wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self {
            known,
            epoll,
            timer,
            wake,
            orders,
            news,
            rooms,
            conns,
            buffer: vec![0; BUFFER],
            job: Job::Nothing,
            tally: Box::default(),
            trouble: None,
            progress: 0,
        })
    }

    /// Does what it is told until nobody tells anything any more.
    pub(super) fn run(mut self) {
        let mut events = Vec::with_capacity(1024);
        let nap = Timespec {
            tv_sec: 0,
            tv_nsec: NAP * 1_000_000,
        };
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&nap)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => self.trouble = Some(here("poll", e)),
            }
            for event in &events {
                let (mark, flags) = (event.data.u64(), event.flags);
                match mark {
                    WAKE | TIMER => self.quiet(mark),
                    conn => self.ready(usize::try_from(conn).unwrap_or(usize::MAX), flags),
                }
            }
            if !self.obey() {
                return;
            }
            self.go_on();
        }
    }

    /// Takes what a descriptor counted, so that it is quiet again.
    fn quiet(&self, mark: u64) {
        let mut count = [0; 8];
        // Nothing to read is as good.
        let _ = match mark {
            WAKE => rustix::io::read(&*self.wake, &mut count),
            _ => rustix::io::read(&self.timer, &mut count),
        };
    }

    /// Takes the next order, if there is one; false when there will be none.
    fn obey(&mut self) -> bool {
        let order = match self.orders.try_recv() {
            Ok(order) => order,
            Err(mpsc::TryRecvError::Empty) => return true,
            Err(mpsc::TryRecvError::Disconnected) => return false,
        };
        self.progress = self.known.now();
        match order {
            Order::Open {
                upto,
                at_once,
                since,
            } => {
                self.job = Job::Opening {
                    next: 0,
                    upto: upto.min(self.conns.len()),
                    at_once,
                    since,
                    under_way: 0,
                }
            }
            Order::Talk(talk) => self.begin_talk(talk),
            Order::Break { first } => {
                for at in 0..self.conns.len() {
                    if first || at != self.rooms[self.conns[at].room].conns.start {
                        self.conns[at].leave();
                    }
                }
                self.job = Job::Asking(0);
            }
            Order::Replay(entries) => self.ask_again(entries),
            Order::Listen => self.listen_further(),
        }
        true
    }

    /// Whatever is due by now; and the end of the job.
    fn go_on(&mut self) {
        let now = self.known.now();
        let done = match &self.job {
            Job::Nothing => return,
            Job::Opening { .. } => self.open_more(now),
            Job::Talking { .. } => self.talk_on(now),
            Job::Asking(left) => *left == 0,
        };
        let found = !self.tally.checks.ok();
        let patience = if found { IMPATIENCE } else { PATIENCE };
        let stuck = !done && now.saturating_sub(self.progress) > patience;
        if stuck && self.awaits_answers() {
            self.trouble.get_or_insert(Trouble::Silent("a subscribe"));
        }
        if stuck {
            // What is still under way where something was found before is a part of that.
            let mut known = Checks::default();
            let checks = if found {
                &mut known
            } else {
                &mut self.tally.checks
            };
            self.rooms.iter_mut().for_each(|room| room.give_up(checks));
        }
        if done || stuck || self.trouble.is_some() {
            self.job = Job::Nothing;
            let tally = std::mem::take(&mut self.tally);
            let news = self.trouble.take().map_or(Ok(tally), Err);
            // One order is under way at a time, so there is room.
            let _ = self.news.try_send(news);
        }
    }

    /// Whether somebody was asked to subscribe and is not answered.
    fn awaits_answers(&self) -> bool {
        match &self.job {
            Job::Opening { under_way, .. } => *under_way > 0,
            Job::Asking(left) => *left > 0,
            Job::Talking { away, .. } => *away > 0,
            Job::Nothing => false,
        }
    }

    /// Something can be done with a connection.
    fn ready(&mut self, at: usize, flags: EventFlags) {
        let Some(conn) = self.conns.get_mut(at) else {
            return;
        };
        if conn.step == Step::Connecting {
            if flags.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP) {
                self.connected(at);
            }
            return;
        }
        if flags.contains(EventFlags::OUT) {
            let flushed = conn.flush();
            self.polled(at, flushed);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.read(at);
        }
    }

    /// Writes to a connection.
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let written = self.conns[at].write(bytes);
        self.polled(at, written);
    }

    /// Sees to it that the poll tells when more can be written, while something waits.
    fn polled(&mut self, at: usize, waits: io::Result<bool>) {
        let conn = &mut self.conns[at];
        let Some(stream) = &conn.stream else { return };
        let changed = match waits {
            Ok(waits) if waits == conn.polls_write => return,
            Ok(waits) => {
                conn.polls_write = waits;
                let flags = if waits {
                    EventFlags::IN | EventFlags::OUT
                } else {
                    EventFlags::IN
                };
                epoll::modify(&self.epoll, stream, EventData::new_u64(at as u64), flags)
            }
            Err(e) => return self.broken(at, &e.to_string()),
        };
        if let Err(e) = changed {
            self.trouble = Some(here("poll", e));
        }
    }

    /// A connection ended that should not have.
    fn broken(&mut self, at: usize, why: &str) {
        if self.conns[at].step == Step::Away {
            return;
        }
        self.conns[at].leave();
        self.trouble
            .get_or_insert_with(|| Trouble::Closed(why.to_owned()));
    }

    /// Reads all that there is.
    fn read(&mut self, at: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let conn = &mut self.conns[at];
            let kept = conn.take_kept(&mut buffer);
            let Some(stream) = &mut conn.stream else {
                break;
            };
            let room = buffer.len() - kept;
            let read = match stream.read(&mut buffer[kept..]) {
                Ok(0) => {
                    self.broken(at, "it ended without a word");
                    break;
                }
                Ok(read) => read,
                Err(e) => {
                    conn.keep(&buffer[..kept]);
                    match e.kind() {
                        io::ErrorKind::WouldBlock => {}
                        io::ErrorKind::Interrupted => continue,
                        _ => self.broken(at, &e.to_string()),
                    }
                    break;
                }
            };
            let more = read == room || stream.holds_back();
            let now = self.known.now();
            self.progress = now;
            self.take(at, &buffer[..kept + read], now);
            if !more {
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Takes what was read, and keeps what is not whole.
    fn take(&mut self, at: usize, bytes: &[u8], now: u64) {
        let mut rest = bytes;
        if self.conns[at].step == Step::Upgrading {
            let Some(after) = self.upgraded(at, rest) else {
                return;
            };
            rest = after;
        }
        loop {
            match wire::read(rest) {
                Read::Frame(opcode, start, end) => {
                    self.frame(at, opcode, &rest[start..end], now);
                    rest = &rest[end..];
                }
                Read::Short => break,
                Read::Broken(what) => {
                    self.trouble
                        .get_or_insert_with(|| Trouble::Strange(what.into()));
                    return;
                }
            }
        }
        let conn = &mut self.conns[at];
        if !rest.is_empty() && conn.stream.is_some() {
            conn.keep(rest);
        }
    }

    /// Wakes the thread at a moment of the run.
    fn wake_at(&self, at: u64) {
        // Zero would switch the timer off.
        let wait = at.saturating_sub(self.known.now()).max(1);
        let value = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: (wait / 1_000_000_000).cast_signed(),
                tv_nsec: (wait % 1_000_000_000).cast_signed(),
            },
        };
        // Without it the nap ends a little later.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value);
    }
}
