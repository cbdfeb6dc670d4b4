//! The hub: who listens to which log, and the way an event takes to all of them.
//!
//! `log` publishes here, in commit order; `chat` subscribes and unsubscribes; a WebSocket session owns the
//! [`Connection`] it was given and drains its [`Outbox`]. The hub knows nothing of rights: who subscribes
//! hands in the check, and the hub runs it under the same lock that publishing takes, so that there is no
//! moment between "may" and "listens".

mod channel;
mod close;
mod frame;
mod outbox;
mod register;
mod watch;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use self::{channel::Channel, register::Register};
pub use self::{
    channel::{Attached, Gap, Position},
    close::{Close, CloseCode},
    frame::Frame,
    outbox::{Outbox, Taken, Waiting, Wire},
    watch::Traffic,
};
use crate::{
    clock::Millis,
    id::{ConnId, LogId, RoomId, SessionId, UserId},
    model::Permissions,
    stats::{Count, Stats},
};

/// One logged-in WebSocket.
#[derive(Debug)]
pub struct Connection {
    /// Which.
    pub id: ConnId,
    /// Whose.
    pub user: UserId,
    /// The session it speaks for.
    pub session: SessionId,
    /// What the session lets its user do of what they may.
    pub scopes: Permissions,
    /// Where it comes from.
    pub address: IpAddr,
    /// Since when.
    pub since: Millis,
    /// What it has yet to be told.
    pub outbox: Arc<Outbox>,
    /// Frames it has sent.
    pub received: Count,
    /// How many rooms it listens to.
    pub rooms: Count,
    /// Whether whoever is at it is away.
    pub away: AtomicBool,
}

/// Who listens to what.
#[derive(Debug)]
pub struct Hub {
    channels: RwLock<HashMap<LogId, Arc<Mutex<Channel>>>>,
    register: Register,
    stats: Arc<Stats>,
}

/// A log is remembered for as long as this lives, see [`Hub::keep`].
#[derive(Debug)]
pub struct Kept<'a> {
    hub: &'a Hub,
    log: LogId,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.hub.with_channel(self.log, |c| c.kept -= 1);
    }
}

impl Hub {
    /// A hub nobody listens to yet.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self {
            channels: RwLock::default(),
            register: Register::default(),
            stats,
        }
    }

    /// Takes a connection into the register, so that it can be found by user and closed.
    pub fn register(&self, connection: &Arc<Connection>) {
        self.register.add(connection);
        self.stats.connections.up();
    }

    /// Takes a connection out of the register and of every log it listened to.
    pub fn unregister(&self, connection: &Arc<Connection>, logs: impl Iterator<Item = LogId>) {
        for log in logs {
            self.detach(log, connection);
        }
        self.register.remove(connection);
        self.stats.connections.down();
    }

    /// Lets a connection listen to a log, if `admit` says yes, from the position that it is told.
    ///
    /// `admit` runs under the lock that publishing to this log takes, and tells where the log stands in case
    /// nobody listened to it until now. With `after`, listening begins only when everything after it can be
    /// told from memory; else the answer is [`Attached::Behind`]: read up to the position from the store
    /// and come again. `welcome` gets the position and what came between, under the same lock, so that what
    /// it puts into the outbox comes before any later event.
    pub fn attach<E>(
        &self,
        log: LogId,
        connection: &Arc<Connection>,
        after: Option<u64>,
        admit: impl Fn() -> Result<Position, E>,
        welcome: &mut (dyn FnMut(Position, Vec<Bytes>) + Send),
    ) -> Result<Attached, E> {
        loop {
            let channel = self.channel(log);
            let mut channel = channel.lock();
            if channel.closed {
                continue;
            }
            let admitted = admit();
            let answer =
                admitted.map(|position| channel.attach(connection, after, position, welcome));
            self.drop_idle(log, &mut channel);
            return answer;
        }
    }

    /// Lets a log remember what comes from now on, though nobody may listen yet: for whoever reads up to it.
    pub fn keep(&self, log: LogId) -> Kept<'_> {
        loop {
            let channel = self.channel(log);
            let mut channel = channel.lock();
            if !channel.closed {
                channel.kept += 1;
                return Kept { hub: self, log };
            }
        }
    }

    /// Runs `f` at a moment at which nothing is told of this log, with how far it was told; what `f` puts into outboxes
    /// comes between two of its events.
    pub fn between<T>(&self, log: LogId, f: impl FnOnce(Option<Position>) -> T) -> T {
        let channel = self.channel(log);
        let mut channel = channel.lock();
        let answer = f(channel.position);
        if !channel.closed {
            self.drop_idle(log, &mut channel);
        }
        answer
    }

    /// Ends a connection's listening to a log. True when it did listen.
    pub fn detach(&self, log: LogId, connection: &Arc<Connection>) -> bool {
        self.with_channel(log, |c| c.remove(|s| Arc::ptr_eq(s, connection)).len())
            .unwrap_or(0)
            > 0
    }

    /// Whether a connection listens to a log.
    pub fn listens(&self, log: LogId, connection: &Arc<Connection>) -> bool {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        channel.is_some_and(|c| c.lock().has(connection))
    }

    /// Tells a log's listeners what happened. Only the entry right after the last one is taken: an earlier
    /// one was told before, and a later one means that something is missing, which has to be told first.
    pub fn publish(&self, log: LogId, position: Position, frame: &Frame) -> Result<(), Gap> {
        let Some(channel) = self.channels.read().get(&log).map(Arc::clone) else {
            return Ok(());
        };
        let delivered = channel.lock().publish(log, position, frame)?;
        self.stats.deliveries.add(delivered);
        Ok(())
    }

    /// Tells a log's listeners something that is no entry of it.
    pub fn tell(&self, log: LogId, frame: &Frame) {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        if let Some(channel) = channel {
            self.stats.deliveries.add(channel.lock().tell(log, frame));
        }
    }

    /// Tells those who listen to a log, but for one person, something of the moment: it is lost where much waits.
    pub fn whisper(&self, log: LogId, but: UserId, frame: &Frame) {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        if let Some(channel) = channel {
            let told = channel.lock().whisper(log, but, frame);
            self.stats.deliveries.add(told);
        }
    }

    /// Changes what is remembered of an event that a log's listeners were told, for those who resume later.
    pub fn amend(&self, log: LogId, seq: u64, change: impl FnOnce(&[u8]) -> Option<Bytes>) {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        if let Some(channel) = channel {
            channel.lock().amend(seq, change);
        }
    }

    /// Changes what is remembered of whatever events `change` makes something else of.
    pub fn amend_all(&self, log: LogId, change: impl Fn(&[u8]) -> Option<Bytes>) {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        if let Some(channel) = channel {
            channel.lock().amend_all(change);
        }
    }

    /// Up to where a log was told to those who listen to it; none when nobody does.
    pub fn position(&self, log: LogId) -> Option<Position> {
        let channel = self.channels.read().get(&log).map(Arc::clone)?;
        channel.lock().position
    }

    /// Ends listening to a log: of one user, or of everyone. What still waits for them from that log is
    /// dropped, and `notice` is the last thing they hear about it.
    pub fn expel(&self, log: LogId, user: Option<UserId>, notice: &Frame) {
        let out = self.with_channel(log, |c| c.remove(|s| user.is_none_or(|u| u == s.user)));
        for connection in out.unwrap_or_default() {
            connection.outbox.purge(log);
            connection.outbox.push(notice.clone());
        }
    }

    /// Closes the user's connections for which `which` says so.
    pub fn kick(&self, user: UserId, close: Close, which: impl Fn(&Connection) -> bool) {
        for connection in self.register.of(user) {
            if which(&connection) {
                connection.outbox.close(close);
            }
        }
    }

    /// Ends a user's listening to every room; `notice` is the last thing they hear about each.
    pub fn silence(&self, user: UserId, notice: impl Fn(RoomId) -> Frame) {
        let rooms: Vec<RoomId> = {
            let channels = self.channels.read();
            let rooms = channels.keys().filter_map(|log| match log {
                LogId::Room(id) => Some(*id),
                LogId::User(_) | LogId::Control => None,
            });
            rooms.collect()
        };
        for room in rooms {
            self.expel(room.into(), Some(user), &notice(room));
        }
    }

    /// Closes whatever connections `which` says.
    pub fn kick_all(&self, close: Close, which: impl Fn(&Connection) -> bool) {
        for connection in self.connections() {
            if which(&connection) {
                connection.outbox.close(close);
            }
        }
    }

    /// Holds the hub up for as long as `wait` takes: for tests of what is done about that.
    #[cfg(debug_assertions)]
    pub fn hold(&self, wait: impl FnOnce()) {
        let _held = self.channels.write();
        wait();
    }

    /// Closes every connection; each is told when to be back.
    pub fn close_all(&self, close: impl Fn() -> Close) {
        for connection in self.connections() {
            connection.outbox.close(close());
        }
    }

    /// Whose connections listen to a log.
    pub fn listeners(&self, log: LogId) -> Vec<UserId> {
        let channel = self.channels.read().get(&log).map(Arc::clone);
        let mut users = channel.map_or_else(Vec::new, |c| c.lock().users());
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Whether somebody has a connection.
    pub fn is_here(&self, user: UserId) -> bool {
        self.register.has(user)
    }

    /// How many logs somebody listens to.
    pub fn channels(&self) -> usize {
        self.channels.read().len()
    }

    /// Whether each of its locks can be had within `limit`. Blocks, for as long at most.
    pub fn answers(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        if !self.register.answers(until) {
            return false;
        }
        let channels: Vec<_> = match self.channels.try_write_until(until) {
            Some(channels) => channels.values().map(Arc::clone).collect(),
            None => return false,
        };
        channels.iter().all(|c| c.try_lock_until(until).is_some())
    }

    fn channel(&self, log: LogId) -> Arc<Mutex<Channel>> {
        if let Some(channel) = self.channels.read().get(&log) {
            return Arc::clone(channel);
        }
        let mut channels = self.channels.write();
        let new = || Arc::new(Mutex::new(Channel::of(log)));
        Arc::clone(channels.entry(log).or_insert_with(new))
    }

    /// Runs `f` on a log's channel, if it has one, and drops the channel when nobody listens any more.
    fn with_channel<T>(&self, log: LogId, f: impl FnOnce(&mut Channel) -> T) -> Option<T> {
        let channel = self.channels.read().get(&log).map(Arc::clone)?;
        let mut channel = channel.lock();
        let answer = f(&mut channel);
        self.drop_idle(log, &mut channel);
        Some(answer)
    }

    fn drop_idle(&self, log: LogId, channel: &mut Channel) {
        if channel.is_idle() && !channel.closed {
            channel.closed = true;
            self.channels.write().remove(&log);
        }
    }
}
