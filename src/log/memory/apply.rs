//! What a committed write changes of what is in memory, and who has to wait for it.

use std::sync::Arc;

use super::{super::policy, Memory};
use crate::{
    id::{LogId, RoomId, UserId},
    model::{Head, Member, MoveOn, Read, Sanction, SanctionKind},
    store::{RoomState, UserState, Write},
};

impl Memory {
    /// A write was committed. Answers whom it moved on in what they have read, and where to.
    #[expect(clippy::too_many_lines, reason = "an arm for each write there is")]
    pub(in crate::log) fn apply(&self, write: Write) -> Vec<Read> {
        match write {
            Write::MoveOn(on) => return self.move_on(on),
            Write::InsertUser(user) => self.insert_user(
                UserState {
                    user,
                    sanctions: Vec::new(),
                    head: Head::default(),
                },
                Vec::new(),
            ),
            Write::UpdateUser(user) => {
                if let Some(live) = self.user(user.id) {
                    let permissions = self.policy().permissions(&user.role);
                    let mut facts = live.facts.write();
                    facts.0.permissions = permissions;
                    facts.0.user = user;
                }
            }
            Write::InsertRoom(room) => self.insert_room(RoomState {
                room,
                members: Vec::new(),
                sanctions: Vec::new(),
                head: Head::default(),
            }),
            Write::UpdateRoom(room) => {
                if let Some(live) = self.room(room.id) {
                    live.facts.write().room = room;
                }
            }
            Write::PutMember(member) => self.put_member(member),
            Write::DeleteMember(room, user) => {
                if let Some(live) = self.room(room) {
                    live.facts.write().members.remove(&user);
                }
            }
            Write::Read(reads) => self.read(reads),
            Write::InsertSession(session) => {
                if let Some(live) = self.user(session.user) {
                    live.facts.write().1.push((&session).into());
                }
            }
            Write::UpdateSession(session) => {
                if let Some(live) = self.user(session.user) {
                    let sessions = &mut live.facts.write().1;
                    sessions.retain(|s| s.id != session.id);
                    if session.ended_at.is_none() {
                        sessions.push((&session).into());
                    }
                }
            }
            Write::EndSessions { user, except, .. } => {
                if let Some(live) = self.user(user) {
                    live.facts.write().1.retain(|s| Some(s.id) == except);
                }
            }
            Write::DeleteSessions(user) => {
                if let Some(live) = self.user(user) {
                    live.facts.write().1.clear();
                }
            }
            Write::PutSanction(sanction) => self.sanction(sanction),
            Write::DeleteSanction { kind, user, room } => self.lift(kind, user, room),
            // What nobody decides by.
            Write::PutSetting(ref name, _) if !policy::decides(name) => {}
            Write::PutRole(_)
            | Write::DeleteRole(_)
            | Write::PutSetting(..)
            | Write::PutAddressBan(_)
            | Write::DeleteAddressBan(_)
            | Write::PutHold(_)
            | Write::DeleteHold(_) => self.change_policy(write),
            Write::InsertCode(_)
            | Write::TakeCode(_)
            | Write::DeleteCode(_)
            | Write::DeleteCodes(_)
            | Write::InsertReport(_)
            | Write::UpdateReport(_)
            | Write::ErasePersonal(_)
            | Write::Edit(_)
            | Write::Delete(_)
            | Write::Restore { .. }
            | Write::Erase { .. }
            | Write::EraseEdit { .. }
            | Write::React(_)
            | Write::Unreact { .. }
            | Write::Pin(_)
            | Write::Unpin { .. }
            | Write::Reply { .. }
            | Write::Mention(_)
            | Write::EraseReaction { .. }
            | Write::InsertFile(_)
            | Write::AttachFile { .. }
            | Write::DropFile { .. }
            | Write::DeleteFile(_)
            | Write::PutRedaction(_)
            | Write::InsertSegment(..)
            | Write::RewriteSegment(..)
            | Write::UpdateSegment(_)
            | Write::DeleteSegment { .. }
            | Write::DeleteLive { .. }
            | Write::InsertLive { .. }
            | Write::PutRun(_)
            | Write::PutKey(_)
            | Write::SetEpoch(_) => {}
        }
        Vec::new()
    }

    fn put_member(&self, member: Member) {
        if let Some(live) = self.room(member.room) {
            let members = &mut live.facts.write().members;
            // How far they have read may have moved since this was decided.
            let read = members.get(&member.user).map_or(member.read, |m| m.read);
            members.insert(member.user, Member { read, ..member });
        }
    }

    fn move_on(&self, on: MoveOn) -> Vec<Read> {
        let MoveOn {
            room, upto, user, ..
        } = on;
        let Some(live) = self.room(room) else {
            return Vec::new();
        };
        let mut facts = live.facts.write();
        let mut moved = Vec::new();
        let mut step = |member: &mut Member| {
            if on.moves(member) {
                member.read = upto;
                let user = member.user;
                moved.push(Read { room, user, upto });
            }
        };
        match user {
            Some(user) => facts.members.get_mut(&user).into_iter().for_each(step),
            None => facts.members.values_mut().for_each(&mut step),
        }
        moved
    }

    fn read(&self, reads: Vec<Read>) {
        for Read { room, user, upto } in reads {
            // Not there: read again from the store when somebody needs it.
            if let Some(live) = self.room(room)
                && let Some(member) = live.facts.write().members.get_mut(&user)
            {
                member.read = upto;
            }
        }
    }

    fn sanction(&self, sanction: Sanction) {
        match sanction.room {
            Some(room) => {
                if let Some(live) = self.room(room) {
                    let key = (sanction.user, sanction.kind);
                    live.facts.write().sanctions.insert(key, sanction);
                }
            }
            None => {
                if let Some(live) = self.user(sanction.user) {
                    let sanctions = &mut live.facts.write().0.sanctions;
                    sanctions.retain(|s| s.kind != sanction.kind);
                    sanctions.push(sanction);
                }
            }
        }
    }

    fn lift(&self, kind: SanctionKind, user: UserId, room: Option<RoomId>) {
        match room {
            Some(room) => {
                if let Some(live) = self.room(room) {
                    live.facts.write().sanctions.remove(&(user, kind));
                }
            }
            None => {
                if let Some(live) = self.user(user) {
                    live.facts.write().0.sanctions.retain(|s| s.kind != kind);
                }
            }
        }
    }

    /// Takes in a change to what holds for the whole server, and gives those who have a role that changed
    /// what it gives now.
    fn change_policy(&self, write: Write) {
        let mut policy = (*self.policy()).clone();
        let role = policy::apply(&mut policy, write);
        *self.policy.write() = Arc::new(policy);
        if let Some(role) = role {
            let permissions = self.policy().permissions(&role);
            for live in self.users_of(&role) {
                live.facts.write().0.permissions = permissions;
            }
        }
    }
}

/// The log whose later decisions must wait until this write is committed, because they decide by what it
/// changes.
pub(in crate::log) fn closes(write: &Write) -> Option<LogId> {
    match write {
        Write::InsertUser(user) | Write::UpdateUser(user) => Some(user.id.into()),
        Write::InsertRoom(room) | Write::UpdateRoom(room) => Some(room.id.into()),
        Write::PutMember(member) => Some(member.room.into()),
        Write::DeleteMember(room, _) => Some((*room).into()),
        Write::EndSessions { user, .. } | Write::DeleteSessions(user) => Some((*user).into()),
        Write::PutSanction(Sanction { user, room, .. })
        | Write::DeleteSanction { user, room, .. } => {
            Some(room.map_or_else(|| (*user).into(), LogId::Room))
        }
        Write::UpdateSession(session) if session.ended_at.is_some() => Some(session.user.into()),
        Write::PutSetting(name, _) if !policy::decides(name) => None,
        // Whoever decides by these touches the control log.
        Write::PutRole(_)
        | Write::DeleteRole(_)
        | Write::PutSetting(..)
        | Write::PutAddressBan(_)
        | Write::DeleteAddressBan(_)
        | Write::PutHold(_)
        | Write::DeleteHold(_) => Some(LogId::Control),
        // Nobody decides about others by it; one's own is moved one at a time. Whoever decided where to by what was
        // being purged looks again (`chat::reading`).
        Write::Read(_)
        | Write::MoveOn(_)
        | Write::InsertSession(_)
        | Write::UpdateSession(_)
        | Write::InsertCode(_)
        | Write::TakeCode(_)
        | Write::DeleteCode(_)
        | Write::DeleteCodes(_)
        | Write::InsertReport(_)
        | Write::UpdateReport(_)
        | Write::ErasePersonal(_)
        | Write::Edit(_)
        | Write::Delete(_)
        | Write::Restore { .. }
        | Write::Erase { .. }
        | Write::EraseEdit { .. }
        | Write::React(_)
        | Write::Unreact { .. }
        | Write::Pin(_)
        | Write::Unpin { .. }
        | Write::Reply { .. }
        | Write::Mention(_)
        | Write::EraseReaction { .. }
        | Write::InsertFile(_)
        | Write::AttachFile { .. }
        | Write::DropFile { .. }
        | Write::DeleteFile(_)
        | Write::PutRedaction(_)
        | Write::InsertSegment(..)
        | Write::RewriteSegment(..)
        | Write::UpdateSegment(_)
        | Write::DeleteSegment { .. }
        | Write::DeleteLive { .. }
        | Write::InsertLive { .. }
        | Write::PutRun(_)
        | Write::PutKey(_)
        | Write::SetEpoch(_) => None,
    }
}
