//! Presence: who is there, away, or not there, for those who ask about people in a room they share.
//!
//! Nothing is done for somebody nobody asked about. Whoever asks follows: a change is told to those who follow
//! when it has lasted a moment, and only as long as both are in that room. All of it is in memory, and may be
//! lost.

mod watch;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::watch::{Follower, Watch};
use super::Chat;
use crate::{
    hub::{Connection, Frame},
    id::{RoomId, UserId},
    log::{LiveRoom, LiveUser},
    model::{Caller, Facts, Permissions, Refusal},
    rights::{self, InRoom},
};

/// How long a change has to last before it is told: who loses a connection for a moment was not away.
const SETTLES: Duration = Duration::from_secs(3);
/// How many people a connection follows at most, in all rooms together.
pub const FOLLOWS: usize = 500;

/// How somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They have a connection on which they are not away.
    Online,
    /// They are away on every connection they have.
    Away,
    /// They have none, or do not want it known.
    Offline,
}

/// Who follows whom.
pub struct Presence {
    watch: Mutex<Watch>,
    news: Notify,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}

impl Presence {
    /// Nobody follows anybody yet. Changes are told on `tasks`, until the server is `stopping`.
    pub fn new(tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self {
            watch: Mutex::default(),
            news: Notify::new(),
            tasks,
            stopping,
        }
    }

    /// A change to tell, if its time has come; or until when there is none; or that there will be none.
    fn next(&self) -> Next {
        if self.stopping.is_cancelled() {
            return Next::Nothing;
        }
        let mut watch = self.watch.lock();
        match watch.changed.front().copied() {
            Some((due, user)) if due <= Instant::now() => {
                watch.changed.pop_front();
                watch.waiting.remove(&user);
                Next::Tell(user)
            }
            Some((due, _)) => Next::Wait(due),
            None => {
                watch.tended = false;
                Next::Nothing
            }
        }
    }
}

enum Next {
    Tell(UserId),
    Wait(Instant),
    Nothing,
}

#[derive(Serialize)]
struct Event {
    ev: &'static str,
    user: UserId,
    state: State,
}

impl Chat {
    /// How people in a room are there; all who are in it when nobody is named. Those who are not in it are
    /// left out.
    pub async fn presence(
        &self,
        caller: &Caller,
        id: RoomId,
        users: Option<&[UserId]>,
    ) -> Result<Vec<(UserId, State)>, Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        let users = self.may_ask(caller, &room, users)?;
        self.states(users).await
    }

    /// The same, and from now on the connection is told when that changes, instead of whatever it followed
    /// in this room.
    pub async fn follow(
        &self,
        connection: &Arc<Connection>,
        caller: &Caller,
        id: RoomId,
        users: Option<&[UserId]>,
    ) -> Result<Vec<(UserId, State)>, Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        let users = self.may_ask(caller, &room, users)?;
        {
            let mut watch = self.presence.watch.lock();
            watch.end(connection.id, Some(id));
            if watch.count(connection.id) + users.len() > FOLLOWS {
                // Whom one shares no room with any more does not count.
                let me = connection.user;
                watch.retain(connection.id, |room, user| self.share(room, me, user));
            }
            if watch.count(connection.id) + users.len() > FOLLOWS {
                let why = format!("a connection follows {FOLLOWS} people at most");
                return Err(Refusal::Conflict(why));
            }
            if !users.is_empty() {
                let rooms = watch.by.entry(connection.id).or_default();
                rooms.insert(id, users.clone());
                for user in &users {
                    let follower = Follower {
                        connection: Arc::clone(connection),
                        told: None,
                    };
                    let followers = watch.of.entry(*user).or_default();
                    followers.insert((connection.id, id), follower);
                }
            }
        }
        let states = self.states(users).await?;
        let mut overtaken = Vec::new();
        {
            let mut watch = self.presence.watch.lock();
            for (user, state) in &states {
                let followers = watch.of.get_mut(user);
                if let Some(follower) = followers.and_then(|all| all.get_mut(&(connection.id, id)))
                    && follower
                        .told
                        .replace(*state)
                        .is_some_and(|told| told != *state)
                {
                    overtaken.push(*user);
                }
            }
        }
        // Told of a change before this answer, which does not know of it: told again.
        for user in overtaken {
            self.note_presence(user);
        }
        Ok(states)
    }

    /// Whom of a room somebody may ask about.
    fn may_ask(
        &self,
        caller: &Caller,
        room: &LiveRoom,
        users: Option<&[UserId]>,
    ) -> Result<Vec<UserId>, Refusal> {
        let user = self.log.user_in_memory(caller.user);
        let user = user.ok_or(Refusal::Unavailable)?;
        let facts = room.facts();
        self.may_be_told(&user, caller.scopes, &facts)?;
        let mut named = match users {
            Some(users) => users.to_vec(),
            None => facts.members.keys().copied().collect(),
        };
        named.retain(|user| facts.members.contains_key(user));
        named.sort_unstable();
        named.dedup();
        Ok(named)
    }

    /// Whether somebody is told who of a room is there.
    fn may_be_told(
        &self,
        user: &LiveUser,
        scopes: Permissions,
        facts: &Facts,
    ) -> Result<(), Refusal> {
        let (told, most) = {
            let config = self.config.get();
            (config.ws.presence, config.limits.presence_members)
        };
        if !told {
            let why = "this server tells nobody who is there";
            return Err(Refusal::Forbidden(why.into()));
        }
        let now = self.clock.now();
        user.with(|person| rights::may_in_room(&person.who(scopes, now), facts, InRoom::Read))?;
        if facts.members.len() > most {
            let why = format!("in rooms with more than {most} members nobody is told who is there");
            return Err(Refusal::Conflict(why));
        }
        Ok(())
    }

    async fn states(&self, users: Vec<UserId>) -> Result<Vec<(UserId, State)>, Refusal> {
        let mut states = Vec::with_capacity(users.len());
        for user in users {
            states.push((user, self.state(user).await?));
        }
        Ok(states)
    }

    async fn state(&self, id: UserId) -> Result<State, Refusal> {
        let connections = self.hub.connections_of(id);
        if connections.is_empty() {
            return Ok(State::Offline);
        }
        // Whoever is here is in memory.
        let user = self.user(id).await?;
        if !user.with(|person| person.user.presence) {
            return Ok(State::Offline);
        }
        let away = connections.iter().all(|c| c.away.load(Ordering::Relaxed));
        Ok(if away { State::Away } else { State::Online })
    }

    /// Somebody came, went, or is otherwise there than before: whoever follows them is told in a moment.
    pub fn note_presence(&self, user: UserId) {
        let presence = &self.presence;
        let mut watch = presence.watch.lock();
        if !watch.of.contains_key(&user) || !watch.waiting.insert(user) {
            return;
        }
        watch.changed.push_back((Instant::now() + SETTLES, user));
        let begin = !std::mem::replace(&mut watch.tended, true);
        drop(watch);
        presence.news.notify_one();
        if begin {
            presence.tasks.spawn(self.clone().tend_presence());
        }
    }

    /// A connection is over: it follows nobody, and its user may be gone.
    pub fn part(&self, connection: &Connection) {
        self.presence.watch.lock().end(connection.id, None);
        self.note_presence(connection.user);
    }

    /// Tells changes when their time has come, until there are none.
    async fn tend_presence(self) {
        let presence = Arc::clone(&self.presence);
        loop {
            match presence.next() {
                Next::Tell(user) => self.tell_presence(user).await,
                Next::Wait(until) => {
                    tokio::select! {
                        biased;
                        () = presence.stopping.cancelled() => {}
                        () = presence.news.notified() => {}
                        () = sleep_until(until) => {}
                    }
                }
                Next::Nothing => return,
            }
        }
    }

    async fn tell_presence(&self, user: UserId) {
        // Of whom nothing is known just now, the next change tells.
        let Ok(state) = self.state(user).await else {
            return;
        };
        let changed: Vec<_> = {
            let watch = self.presence.watch.lock();
            let followers = watch.of.get(&user).into_iter().flatten();
            let new = followers.filter(|(_, follower)| follower.told != Some(state));
            new.map(|(key, follower)| (*key, Arc::clone(&follower.connection)))
                .collect()
        };
        let event = Frame::json(&Event {
            ev: "presence",
            user,
            state,
        });
        // Somebody may follow another in several rooms.
        let mut heard = HashSet::new();
        for (key, connection) in changed {
            if !self.is_told(&connection, key.1, user).await {
                continue;
            }
            {
                let mut watch = self.presence.watch.lock();
                let followers = watch.of.get_mut(&user);
                let Some(follower) = followers.and_then(|all| all.get_mut(&key)) else {
                    continue;
                };
                follower.told = Some(state);
            }
            if heard.insert(connection.id) {
                connection.outbox.whisper(None, &event);
            }
        }
    }

    /// Whether who follows somebody in a room is still to be told of them, as things stand.
    async fn is_told(&self, connection: &Connection, room: RoomId, user: UserId) -> bool {
        let (Ok(me), Ok(Some(room))) =
            (self.user(connection.user).await, self.log.room(room).await)
        else {
            return false;
        };
        let facts = room.facts();
        let may = self.may_be_told(&me, connection.scopes, &facts);
        may.is_ok() && facts.members.contains_key(&user)
    }

    /// Whether both are still in a room, as far as it is in memory.
    fn share(&self, room: RoomId, one: UserId, other: UserId) -> bool {
        self.log.room_in_memory(room).is_none_or(|room| {
            let facts = room.facts();
            let both = [one, other];
            let both = both.iter().all(|user| facts.members.contains_key(user));
            both && facts.room.deleted_at.is_none()
        })
    }
}
