//! Who follows whom, in which room, and what they were told last.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use super::State;
use crate::{
    hub::Connection,
    id::{ConnId, RoomId, UserId},
};

/// Somebody who follows another, in one room.
pub(super) struct Follower {
    pub(super) connection: Arc<Connection>,
    /// What they were told last.
    pub(super) told: Option<State>,
}

/// Those who follow somebody, each in a room that both are in.
pub(super) type Followers = HashMap<(ConnId, RoomId), Follower>;

#[derive(Default)]
pub(super) struct Watch {
    /// Who is followed by whom.
    pub(super) of: HashMap<UserId, Followers>,
    /// Whom each connection follows, by the room they share.
    pub(super) by: HashMap<ConnId, HashMap<RoomId, Vec<UserId>>>,
    /// Of whom something changed, and when that is to be told, the first first.
    pub(super) changed: VecDeque<(Instant, UserId)>,
    /// The same people.
    pub(super) waiting: HashSet<UserId>,
    /// Whether somebody sees to them.
    pub(super) tended: bool,
}

impl Watch {
    /// Ends a connection's following in one room, or in all.
    pub(super) fn end(&mut self, connection: ConnId, room: Option<RoomId>) {
        let Some(rooms) = self.by.get_mut(&connection) else {
            return;
        };
        let ended: Vec<_> = match room {
            Some(room) => rooms.remove_entry(&room).into_iter().collect(),
            None => rooms.drain().collect(),
        };
        if rooms.is_empty() {
            self.by.remove(&connection);
        }
        for (room, users) in ended {
            for user in users {
                self.lose(user, (connection, room));
            }
        }
    }

    /// Ends what a connection follows where `shared` says that it is over.
    pub(super) fn retain(&mut self, connection: ConnId, shared: impl Fn(RoomId, UserId) -> bool) {
        let Some(rooms) = self.by.get_mut(&connection) else {
            return;
        };
        let mut over = Vec::new();
        for (&room, users) in rooms.iter_mut() {
            let gone = users.extract_if(.., |user| !shared(room, *user));
            over.extend(gone.map(|user| (user, room)));
        }
        rooms.retain(|_, users| !users.is_empty());
        if rooms.is_empty() {
            self.by.remove(&connection);
        }
        for (user, room) in over {
            self.lose(user, (connection, room));
        }
    }

    fn lose(&mut self, user: UserId, follower: (ConnId, RoomId)) {
        if let Some(followers) = self.of.get_mut(&user) {
            followers.remove(&follower);
            if followers.is_empty() {
                self.of.remove(&user);
            }
        }
    }

    /// How many people a connection follows.
    pub(super) fn count(&self, connection: ConnId) -> usize {
        let rooms = self.by.get(&connection);
        rooms.map_or(0, |rooms| rooms.values().map(Vec::len).sum())
    }
}
