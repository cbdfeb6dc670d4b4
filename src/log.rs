//! The log: the one place where something becomes durable and visible.
//!
//! A use case hands in what it touches, a decision, and what to do with the answer ([`Log::submit`]). The
//! appender, one task, takes whatever waits, loads what is not in memory, lets every decision look at the
//! state as of its turn, numbers the entries, commits the whole batch once, and then, in commit order,
//! answers and publishes. Durable before visible; a sender that went away leaves no gap.
//!
//! The rooms and users in use are kept in memory ([`Memory`]); only the appender changes them, so what it
//! shows is always some state that was committed.

mod admins;
mod appender;
mod chain;
mod digest;
mod draft;
mod event;
mod memory;
mod moved;
mod policy;
#[cfg(test)]
mod tests;
pub mod verify;

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use self::appender::{Appender, Command};
pub use self::{
    chain::{chain_hash, personal_digest},
    digest::request_digest,
    draft::Draft,
    event::{bury, encode},
    memory::{LiveRoom, LiveSession, LiveToken, LiveUser, Memory, MentionChange},
    moved::Moved,
    policy::{ARCHIVE, REGISTRATION},
};
use crate::{
    clock::Clock,
    feed::Feeds,
    hub::Hub,
    id::{LogId, RoomId, UserId},
    model::{Entry, Policy, Refusal, Username},
    stats::Stats,
    store::{self, Store},
};

/// How many requests may wait for the appender. A request that finds the queue full is answered `busy`.
const QUEUE: usize = 16 * 1024;

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Done {
    /// The entries it made, in order; for a repeat, the one that the first time made.
    pub entries: Vec<Entry>,
    /// Whether it was a repeat of an earlier request under the same `txn`.
    pub dup: bool,
}

/// Why a request made nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was not allowed, or not possible.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A record had changed since the request looked at it; look again.
    #[error("it changed meanwhile")]
    Stale,
}

impl From<Error> for Refusal {
    fn from(e: Error) -> Self {
        match e {
            Error::Refused(refusal) => refusal,
            Error::Stale => Self::Conflict("it was changed at the same time; try again".into()),
        }
    }
}

/// Decides, at its turn, what a request comes to. It is asked again when the batch has to be renumbered.
pub type Decide = Box<dyn FnMut(&mut Draft<'_>) -> Result<(), Refusal> + Send>;
/// Takes the answer, before anything is published. It runs in the appender and must not wait.
pub type Reply = Box<dyn FnOnce(Result<Done, Error>) + Send>;

/// A handle to the log; cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    commands: mpsc::Sender<Command>,
    memory: Arc<Memory>,
    store: Arc<dyn Store>,
    stats: Arc<Stats>,
}

impl Log {
    /// Starts the appender on `tasks`; it tells `followers` which rooms have moved on. It ends when the last handle is
    /// dropped and everything handed in is answered.
    pub fn start(
        store: Arc<dyn Store>,
        hub: Arc<Hub>,
        clock: Clock,
        stats: Arc<Stats>,
        feeds: Arc<Feeds>,
        followers: Vec<Arc<Moved>>,
        tasks: &TaskTracker,
    ) -> Self {
        let (commands, queue) = mpsc::channel(QUEUE);
        let appender = Appender::new(
            Arc::clone(&store),
            hub,
            clock,
            Arc::clone(&stats),
            feeds,
            followers,
            queue,
        );
        let memory = appender.memory();
        tasks.spawn(appender.run());
        Self {
            commands,
            memory,
            store,
            stats,
        }
    }

    /// Hands in a request. `touches` are the logs it appends to or whose state it decides by; those that
    /// do not exist make it `not_found`. `fresh` is a log that it begins.
    pub fn submit(&self, touches: &[LogId], fresh: Option<LogId>, decide: Decide, reply: Reply) {
        let at = self.stats.watch.stamp();
        self.hand_in(Command::append(touches, fresh, decide, reply, at));
    }

    fn hand_in(&self, command: Command) {
        if let Err(e) = self.commands.try_send(command) {
            let refusal = match e {
                mpsc::error::TrySendError::Full(_) => Refusal::Busy,
                mpsc::error::TrySendError::Closed(_) => Refusal::Unavailable,
            };
            if let Command::Append(append) = e.into_inner() {
                append.answer(Err(refusal.into()));
            }
        }
    }

    /// Hands in a request, at once, and lets the caller wait for the answer.
    pub fn append<D>(
        &self,
        touches: &[LogId],
        fresh: Option<LogId>,
        decide: D,
    ) -> impl Future<Output = Result<Done, Error>> + Send + use<D>
    where
        D: FnMut(&mut Draft<'_>) -> Result<(), Refusal> + Send + 'static,
    {
        self.append_or_rehearse(false, touches, fresh, decide)
    }

    /// The same, or, with `dry_run`, only its decision: every check is made at its turn, as of then, and
    /// nothing is done. What only the store can tell, such as a name that is taken, is not found out.
    pub fn append_or_rehearse<D>(
        &self,
        dry_run: bool,
        touches: &[LogId],
        fresh: Option<LogId>,
        decide: D,
    ) -> impl Future<Output = Result<Done, Error>> + Send + use<D>
    where
        D: FnMut(&mut Draft<'_>) -> Result<(), Refusal> + Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        let reply = Box::new(move |done| drop(tx.send(done)));
        let decide = Box::new(decide);
        let at = self.stats.watch.stamp();
        let command = Command::append(touches, fresh, decide, reply, at);
        self.hand_in(if dry_run {
            command.rehearsal()
        } else {
            command
        });
        async move {
            rx.await
                .unwrap_or(Err(Error::Refused(Refusal::Unavailable)))
        }
    }

    /// A room as it stands, from memory or else from the store; none when there is none.
    pub async fn room(&self, id: RoomId) -> Result<Option<Arc<LiveRoom>>, Refusal> {
        if let Some(room) = self.memory.room(id) {
            return Ok(Some(room));
        }
        self.load(id.into()).await?;
        Ok(self.memory.room(id))
    }

    /// A user as they stand, from memory or else from the store; none when there is none.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<LiveUser>>, Refusal> {
        if let Some(user) = self.memory.user(id) {
            return Ok(Some(user));
        }
        self.load(id.into()).await?;
        Ok(self.memory.user(id))
    }

    /// A room, if it is in memory.
    pub fn room_in_memory(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        self.memory.room(id)
    }

    /// A user, if they are in memory.
    pub fn user_in_memory(&self, id: UserId) -> Option<Arc<LiveUser>> {
        self.memory.user(id)
    }

    /// How many requests wait for the appender, and how many may.
    pub fn queue(&self) -> (u64, u64) {
        let most = self.commands.max_capacity();
        let waiting = most - self.commands.capacity();
        (waiting as u64, most as u64)
    }

    /// The rooms in memory: those that somebody listens to, or has lately spoken in.
    pub fn rooms_in_memory(&self) -> Vec<(RoomId, Arc<LiveRoom>)> {
        self.memory.rooms_in_use()
    }

    /// What holds for the whole server.
    pub fn policy(&self) -> Arc<Policy> {
        self.memory.policy()
    }

    /// Reads what holds for the whole server. Once, before the doors open: from then on it is known.
    pub async fn begin(&self) -> Result<(), Refusal> {
        self.load(LogId::Control).await
    }

    /// The names of these users, as far as they exist.
    pub async fn names(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, Username>, Refusal> {
        let mut names = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            if names.contains_key(&id) || missing.contains(&id) {
                continue;
            }
            match self.memory.user(id) {
                Some(user) => drop(names.insert(id, user.name())),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let users = self.store.users(&missing).await.map_err(|e| refuse(&e))?;
            names.extend(users.into_iter().map(|u| (u.id, u.name)));
        }
        Ok(names)
    }

    /// Returns once the appender has come to this, or has ended as it was told to. There is no limit: one that
    /// is stuck never comes to it.
    pub async fn answers(&self) {
        let (tx, rx) = oneshot::channel();
        if self.commands.send(Command::Alive(tx)).await.is_ok() {
            // Dropped when the appender ends.
            let _ended = rx.await;
        }
    }

    /// Stops the appender: what was handed in is still done, what comes later is answered `unavailable`.
    /// Returns when the last of it is durable and told.
    pub async fn stop(&self) {
        let (tx, rx) = oneshot::channel();
        if self.commands.send(Command::Stop(tx)).await.is_ok() {
            // Dropped when the appender ends.
            let _ended = rx.await;
        }
    }

    async fn load(&self, log: LogId) -> Result<(), Refusal> {
        let (tx, rx) = oneshot::channel();
        // Waiting for a place is bounded: the appender always moves on.
        if self.commands.send(Command::Load(log, tx)).await.is_err() {
            return Err(Refusal::Unavailable);
        }
        rx.await.unwrap_or(Err(Refusal::Unavailable))
    }
}

/// What a store's failure means to who asked. Logs it, since this is where it is handled.
pub fn refuse(error: &store::Error) -> Refusal {
    match error {
        store::Error::Full => Refusal::StorageFull,
        store::Error::Unavailable(why) => {
            tracing::warn!(%why, "the store does not answer");
            Refusal::Unavailable
        }
        store::Error::Away(_) => Refusal::Unavailable,
        other => {
            tracing::error!(error = %other, "the store failed");
            Refusal::Internal
        }
    }
}
