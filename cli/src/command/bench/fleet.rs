//! The threads of the generator, as whoever runs a scenario sees them: all are told the same, and all answer.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::mpsc as news;

use super::{
    conn::Conn,
    order::{Known, News, Order, Tally},
    room::Room,
    trouble::{Trouble, here},
    worker::Worker,
};

/// Where everybody is.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    /// The rooms' ids.
    pub(super) rooms: Vec<String>,
    /// How many connections each room has.
    pub(super) members: usize,
    /// How long a text is, in bytes.
    pub(super) size: usize,
    /// How many threads do it.
    pub(super) threads: usize,
    /// What the `txn`s of this run begin with.
    pub(super) run: String,
    /// Where the connections come from, in turn.
    pub(super) sources: Vec<IpAddr>,
}

impl Seats {
    /// Which account a connection is of, when there are so many accounts.
    pub(super) fn account(connection: usize, accounts: usize) -> usize {
        connection % accounts
    }
}

/// One thread.
#[derive(Debug)]
struct Hand {
    orders: Option<mpsc::SyncSender<Order>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    conns: usize,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Fleet {
    known: Arc<Known>,
    hands: Vec<Hand>,
    news: news::Receiver<News>,
}

impl Fleet {
    /// Starts the threads, with the rooms spread over them.
    pub(super) fn start(known: Known, seats: &Seats) -> Result<Self, Trouble> {
        let known = Arc::new(known);
        let threads = seats.threads.clamp(1, seats.rooms.len().max(1));
        let (tell, news) = news::channel(threads);
        let mut hands = Vec::with_capacity(threads);
        for hand in 0..threads {
            let mut rooms = Vec::new();
            let mut conns = Vec::new();
            for (number, id) in seats.rooms.iter().enumerate().skip(hand).step_by(threads) {
                let first = conns.len();
                for member in 0..seats.members {
                    let global = number * seats.members + member;
                    let account = Seats::account(global, known.tokens.len());
                    let source = match seats.sources.as_slice() {
                        [] => None,
                        some => Some(some[global % some.len()]),
                    };
                    conns.push(Conn::new(rooms.len(), account, source));
                }
                let txn = format!("{}-{number}", seats.run);
                rooms.push(Room::new(id, first..conns.len(), seats.size, &txn));
            }
            hands.push(Hand::start(&known, tell.clone(), hand, rooms, conns)?);
        }
        Ok(Self { known, hands, news })
    }

    /// The time of the run, in nanoseconds.
    pub(super) fn now(&self) -> u64 {
        self.known.now()
    }

    /// Where they connect to.
    pub(super) fn server(&self) -> SocketAddr {
        self.known.server
    }

    /// How many threads there are.
    pub(super) fn threads(&self) -> usize {
        self.hands.len()
    }

    /// Tells all of them the same, and waits until it is done.
    pub(super) async fn all(&mut self, order: Order) -> Result<Tally, Trouble> {
        self.tell(|_, _| order.clone())?;
        self.done().await
    }

    /// Connects the first so many, `at_once` at a time.
    pub(super) async fn open(
        &mut self,
        upto: usize,
        at_once: usize,
        since: Option<u64>,
    ) -> Result<Tally, Trouble> {
        let total: usize = self.hands.iter().map(|hand| hand.conns).sum();
        let threads = self.hands.len();
        self.tell(|_, conns| Order::Open {
            // Each its part of it, rounded up.
            upto: (upto * conns).div_ceil(total.max(1)),
            at_once: at_once.div_ceil(threads),
            since,
        })?;
        self.done().await
    }

    /// Tells each something; it is under way then.
    pub(super) fn tell(&self, order: impl Fn(usize, usize) -> Order) -> Result<(), Trouble> {
        for (number, hand) in self.hands.iter().enumerate() {
            let orders = hand.orders.as_ref();
            let sent = orders.map(|orders| orders.send(order(number, hand.conns)));
            if !matches!(sent, Some(Ok(()))) {
                return Err(Trouble::Here("a thread of the generator ended".into()));
            }
            hand.wake();
        }
        Ok(())
    }

    /// Waits until all are done with what they were told.
    pub(super) async fn done(&mut self) -> Result<Tally, Trouble> {
        let mut all = Tally::default();
        let mut trouble = None;
        for _ in 0..self.hands.len() {
            match self.news.recv().await {
                Some(Ok(tally)) => all.add(*tally),
                Some(Err(one)) => trouble = trouble.or(Some(one)),
                None => return Err(Trouble::Here("a thread of the generator ended".into())),
            }
            if trouble.is_some() {
                break;
            }
        }
        trouble.map_or(Ok(all), Err)
    }
}

impl Hand {
    fn start(
        known: &Arc<Known>,
        news: news::Sender<News>,
        number: usize,
        rooms: Vec<Room>,
        conns: Vec<Conn>,
    ) -> Result<Self, Trouble> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let wake = Arc::new(eventfd(0, flags).map_err(|e| here("make an eventfd", e))?);
        let (tell, orders) = mpsc::sync_channel(1);
        let count = conns.len();
        let known = Arc::clone(known);
        let worker = Worker::new(known, Arc::clone(&wake), (orders, news), rooms, conns);
        let worker = worker.map_err(|e| here("make a poll", e))?;
        let thread = thread::Builder::new()
            .name(format!("bench-{number}"))
            .spawn(move || worker.run());
        let thread = thread.map_err(|e| here("start a thread", e))?;
        Ok(Self {
            orders: Some(tell),
            wake,
            thread: Some(thread),
            conns: count,
        })
    }

    fn wake(&self) {
        // It is full only when it was not read, so it wakes anyway.
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Hand {
    /// The thread ends, and its connections with it.
    fn drop(&mut self) {
        self.orders = None;
        self.wake();
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}
