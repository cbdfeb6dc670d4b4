//! Whom a log that was read again shows to be out. When the outcome of a commit was not known, nobody was told
//! of it; what it took from whom has to hold all the same.

use super::{Appender, tell::unsubscribed};
use crate::{
    hub::{Close, CloseCode},
    id::{LogId, RoomId, UserId},
    model::{SanctionKind, Status},
};

impl Appender {
    /// Ends the listening, and closes the sockets, that a log as it was just read has no ground for.
    pub(super) fn settle(&self, log: LogId) {
        match log {
            LogId::Room(id) => self.settle_room(id),
            LogId::User(id) => self.settle_user(id),
            LogId::Control => {
                let now = self.clock.now();
                let bans = &self.memory.policy().address_bans;
                let banned = |address| bans.iter().any(|b| b.holds(address, now));
                let close = Close::now(CloseCode::Banned);
                self.hub.kick_all(close, |c| banned(c.address));
                for user in self.memory.users_in_use() {
                    self.narrow(user);
                }
            }
        }
    }

    fn settle_room(&self, id: RoomId) {
        let Some(room) = self.memory.room(id) else {
            return;
        };
        let listeners = self.hub.listeners(id.into());
        let out: Vec<UserId> = {
            let facts = room.facts();
            if facts.room.deleted_at.is_some() {
                drop(facts);
                let notice = unsubscribed(id, "deleted");
                return self.hub.expel(id.into(), None, &notice);
            }
            let out = listeners.into_iter();
            out.filter(|u| !facts.members.contains_key(u)).collect()
        };
        for user in out {
            let notice = unsubscribed(id, "removed");
            self.hub.expel(id.into(), Some(user), &notice);
        }
    }

    fn settle_user(&self, id: UserId) {
        let Some(user) = self.memory.user(id).filter(|_| self.hub.is_here(id)) else {
            return;
        };
        let now = self.clock.now();
        let out = user.with(|p| {
            p.user.status != Status::Active || p.sanction(SanctionKind::Ban, now).is_some()
        });
        if out {
            self.hub.kick(id, Close::now(CloseCode::Banned), |_| true);
        }
        let revoked = Close::now(CloseCode::SessionRevoked);
        self.hub.kick(id, revoked, |c| !user.has_session(c.session));
        self.narrow(id);
    }
}
