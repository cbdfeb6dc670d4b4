//! Telling what happened: the sender first, then everyone who listens, in the order of the log.

use std::borrow::Cow;

use super::{Append, Appender};
use crate::{
    hub::{Close, CloseCode, Frame, Position},
    id::{LogId, RoomId, UserId},
    log::{
        Done,
        event::{bury, bury_edit, encode},
    },
    model::{Entry, Payload, Permission, Person, Read, SanctionKind, Status, Username},
    store::{Change, Write},
};

impl Appender {
    /// Notes which rooms have moved on, for whoever follows behind the log.
    pub(super) fn note<'a>(&self, entries: &(impl Iterator<Item = &'a Entry> + Clone)) {
        for follower in &self.followers {
            follower.note(entries.clone());
        }
    }

    /// Publishes what was committed without our knowing.
    pub(super) async fn tell_again(&mut self, entries: Vec<Entry>) {
        self.note(&entries.iter());
        for entry in entries {
            self.bury(&entry);
            let names = self.store.users(&people(&entry)).await.unwrap_or_default();
            let frame = encode(&self.shown(&entry), |id| {
                names.iter().find(|u| u.id == id).map(|u| &u.name)
            });
            let frame = frame.published(self.stats.watch.stamp());
            let _next_read_tells_the_rest = self.hub.publish(entry.log, position(&entry), &frame);
        }
    }

    /// Answers the sender, then tells everyone else; `moved` are those who have read on by it.
    pub(super) async fn tell(&mut self, append: Append, change: Change, moved: Vec<Read>) {
        let Change { entries, writes } = change;
        // One look at the clock, for how long it took and for how long the rest will take.
        let now = self.stats.watch.stamp();
        let mut events = Vec::with_capacity(entries.len());
        for entry in &entries {
            self.stats.entries.up();
            if entry.log == LogId::Control {
                if let Payload::Act(act) = &entry.payload {
                    self.tell_act(entry.at, act);
                }
                continue;
            }
            if entry.payload.is_message() {
                self.stats.messages.up();
                self.stats.send_time.record(now.since(append.at));
            }
            self.bury(entry);
            let heard = self.hub.position(entry.log).is_some();
            let frame = heard.then(|| self.event(entry).published(now));
            events.push((entry.log, position(entry), frame, expels(entry)));
        }
        append.answer(Ok(Done {
            entries,
            dup: false,
        }));
        for (log, position, frame, expels) in events {
            if let Some(frame) = frame
                && let Err(gap) = self.hub.publish(log, position, &frame)
            {
                let most = usize::MAX;
                let missed = self
                    .store
                    .entries(log, gap.last, position.seq, most, most)
                    .await;
                self.tell_again(missed.unwrap_or_default()).await;
            }
            if let Some((room, user, why)) = expels {
                self.hub.expel(room.into(), user, &unsubscribed(room, why));
            }
        }
        for write in writes {
            if let Write::Read(reads) = &write {
                self.tell_reads(reads);
            }
            self.cut_off(&write);
        }
        self.tell_reads(&moved);
    }

    /// Takes the text of a message that an entry deletes out of what the hub remembers. Before anybody is
    /// told: whoever has heard of the deletion, its sender too, finds the text nowhere any more.
    fn bury(&self, entry: &Entry) {
        if let Payload::Delete { target } = entry.payload {
            self.hub.amend(entry.log, target, bury);
            let edits = |event: &[u8]| bury_edit(target, event);
            self.hub.amend_all(entry.log, edits);
            self.stats.deletions.up();
        }
    }

    /// An entry as all listeners may see it: an edit of a message that lies before the time of one of them is
    /// told without its text.
    fn shown<'a>(&self, entry: &'a Entry) -> Cow<'a, Entry> {
        let (LogId::Room(room), Payload::Edit { target, .. }) = (entry.log, &entry.payload) else {
            return Cow::Borrowed(entry);
        };
        let live = self.memory.room(room);
        if live.is_some_and(|live| live.facts().all_read(*target)) {
            return Cow::Borrowed(entry);
        }
        let mut hidden = entry.clone();
        hidden.payload = Payload::Edit {
            target: *target,
            body: None,
        };
        Cow::Owned(hidden)
    }

    fn event(&self, entry: &Entry) -> Frame {
        let names: Vec<(UserId, Username)> = people(entry)
            .into_iter()
            .filter_map(|id| self.memory.user(id).map(|u| (id, u.name())))
            .collect();
        encode(&self.shown(entry), |id| {
            names
                .iter()
                .find(|(user, _)| *user == id)
                .map(|(_, name)| name)
        })
    }

    /// Closes the sockets that a write has taken the ground from.
    fn cut_off(&self, write: &Write) {
        let revoked = Close::now(CloseCode::SessionRevoked);
        match write {
            Write::UpdateSession(session) if session.ended_at.is_some() => {
                self.hub
                    .kick(session.user, revoked, |c| c.session == session.id);
            }
            Write::EndSessions { user, except, .. } => {
                self.hub
                    .kick(*user, revoked, |c| Some(c.session) != *except);
            }
            Write::DeleteSessions(user) => self.hub.kick(*user, revoked, |_| true),
            Write::UpdateUser(user) if user.status != Status::Active => {
                self.hub
                    .kick(user.id, Close::now(CloseCode::Banned), |_| true);
            }
            Write::UpdateUser(user) => self.narrow(user.id),
            Write::PutSanction(sanction)
                if sanction.kind == SanctionKind::Ban && sanction.room.is_none() =>
            {
                self.hub
                    .kick(sanction.user, Close::now(CloseCode::Banned), |_| true);
            }
            Write::PutRole(role) => {
                for user in self.memory.users_of(&role.name) {
                    self.narrow(user.with(|p| p.user.id));
                }
            }
            Write::PutAddressBan(ban) => {
                let now = self.clock.now();
                self.hub
                    .kick_all(Close::now(CloseCode::Banned), |c| ban.holds(c.address, now));
            }
            _ => {}
        }
    }

    /// Ends listening to rooms for somebody whose role no longer lets them read.
    pub(super) fn narrow(&self, user: UserId) {
        let reads = |p: &Person| p.permissions.has(Permission::MessageRead);
        if self.memory.user(user).is_some_and(|u| !u.with(reads)) {
            self.hub
                .silence(user, |room| unsubscribed(room, "forbidden"));
        }
    }
}

fn position(entry: &Entry) -> Position {
    Position {
        seq: entry.seq,
        n: entry.n,
    }
}

/// Everyone whose name the entry's event shows.
pub(super) fn people(entry: &Entry) -> Vec<UserId> {
    let mut people: Vec<UserId> = entry.from.into_iter().collect();
    if let Payload::Membership { user, .. } = &entry.payload {
        people.push(*user);
    }
    people
}

/// Whom an entry takes out of which room, and why.
fn expels(entry: &Entry) -> Option<(RoomId, Option<UserId>, &'static str)> {
    match (&entry.payload, entry.log) {
        (Payload::Removed { target, why }, LogId::User(user)) => {
            let why = match why.as_str() {
                "left" => "left",
                "banned" => "banned",
                _ => "removed",
            };
            Some((*target, Some(user), why))
        }
        (Payload::Deleted, LogId::Room(room)) => Some((room, None, "deleted")),
        _ => None,
    }
}

pub(super) fn unsubscribed(room: RoomId, why: &str) -> Frame {
    Frame::json(&serde_json::json!({"ev": "unsubscribed", "room": room, "why": why}))
}
