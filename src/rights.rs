//! Who may do what. Pure: it is given the facts and answers; who asks decides when, and asks again at the
//! moment of sequencing.
//!
//! A permission is a named thing that can be done. A role on the server grants some; a role in a room grants
//! others, in that room. Nothing else in chatd compares roles.

use crate::{
    id::UserId,
    model::{Facts, Member, Refusal, Role, Room, RoomKind, RoomRole, Status, User},
};

/// What can be done on the server as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Make a room.
    RoomCreate,
    /// Come into a public room.
    RoomJoin,
    /// Say something, in a room where the room role allows it.
    MessageSend,
    /// Do in any public room what its moderators may.
    RoomManage,
    /// Do in any public room what its owner may.
    RoomOwn,
}

impl Permission {
    /// Its name, as operators write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoomCreate => "room.create",
            Self::RoomJoin => "room.join",
            Self::MessageSend => "message.send",
            Self::RoomManage => "room.manage",
            Self::RoomOwn => "room.own",
        }
    }

    /// The lowest role on the server that has it. The roles are ordered: who has more, has these too.
    const fn lowest(self) -> Role {
        match self {
            Self::RoomJoin => Role::Guest,
            Self::RoomCreate | Self::MessageSend => Role::Member,
            Self::RoomManage => Role::Moderator,
            Self::RoomOwn => Role::Admin,
        }
    }
}

/// What can be done in one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InRoom {
    /// Read its messages, listen to it, see who is in it.
    Read,
    /// Say something.
    Send,
    /// Change title and topic.
    Describe,
    /// Add members, and remove those of a lower role.
    Invite,
    /// Rename it, decide how much of its past is shown, give roles below one's own.
    Configure,
    /// Delete it, pass it on.
    Own,
}

impl InRoom {
    const fn lowest(self) -> RoomRole {
        match self {
            Self::Read => RoomRole::Viewer,
            Self::Send => RoomRole::Member,
            Self::Describe | Self::Invite => RoomRole::Moderator,
            Self::Configure | Self::Own => RoomRole::Owner,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Read => "read here",
            Self::Send => "write here",
            Self::Describe => "change the title or topic",
            Self::Invite => "add or remove members",
            Self::Configure => "change this room's settings or roles",
            Self::Own => "delete this room or pass it on",
        }
    }
}

/// Whether the account can be used at all.
pub fn may_act(user: &User) -> Result<(), Refusal> {
    match user.status {
        Status::Active => Ok(()),
        Status::Disabled => Err(Refusal::Locked),
        Status::Invited => Err(Refusal::Unauthorized(
            "claim this account with its code first".into(),
        )),
    }
}

/// Whether a user may do this on the server.
pub fn may(user: &User, permission: Permission) -> Result<(), Refusal> {
    may_act(user)?;
    if user.role >= permission.lowest() {
        return Ok(());
    }
    let (role, needed) = (user.role, permission.as_str());
    Err(Refusal::Forbidden(format!(
        "your role {role} does not include {needed}"
    )))
}

/// Whether a room is there for this user: it is not deleted, and public or theirs.
pub fn may_see(user: UserId, facts: &Facts) -> Result<(), Refusal> {
    let there = facts.room.deleted_at.is_none()
        && (facts.room.kind == RoomKind::Public || facts.members.contains_key(&user));
    if there {
        Ok(())
    } else {
        Err(Refusal::NotFound("room"))
    }
}

/// Whether a user may do this in this room; answers their membership, if they have one.
pub fn may_in_room(user: &User, facts: &Facts, what: InRoom) -> Result<Option<Member>, Refusal> {
    may_act(user)?;
    may_see(user.id, facts)?;
    let member = facts.members.get(&user.id).copied();
    if what != InRoom::Read {
        // A guest only reads, whatever they were made in a room.
        may(user, Permission::MessageSend)?;
    }
    let managed = facts.room.kind == RoomKind::Public
        && match what {
            InRoom::Read | InRoom::Send => false,
            InRoom::Describe | InRoom::Invite => may(user, Permission::RoomManage).is_ok(),
            InRoom::Configure | InRoom::Own => may(user, Permission::RoomOwn).is_ok(),
        };
    match member {
        _ if managed => Ok(member),
        Some(m) if m.role >= what.lowest() => Ok(member),
        Some(m) => {
            let (role, what) = (m.role, what.what());
            Err(Refusal::Forbidden(format!(
                "as {role} of this room you may not {what}"
            )))
        }
        None => Err(Refusal::Forbidden("join this room first".into())),
    }
}

/// Whether a user may give `role` in this room, or take it away: only below their own, unless they own the
/// room or manage all.
pub fn may_grant(user: &User, facts: &Facts, role: RoomRole) -> Result<(), Refusal> {
    let member = may_in_room(user, facts, InRoom::Invite)?;
    let own = member.map_or(RoomRole::Viewer, |m| m.role);
    let all = facts.room.kind == RoomKind::Public && may(user, Permission::RoomManage).is_ok();
    if role == RoomRole::Owner && (all || own == RoomRole::Owner) {
        let what = "a room has one owner; pass it on with transfer";
        return Err(Refusal::Conflict(what.into()));
    }
    if all || role < own {
        return Ok(());
    }
    Err(Refusal::Forbidden(format!(
        "as {own} of this room you may not decide about a {role}"
    )))
}

/// The first `seq` that a member may read.
pub fn floor(room: &Room, member: Member) -> u64 {
    match room.history {
        crate::model::History::All => 0,
        crate::model::History::SinceJoin => member.since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Millis,
        id::RoomId,
        model::{History, RoomName, Username},
    };

    fn user(role: Role, status: Status) -> User {
        User {
            id: UserId::new(Millis(1)),
            name: Username::parse("ana").unwrap(),
            display_name: None,
            email: None,
            email_login: false,
            role,
            status,
            password: None,
            created_at: Millis(1),
        }
    }

    fn facts(kind: RoomKind, member: Option<(&User, RoomRole)>) -> Facts {
        let id = RoomId::new(Millis(1));
        let room = Room {
            id,
            name: RoomName::parse("general").unwrap(),
            kind,
            title: None,
            topic: None,
            history: History::All,
            owner: UserId::new(Millis(1)),
            created_at: Millis(1),
            deleted_at: None,
        };
        let members = member
            .map(|(u, role)| {
                (
                    u.id,
                    Member {
                        room: id,
                        user: u.id,
                        role,
                        since: 1,
                        at: Millis(1),
                    },
                )
            })
            .into_iter()
            .collect();
        Facts { room, members }
    }

    #[test]
    fn every_server_role_and_permission() {
        use Permission::*;
        let table = [
            (Role::Guest, [false, true, false, false, false]),
            (Role::Auditor, [false, true, false, false, false]),
            (Role::Member, [true, true, true, false, false]),
            (Role::Moderator, [true, true, true, true, false]),
            (Role::Admin, [true; 5]),
        ];
        for (role, expected) in table {
            let user = user(role, Status::Active);
            let got = [RoomCreate, RoomJoin, MessageSend, RoomManage, RoomOwn]
                .map(|p| may(&user, p).is_ok());
            assert_eq!(got, expected, "{role}");
        }
        assert_eq!(
            may(&user(Role::Admin, Status::Disabled), RoomJoin),
            Err(Refusal::Locked)
        );
    }

    #[test]
    fn every_room_role_and_act() {
        use InRoom::*;
        let all = [Read, Send, Describe, Invite, Configure, Own];
        let table = [
            (RoomRole::Viewer, [true, false, false, false, false, false]),
            (RoomRole::Member, [true, true, false, false, false, false]),
            (RoomRole::Moderator, [true, true, true, true, false, false]),
            (RoomRole::Owner, [true; 6]),
        ];
        for kind in [RoomKind::Public, RoomKind::Private] {
            for (role, expected) in table {
                let user = user(Role::Member, Status::Active);
                let facts = facts(kind, Some((&user, role)));
                assert_eq!(
                    all.map(|w| may_in_room(&user, &facts, w).is_ok()),
                    expected,
                    "{role}"
                );
            }
        }
    }

    #[test]
    fn a_private_room_does_not_exist_for_strangers_whatever_their_role() {
        for role in Role::ALL {
            let user = user(*role, Status::Active);
            let closed = facts(RoomKind::Private, None);
            let answer = may_in_room(&user, &closed, InRoom::Read);
            assert_eq!(answer, Err(Refusal::NotFound("room")), "{role}");
            let open = facts(RoomKind::Public, None);
            assert!(matches!(
                may_in_room(&user, &open, InRoom::Read),
                Err(Refusal::Forbidden(_))
            ));
        }
    }

    #[test]
    fn roles_are_granted_only_below_ones_own() {
        let user = user(Role::Member, Status::Active);
        let moderator = facts(RoomKind::Private, Some((&user, RoomRole::Moderator)));
        assert!(may_grant(&user, &moderator, RoomRole::Member).is_ok());
        assert!(may_grant(&user, &moderator, RoomRole::Moderator).is_err());
        let owner = facts(RoomKind::Private, Some((&user, RoomRole::Owner)));
        assert!(may_grant(&user, &owner, RoomRole::Moderator).is_ok());
        assert!(matches!(
            may_grant(&user, &owner, RoomRole::Owner),
            Err(Refusal::Conflict(_))
        ));
    }
}
