//! What the hub shows to those who watch: copies, made under short locks.

use std::{collections::HashMap, sync::Arc};

use super::{Connection, Frame, Hub};
use crate::id::{ConnId, LogId, RoomId, UserId};

/// What goes on in one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many connections listen.
    pub listeners: u64,
    /// Events put into an outbox, since somebody listens.
    pub deliveries: u64,
}

impl Hub {
    /// Every connection.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.register.all()
    }

    /// A user's connections.
    pub fn connections_of(&self, user: UserId) -> Vec<Arc<Connection>> {
        self.register.of(user)
    }

    /// One connection.
    pub fn connection(&self, id: ConnId) -> Option<Arc<Connection>> {
        self.connections().into_iter().find(|c| c.id == id)
    }

    /// How many bytes wait in all outboxes, and in the longest.
    pub fn waiting(&self) -> (u64, u64) {
        let all = self.connections().into_iter();
        all.fold((0, 0), |(sum, longest), connection| {
            let bytes = connection.outbox.bytes() as u64;
            (sum + bytes, bytes.max(longest))
        })
    }

    /// What goes on in each room that somebody listens to.
    pub fn traffic(&self) -> HashMap<RoomId, Traffic> {
        let rooms = self.rooms().into_iter();
        let counted = rooms.map(|(room, channel)| {
            let (listeners, deliveries) = channel.lock().counts();
            (
                room,
                Traffic {
                    listeners,
                    deliveries,
                },
            )
        });
        counted.collect()
    }

    /// The rooms a connection listens to.
    pub fn rooms_of(&self, connection: &Arc<Connection>) -> Vec<RoomId> {
        let rooms = self.rooms().into_iter();
        let of = rooms.filter(|(_, channel)| channel.lock().has(connection));
        of.map(|(room, _)| room).collect()
    }

    /// The connections that listen to a room.
    pub fn listening(&self, room: RoomId) -> Vec<ConnId> {
        let channel = self.channels.read().get(&room.into()).map(Arc::clone);
        channel.map_or_else(Vec::new, |c| c.lock().listeners().map(|c| c.id).collect())
    }

    /// Tells something that is of no log to all who listen to a room, or to everybody; answers how many took it.
    pub fn announce(&self, room: Option<RoomId>, frame: &Frame) -> u64 {
        let Some(room) = room else {
            let all = self.connections().into_iter();
            return all.map(|c| u64::from(c.outbox.announce(frame))).sum();
        };
        let channel = self.channels.read().get(&room.into()).map(Arc::clone);
        channel.map_or(0, |c| c.lock().tell(room.into(), frame))
    }

    fn rooms(&self) -> Vec<(RoomId, Arc<parking_lot::Mutex<super::Channel>>)> {
        let channels = self.channels.read();
        let rooms = channels.iter().filter_map(|(log, channel)| match log {
            LogId::Room(id) => Some((*id, Arc::clone(channel))),
            LogId::User(_) | LogId::Control => None,
        });
        rooms.collect()
    }
}
