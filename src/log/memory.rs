//! The rooms and users in use, as of the last commit.

mod apply;
mod mentions;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

pub(super) use self::apply::closes;
use self::mentions::Lately;
pub use self::mentions::MentionChange;
use super::policy;
use crate::{
    clock::Millis,
    id::{LogId, RoomId, SessionId, UserId},
    model::{
        DeviceName, Entry, Facts, Head, Payload, Permissions, Person, Policy, RoleName, Session,
        Txn, User, Username,
    },
    store::{ControlState, RoomState, UserState},
};

/// How many sweeps something stays in memory after it was last looked at; a sweep comes every minute.
const KEEP: u64 = 15;
/// How many who said something in a slow room are remembered before those who may speak again are forgotten.
const SAID: usize = 4096;

/// A room in use.
#[derive(Debug)]
pub struct LiveRoom {
    facts: RwLock<Facts>,
    head: Mutex<Head>,
    used: AtomicU64,
    /// Who said something when, and under which `txn`, while the room is slow. Lost with the memory, which
    /// makes nobody wait longer.
    said: Mutex<HashMap<UserId, (Millis, Option<Txn>)>>,
    /// What changed lately about who is mentioned.
    mentions: Mutex<Lately>,
}

impl LiveRoom {
    /// The room and its members. Held only for a look: no await, no other lock under it.
    pub fn facts(&self) -> RwLockReadGuard<'_, Facts> {
        self.facts.read()
    }

    /// Where its log stands.
    pub fn head(&self) -> Head {
        *self.head.lock()
    }

    /// What changed after an entry about who is mentioned here; none when not all of that is remembered.
    pub fn mentions_after(&self, seq: u64) -> Option<Vec<(u64, MentionChange)>> {
        self.mentions.lock().after(seq)
    }

    /// Whether something was purged after an entry; also when that is not remembered.
    pub fn purged_after(&self, seq: u64) -> bool {
        self.mentions.lock().purged_after(seq)
    }

    /// Takes note that somebody says something in a slow room, or answers since when they have to wait. The
    /// same request again, by its `txn`, need not.
    pub fn note_said(
        &self,
        user: UserId,
        txn: Option<&Txn>,
        now: Millis,
        wait: std::time::Duration,
    ) -> Result<(), Millis> {
        let mut said = self.said.lock();
        if let Some((at, under)) = said.get(&user) {
            let again = txn.is_some() && under.as_ref() == txn;
            if !again && now.since(*at) < wait {
                return Err(*at);
            }
        }
        if said.len() >= SAID {
            said.retain(|_, (at, _)| now.since(*at) < wait);
        }
        said.insert(user, (now, txn.cloned()));
        Ok(())
    }
}

/// A session in use.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Until when it is good.
    pub expires_at: Millis,
    /// What the device calls itself.
    pub device: Option<DeviceName>,
    /// What makes it a bot's token.
    pub token: Option<LiveToken>,
}

/// A bot's token in use.
#[derive(Clone, Copy, Debug)]
pub struct LiveToken {
    /// Of its secret.
    pub digest: [u8; 32],
    /// What it is good for.
    pub scopes: Permissions,
}

impl From<&Session> for LiveSession {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            expires_at: session.expires_at,
            device: session.device.clone(),
            token: session.scopes.map(|scopes| LiveToken {
                digest: session.anchor,
                scopes,
            }),
        }
    }
}

/// A user in use.
#[derive(Debug)]
pub struct LiveUser {
    facts: RwLock<(Person, Vec<LiveSession>)>,
    head: Mutex<Head>,
    used: AtomicU64,
}

impl LiveUser {
    /// The account as it stands.
    pub fn user(&self) -> User {
        self.facts.read().0.user.clone()
    }

    /// The person as they stand.
    pub fn person(&self) -> Person {
        self.facts.read().0.clone()
    }

    /// Looks at the person without copying them. Held only for a look.
    pub fn with<T>(&self, look: impl FnOnce(&Person) -> T) -> T {
        look(&self.facts.read().0)
    }

    /// The user's name.
    pub fn name(&self) -> Username {
        self.facts.read().0.user.name.clone()
    }

    /// This session of theirs, if it has not been ended.
    pub fn session(&self, session: SessionId) -> Option<LiveSession> {
        let facts = self.facts.read();
        facts.1.iter().find(|s| s.id == session).cloned()
    }

    /// Whether this session of theirs has not been ended.
    pub fn has_session(&self, session: SessionId) -> bool {
        self.facts.read().1.iter().any(|s| s.id == session)
    }

    /// Where their `@me` log stands.
    pub fn head(&self) -> Head {
        *self.head.lock()
    }
}

/// What was read from the store to bring a log into memory.
#[derive(Debug)]
pub(super) enum Loaded {
    Room(RoomState),
    User(UserState, Vec<LiveSession>),
    Control(ControlState),
}

impl Loaded {
    pub(super) fn head(&self) -> Head {
        match self {
            Self::Room(s) => s.head,
            Self::User(s, _) => s.head,
            Self::Control(s) => s.head,
        }
    }
}

/// The rooms and users in use. Everyone reads; only the appender writes.
#[derive(Debug, Default)]
pub struct Memory {
    rooms: RwLock<HashMap<RoomId, Arc<LiveRoom>>>,
    users: RwLock<HashMap<UserId, Arc<LiveUser>>>,
    control: Mutex<Option<ControlState>>,
    /// What holds for the whole server. Unlike the rest it is never forgotten: it is read before the doors open.
    policy: RwLock<Arc<Policy>>,
    /// How many sweeps there were.
    sweeps: AtomicU64,
}

impl Memory {
    /// A room, if it is here.
    pub fn room(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        let room = self.rooms.read().get(&id).map(Arc::clone)?;
        room.used
            .store(self.sweeps.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(room)
    }

    /// A user, if they are here.
    pub fn user(&self, id: UserId) -> Option<Arc<LiveUser>> {
        let user = self.users.read().get(&id).map(Arc::clone)?;
        user.used
            .store(self.sweeps.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(user)
    }

    /// How many rooms and users are here.
    pub fn sizes(&self) -> (usize, usize) {
        (self.rooms.read().len(), self.users.read().len())
    }

    pub(super) fn control(&self) -> Option<ControlState> {
        self.control.lock().clone()
    }

    /// Where a log stands, if it is here.
    pub(super) fn head(&self, log: LogId) -> Option<Head> {
        match log {
            LogId::Room(id) => self.room(id).map(|r| r.head()),
            LogId::User(id) => self.user(id).map(|u| u.head()),
            LogId::Control => self.control.lock().as_ref().map(|c| c.head),
        }
    }

    /// What holds for the whole server.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read())
    }

    /// The users in memory who have this role.
    pub(super) fn users_of(&self, role: &RoleName) -> Vec<Arc<LiveUser>> {
        let users = self.users.read();
        let of = users
            .values()
            .filter(|u| u.facts.read().0.user.role == *role);
        of.map(Arc::clone).collect()
    }

    /// The rooms in memory. Looking at them so does not keep them there.
    pub(super) fn rooms_in_use(&self) -> Vec<(RoomId, Arc<LiveRoom>)> {
        let rooms = self.rooms.read();
        let rooms = rooms.iter().map(|(id, room)| (*id, Arc::clone(room)));
        rooms.collect()
    }

    /// The users in memory.
    pub(super) fn users_in_use(&self) -> Vec<UserId> {
        self.users.read().keys().copied().collect()
    }

    pub(super) fn insert(&self, loaded: Loaded) {
        match loaded {
            Loaded::Room(state) => self.insert_room(state),
            Loaded::User(state, sessions) => self.insert_user(state, sessions),
            Loaded::Control(mut state) => {
                let policy = policy::of(std::mem::take(&mut state.policy));
                *self.policy.write() = Arc::new(policy);
                *self.control.lock() = Some(state);
                // Read again, it may give those who are here something else.
                for live in self.users.read().values() {
                    let facts = &mut live.facts.write().0;
                    facts.permissions = self.policy().permissions(&facts.user.role);
                }
            }
        }
    }

    fn insert_room(&self, state: RoomState) {
        let RoomState {
            room,
            members,
            sanctions,
            head,
        } = state;
        let id = room.id;
        let facts = Facts {
            room,
            members: members.into_iter().map(|m| (m.user, m)).collect(),
            sanctions: sanctions
                .into_iter()
                .map(|s| ((s.user, s.kind), s))
                .collect(),
        };
        let live = LiveRoom {
            facts: RwLock::new(facts),
            head: Mutex::new(head),
            used: self.used_now(),
            said: Mutex::default(),
            mentions: Mutex::new(Lately::since(head.seq)),
        };
        self.rooms.write().insert(id, Arc::new(live));
    }

    fn insert_user(&self, state: UserState, sessions: Vec<LiveSession>) {
        let UserState {
            user,
            sanctions,
            head,
        } = state;
        let id = user.id;
        let person = Person {
            permissions: self.policy().permissions(&user.role),
            user,
            sanctions,
        };
        let live = LiveUser {
            facts: RwLock::new((person, sessions)),
            head: Mutex::new(head),
            used: self.used_now(),
        };
        self.users.write().insert(id, Arc::new(live));
    }

    /// Forgets a log: what is known of it may not be so.
    pub(super) fn forget(&self, log: LogId) {
        match log {
            LogId::Room(id) => drop(self.rooms.write().remove(&id)),
            LogId::User(id) => drop(self.users.write().remove(&id)),
            LogId::Control => *self.control.lock() = None,
        }
    }

    /// Forgets what nobody looked at for a while, but for what `in_use` names.
    pub(super) fn sweep(&self, in_use: impl Fn(LogId) -> bool) {
        let now = self.sweeps.fetch_add(1, Ordering::Relaxed) + 1;
        let idle = |used: &AtomicU64| used.load(Ordering::Relaxed) + KEEP < now;
        self.rooms
            .write()
            .retain(|id, r| !idle(&r.used) || in_use(LogId::Room(*id)));
        self.users
            .write()
            .retain(|id, u| !idle(&u.used) || in_use(LogId::User(*id)));
    }

    fn used_now(&self) -> AtomicU64 {
        AtomicU64::new(self.sweeps.load(Ordering::Relaxed))
    }

    /// A log has moved on, by this entry.
    pub(super) fn advance(&self, entry: &Entry) {
        let head = Head {
            seq: entry.seq,
            n: entry.n,
            at: entry.at,
        };
        match entry.log {
            LogId::Room(id) => {
                if let Some(room) = self.room(id) {
                    // Before it is known how far the log is: whoever asks for what came since finds it.
                    room.mentions.lock().note(entry);
                    *room.head.lock() = head;
                }
            }
            LogId::User(id) => {
                if let Some(user) = self.user(id) {
                    *user.head.lock() = head;
                }
            }
            LogId::Control => {
                let mut control = self.control.lock();
                let state = control.get_or_insert_default();
                state.head = head;
                if let Payload::Act(act) = &entry.payload {
                    act.hash.clone_into(&mut state.hash);
                }
            }
        }
    }
}
