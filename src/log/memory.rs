//! The rooms and users in use, as of the last commit.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::{
    id::{LogId, RoomId, SessionId, UserId},
    model::{Facts, Head, Member, Room, User, Username},
    store::{ControlState, RoomState, UserState, Write},
};

/// How many sweeps something stays in memory after it was last looked at; a sweep comes every minute.
const KEEP: u64 = 15;

/// A room in use.
#[derive(Debug)]
pub struct LiveRoom {
    facts: RwLock<Facts>,
    head: Mutex<Head>,
    used: AtomicU64,
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
}

/// A user in use.
#[derive(Debug)]
pub struct LiveUser {
    facts: RwLock<(User, Vec<SessionId>)>,
    head: Mutex<Head>,
    used: AtomicU64,
}

impl LiveUser {
    /// The account as it stands.
    pub fn user(&self) -> User {
        self.facts.read().0.clone()
    }

    /// Looks at the account without copying it. Held only for a look.
    pub fn with<T>(&self, look: impl FnOnce(&User) -> T) -> T {
        look(&self.facts.read().0)
    }

    /// The user's name.
    pub fn name(&self) -> Username {
        self.facts.read().0.name.clone()
    }

    /// Whether this session of theirs has not been ended.
    pub fn has_session(&self, session: SessionId) -> bool {
        self.facts.read().1.contains(&session)
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
    User(UserState, Vec<SessionId>),
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

    pub(super) fn insert(&self, loaded: Loaded) {
        match loaded {
            Loaded::Room(RoomState {
                room,
                members,
                head,
            }) => {
                self.insert_room(room, members, head);
            }
            Loaded::User(UserState { user, head }, sessions) => {
                self.insert_user(user, sessions, head);
            }
            Loaded::Control(state) => *self.control.lock() = Some(state),
        }
    }

    fn insert_room(&self, room: Room, members: Vec<Member>, head: Head) {
        let id = room.id;
        let members = members.into_iter().map(|m| (m.user, m)).collect();
        let facts = RwLock::new(Facts { room, members });
        let live = LiveRoom {
            facts,
            head: Mutex::new(head),
            used: self.used_now(),
        };
        self.rooms.write().insert(id, Arc::new(live));
    }

    fn insert_user(&self, user: User, sessions: Vec<SessionId>, head: Head) {
        let id = user.id;
        let facts = RwLock::new((user, sessions));
        let live = LiveUser {
            facts,
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

    /// A log has moved on.
    pub(super) fn advance(&self, log: LogId, head: Head, hash: Option<&str>) {
        match log {
            LogId::Room(id) => {
                if let Some(room) = self.room(id) {
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
                if let Some(hash) = hash {
                    hash.clone_into(&mut state.hash);
                }
            }
        }
    }

    /// A write was committed.
    pub(super) fn apply(&self, write: Write) {
        match write {
            Write::InsertUser(user) => self.insert_user(user, Vec::new(), Head::default()),
            Write::UpdateUser(user) => {
                if let Some(live) = self.user(user.id) {
                    live.facts.write().0 = user;
                }
            }
            Write::InsertRoom(room) => self.insert_room(room, Vec::new(), Head::default()),
            Write::UpdateRoom(room) => {
                if let Some(live) = self.room(room.id) {
                    live.facts.write().room = room;
                }
            }
            Write::PutMember(member) => {
                if let Some(live) = self.room(member.room) {
                    live.facts.write().members.insert(member.user, member);
                }
            }
            Write::DeleteMember(room, user) => {
                if let Some(live) = self.room(room) {
                    live.facts.write().members.remove(&user);
                }
            }
            Write::InsertSession(session) => {
                if let Some(live) = self.user(session.user) {
                    live.facts.write().1.push(session.id);
                }
            }
            Write::UpdateSession(session) if session.ended_at.is_some() => {
                if let Some(live) = self.user(session.user) {
                    live.facts.write().1.retain(|s| *s != session.id);
                }
            }
            Write::EndSessions { user, except, .. } => {
                if let Some(live) = self.user(user) {
                    live.facts.write().1.retain(|s| Some(*s) == except);
                }
            }
            Write::UpdateSession(_)
            | Write::InsertCode(_)
            | Write::TakeCode(_)
            | Write::DeleteCodes(_)
            | Write::PutKey(_)
            | Write::PutSetting(..) => {}
        }
    }
}

/// The log whose later decisions must wait until this write is committed, because they decide by what it
/// changes.
pub(super) fn closes(write: &Write) -> Option<LogId> {
    match write {
        Write::InsertUser(user) | Write::UpdateUser(user) => Some(user.id.into()),
        Write::InsertRoom(room) | Write::UpdateRoom(room) => Some(room.id.into()),
        Write::PutMember(member) => Some(member.room.into()),
        Write::DeleteMember(room, _) => Some((*room).into()),
        Write::EndSessions { user, .. } => Some((*user).into()),
        Write::InsertSession(_)
        | Write::UpdateSession(_)
        | Write::InsertCode(_)
        | Write::TakeCode(_)
        | Write::DeleteCodes(_)
        | Write::PutKey(_)
        | Write::PutSetting(..) => None,
    }
}
