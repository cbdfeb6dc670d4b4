//! Who may do what. Pure: it is given the facts and answers; who asks decides when, and asks again at the
//! moment of sequencing.
//!
//! A permission is a named thing that can be done. A role on the server is a set of them; a role in a room
//! allows acts in that room, which its rules can shift. Sanctions subtract, and so does what a bot's token
//! is not good for. Nothing else in chatd compares roles.

mod reference;

pub use self::reference::reference;
use crate::{
    id::UserId,
    model::{
        Authority, Facts, History, Member, Permission, Permissions, Person, Refusal, Room,
        RoomKind, RoomRole, RoomRules, SanctionKind, Status, Who,
    },
};

/// What can be done in one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InRoom {
    /// Read its messages, listen to it, see who is in it.
    Read,
    /// Report a message in it.
    Report,
    /// Say something.
    Send,
    /// Change what one has said.
    Edit,
    /// React to what anybody said.
    React,
    /// Mention everyone who is in it.
    MentionRoom,
    /// Pin messages, and take them down.
    Pin,
    /// Change title and topic.
    Describe,
    /// Add members, and make codes with which they come in.
    Invite,
    /// Remove, mute and ban members of a lower role; see reports.
    Moderate,
    /// Delete anybody's message.
    DeleteAny,
    /// Lock it, make it slow.
    Lock,
    /// Rename it, decide how much of its past is shown and who may do what, give roles below one's own.
    Configure,
    /// Delete it, pass it on.
    Own,
}

impl InRoom {
    /// All of them, from what most may to what few may.
    pub const ALL: &[Self] = &[
        Self::Read,
        Self::Report,
        Self::Send,
        Self::Edit,
        Self::React,
        Self::MentionRoom,
        Self::Pin,
        Self::Describe,
        Self::Invite,
        Self::Moderate,
        Self::DeleteAny,
        Self::Lock,
        Self::Configure,
        Self::Own,
    ];

    /// The lowest role in the room that may.
    const fn lowest(self, kind: RoomKind, rules: RoomRules) -> RoomRole {
        match self {
            // Nobody there is more than a member.
            Self::Pin if matches!(kind, RoomKind::Direct) => RoomRole::Member,
            Self::Read | Self::Report => RoomRole::Viewer,
            Self::Send | Self::Edit | Self::React if rules.locked => RoomRole::Moderator,
            Self::Send | Self::Edit => rules.post,
            // Also where only moderators post: an announcement may be liked.
            Self::React => RoomRole::Member,
            Self::Pin => rules.pin,
            Self::Describe => rules.topic,
            Self::Invite => rules.invite,
            Self::MentionRoom | Self::Moderate | Self::DeleteAny | Self::Lock => {
                RoomRole::Moderator
            }
            Self::Configure | Self::Own => RoomRole::Owner,
        }
    }

    /// The permission on the server without which a role in the room is no use.
    pub const fn needs(self) -> Permission {
        match self {
            Self::Read => Permission::MessageRead,
            Self::Report => Permission::MessageReport,
            Self::Send => Permission::MessageSend,
            Self::Edit => Permission::MessageEdit,
            Self::React => Permission::MessageReact,
            Self::MentionRoom => Permission::MessageMentionRoom,
            Self::Pin => Permission::MessagePin,
            Self::Describe
            | Self::Invite
            | Self::Moderate
            | Self::DeleteAny
            | Self::Lock
            | Self::Configure
            | Self::Own => Permission::RoomEdit,
        }
    }

    /// The permission with which one may in any public room, whatever one is there.
    pub const fn anywhere(self) -> Option<Permission> {
        match self {
            Self::Read
            | Self::Report
            | Self::Send
            | Self::Edit
            | Self::React
            | Self::MentionRoom => None,
            Self::DeleteAny => Some(Permission::MessageDeleteAny),
            Self::Pin | Self::Describe | Self::Invite | Self::Moderate | Self::Lock => {
                Some(Permission::RoomManage)
            }
            Self::Configure | Self::Own => Some(Permission::RoomOwn),
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Read => "read here",
            Self::Report => "report messages",
            Self::Send => "write here",
            Self::Edit => "edit one's messages",
            Self::React => "react to messages",
            Self::MentionRoom => "mention everyone with @room",
            Self::Pin => "pin messages",
            Self::Describe => "change the title or topic",
            Self::Invite => "add members",
            Self::Moderate => "remove, mute or ban members",
            Self::DeleteAny => "delete others' messages",
            Self::Lock => "lock this room or make it slow",
            Self::Configure => "change this room's settings or roles",
            Self::Own => "delete this room or pass it on",
        }
    }
}

/// Whether the account can be used at all.
pub fn may_act(who: &Who<'_>) -> Result<(), Refusal> {
    match who.user.status {
        Status::Active => {}
        Status::Disabled | Status::Erased => return Err(Refusal::Locked),
        Status::Invited => {
            return Err(Refusal::Unauthorized(
                "claim this account with its code first".into(),
            ));
        }
    }
    match who.sanction(SanctionKind::Ban, who.now) {
        Some(ban) => Err(Refusal::sanctioned(ban)),
        None => Ok(()),
    }
}

/// Whether somebody may do this on the server.
pub fn may(who: &Who<'_>, permission: Permission) -> Result<(), Refusal> {
    may_act(who)?;
    if who.permissions.has(permission) {
        return Ok(());
    }
    let role = &who.user.role;
    Err(Refusal::Forbidden(if who.person_has(permission) {
        format!("this token is not good for {permission}")
    } else {
        format!("your role {role} does not include {permission}")
    }))
}

/// Whether somebody may say anything in a room at all, messages and what stands over them alike: they are not
/// muted, there or everywhere.
pub fn may_speak(who: &Who<'_>, facts: &Facts) -> Result<(), Refusal> {
    let everywhere = who.sanction(SanctionKind::Mute, who.now);
    let here = || facts.sanction(who.user.id, SanctionKind::Mute, who.now);
    match everywhere.or_else(here) {
        Some(mute) => Err(Refusal::sanctioned(mute)),
        None => Ok(()),
    }
}

/// Whether somebody may make a room: its name, title and topic are words, so nobody who is muted everywhere.
pub fn may_create_room(who: &Who<'_>) -> Result<(), Refusal> {
    may(who, Permission::RoomCreate)?;
    match who.sanction(SanctionKind::Mute, who.now) {
        Some(mute) => Err(Refusal::sanctioned(mute)),
        None => Ok(()),
    }
}

/// Whether somebody may open a direct conversation: others are told of it, so nobody who is muted everywhere.
pub fn may_open_direct(who: &Who<'_>) -> Result<(), Refusal> {
    may(who, Permission::DmOpen)?;
    match who.sanction(SanctionKind::Mute, who.now) {
        Some(mute) => Err(Refusal::sanctioned(mute)),
        None => Ok(()),
    }
}

/// Refuses what a direct conversation has not got: an owner, other people, a name.
pub fn not_direct(facts: &Facts, what: &str) -> Result<(), Refusal> {
    if facts.room.kind == RoomKind::Direct {
        let why = format!("this is a direct conversation, which {what}");
        return Err(Refusal::Conflict(why));
    }
    Ok(())
}

/// Whether somebody may go out of a room: whoever may act, but a token only that is good for coming in.
pub fn may_leave(who: &Who<'_>) -> Result<(), Refusal> {
    may_act(who)?;
    if who.person_has(Permission::RoomJoin) {
        may(who, Permission::RoomJoin)?;
    }
    Ok(())
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

/// Whether somebody may do this in this room; answers their membership, if they have one.
pub fn may_in_room(who: &Who<'_>, facts: &Facts, what: InRoom) -> Result<Option<Member>, Refusal> {
    may_act(who)?;
    may_see(who.user.id, facts)?;
    let member = facts.members.get(&who.user.id).copied();
    if is_managed(who, facts, what) {
        if what == InRoom::Pin {
            may_speak(who, facts)?;
        }
        return Ok(member);
    }
    let Some(m) = member else {
        // Who may not come in is told so, and not to come in.
        not_banned(who, facts)?;
        return Err(Refusal::Forbidden("join this room first".into()));
    };
    may(who, what.needs())?;
    let speaks = matches!(what, InRoom::Send | InRoom::Edit | InRoom::React);
    // What is pinned, all are told and shown: whoever is muted says nothing by that either.
    if speaks || what == InRoom::Pin {
        may_speak(who, facts)?;
    }
    let kind = facts.room.kind;
    if m.role >= what.lowest(kind, facts.room.rules) {
        return Ok(member);
    }
    let unlocked = RoomRules {
        locked: false,
        ..facts.room.rules
    };
    if speaks && facts.room.rules.locked && m.role >= what.lowest(kind, unlocked) {
        let why = "this room is locked: only its moderators may write";
        return Err(Refusal::Forbidden(why.into()));
    }
    let (role, what) = (m.role, what.what());
    Err(Refusal::Forbidden(format!(
        "as {role} of this room you may not {what}"
    )))
}

/// Whether a permission on the server lets somebody do this here, whatever they are in the room.
fn is_managed(who: &Who<'_>, facts: &Facts, what: InRoom) -> bool {
    facts.room.kind == RoomKind::Public && what.anywhere().is_some_and(|p| who.permissions.has(p))
}

/// Whether a room is open to somebody: they are not banned from it.
pub fn not_banned(who: &Who<'_>, facts: &Facts) -> Result<(), Refusal> {
    match facts.sanction(who.user.id, SanctionKind::Ban, who.now) {
        Some(ban) => Err(Refusal::sanctioned(ban)),
        None => Ok(()),
    }
}

/// Whether somebody may delete a message that `author` said here: their own as long as they may write here,
/// another's with the right to delete anybody's. Answers their membership, if they have one: who may in any
/// public room needs none.
pub fn may_delete(
    who: &Who<'_>,
    facts: &Facts,
    author: Option<UserId>,
) -> Result<Option<Member>, Refusal> {
    let any = may_in_room(who, facts, InRoom::DeleteAny);
    if author != Some(who.user.id) {
        return any;
    }
    may_in_room(who, facts, InRoom::Send).or_else(|refusal| any.map_err(|_| refusal))
}

/// Whether somebody may edit a message that `author` said here: their own, and nobody else's, as long as they
/// may write here. Answers their membership.
pub fn may_edit(
    who: &Who<'_>,
    facts: &Facts,
    author: Option<UserId>,
) -> Result<Option<Member>, Refusal> {
    let member = may_in_room(who, facts, InRoom::Edit)?;
    if author == Some(who.user.id) {
        return Ok(member);
    }
    Err(not_the_author())
}

/// What somebody is told who would edit what another said.
pub fn not_the_author() -> Refusal {
    let why = "only whoever wrote a message may edit it; a moderator may delete it";
    Refusal::Forbidden(why.into())
}

/// Whether somebody may give `role` in this room: only below their own, unless they manage public rooms.
pub fn may_grant(who: &Who<'_>, facts: &Facts, role: RoomRole) -> Result<(), Refusal> {
    let member = may_in_room(who, facts, InRoom::Invite)?;
    let own = member.map_or(RoomRole::Viewer, |m| m.role);
    let all = is_managed(who, facts, InRoom::Invite);
    if role == RoomRole::Owner && (all || own == RoomRole::Owner) {
        let what = "a room has one owner; pass it on with transfer";
        return Err(Refusal::Conflict(what.into()));
    }
    // Whoever may add people at all may make them what they are themselves, if that is a plain member.
    if all || role < own || (role == own && own <= RoomRole::Member) {
        return Ok(());
    }
    Err(Refusal::Forbidden(format!(
        "as {own} of this room you may not decide about a {role}"
    )))
}

/// Whether somebody may remove, mute or ban another in this room: one of a lower role, and never the owner.
pub fn may_moderate(who: &Who<'_>, facts: &Facts, other: UserId) -> Result<(), Refusal> {
    let member = may_in_room(who, facts, InRoom::Moderate)?;
    let theirs = facts.members.get(&other).map(|m| m.role);
    let own = member.map_or(RoomRole::Viewer, |m| m.role);
    let managed = is_managed(who, facts, InRoom::Moderate);
    match theirs {
        Some(RoomRole::Owner) if managed || own == RoomRole::Owner => {
            let what = "this is the room's owner; pass the room on first, with transfer";
            Err(Refusal::Conflict(what.into()))
        }
        _ if managed => Ok(()),
        Some(theirs) if theirs >= own => Err(Refusal::Forbidden(format!(
            "as {own} of this room you may not decide about a {theirs}"
        ))),
        _ => Ok(()),
    }
}

/// Whether somebody may mute or ban another everywhere: one who may do less than they do themselves.
pub fn may_sanction(who: &Who<'_>, other: &Person, kind: SanctionKind) -> Result<(), Refusal> {
    may(
        who,
        match kind {
            SanctionKind::Mute => Permission::UserMute,
            SanctionKind::Ban => Permission::UserBan,
        },
    )?;
    let less = other.permissions.is_within(who.permissions) && other.permissions != who.permissions;
    if less && other.user.id != who.user.id {
        return Ok(());
    }
    let (name, role) = (&other.user.name, &other.user.role);
    Err(Refusal::Forbidden(format!(
        "{name} is {role}: you may decide only about people who may do less than you"
    )))
}

/// Whether somebody may change another's account: one who may do nothing that they may not themselves.
pub fn may_manage(who: &Who<'_>, other: &Person) -> Result<(), Refusal> {
    may(who, Permission::UserManage)?;
    may_give(who, other.permissions)
}

/// Whether somebody may close another's connection: their own, and of whoever may do nothing that they may not.
pub fn may_kick(who: &Who<'_>, other: &Person) -> Result<(), Refusal> {
    may(who, Permission::ConnKick)?;
    if other.user.id == who.user.id || other.permissions.is_within(who.permissions) {
        return Ok(());
    }
    let (name, role) = (&other.user.name, &other.user.role);
    Err(Refusal::Forbidden(format!(
        "{name} is {role}: you may not close the connections of people who may do more than you"
    )))
}

/// Whether somebody may hand on these permissions: only what they have themselves.
pub fn may_give(who: &Who<'_>, permissions: Permissions) -> Result<(), Refusal> {
    if permissions.is_within(who.permissions) {
        return Ok(());
    }
    let more = permissions.without(who.permissions);
    Err(Refusal::Forbidden(format!(
        "that includes what you may not do yourself: {more}"
    )))
}

/// Whether an authority may do this on the server, given the account behind it.
pub fn is_allowed(
    authority: &Authority,
    person: Option<&Person>,
    now: crate::clock::Millis,
    check: impl FnOnce(&Who<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match (authority, person) {
        (Authority::Operator(_), _) => Ok(()),
        (Authority::Caller(caller), Some(person)) => check(&person.who(caller.scopes, now)),
        (Authority::Caller(_), None) => Err(Refusal::SessionEnded),
    }
}

/// The first `seq` that a member may read.
pub fn floor(room: &Room, member: Member) -> u64 {
    floor_since(room.history, member.since)
}

/// The same, of a member who came in by the entry `since`.
pub fn floor_since(history: History, since: u64) -> u64 {
    match history {
        History::All => 0,
        History::SinceJoin => since,
    }
}

#[cfg(test)]
mod tests;
