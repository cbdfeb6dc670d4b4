//! Who may what, as tables, and said in another way than the code says it.

use super::*;
use crate::{
    clock::Millis,
    id::RoomId,
    model::{Builtin, History, RoleName, RoomName, Sanction, User, Username},
};

const NOW: Millis = Millis(1_000);

fn person(role: Builtin, status: Status) -> Person {
    Person {
        user: User {
            id: UserId::new(Millis(1)),
            name: Username::parse("ana").unwrap(),
            display_name: None,
            email: None,
            email_login: false,
            role: RoleName::from(role),
            status,
            bot: false,
            presence: true,
            password: None,
            created_at: Millis(1),
        },
        permissions: role.permissions(),
        sanctions: Vec::new(),
    }
}

fn active(role: Builtin) -> Person {
    person(role, Status::Active)
}

fn who(person: &Person) -> Who<'_> {
    person.who(Permissions::ALL, NOW)
}

fn facts(kind: RoomKind, member: Option<(&Person, RoomRole)>) -> Facts {
    let id = RoomId::new(Millis(1));
    let room = Room {
        id,
        name: RoomName::parse("general").unwrap(),
        kind,
        title: None,
        topic: None,
        history: History::All,
        rules: RoomRules::default(),
        owner: UserId::new(Millis(1)),
        people: Vec::new(),
        created_at: Millis(1),
        deleted_at: None,
    };
    let member = member.map(|(p, role)| Member {
        room: id,
        user: p.user.id,
        role,
        since: 1,
        at: Millis(1),
        read: crate::model::Marker::default(),
    });
    Facts {
        room,
        members: member.into_iter().map(|m| (m.user, m)).collect(),
        sanctions: std::collections::HashMap::new(),
    }
}

fn sanction(
    kind: SanctionKind,
    user: UserId,
    room: Option<RoomId>,
    until: Option<Millis>,
) -> Sanction {
    Sanction {
        kind,
        user,
        room,
        until,
        reason: None,
        by: None,
        at: Millis(1),
    }
}

/// What each built-in role is for, said a second time and in another way than `Builtin::permissions`.
#[test]
fn every_builtin_role_and_permission() {
    use Permission as P;
    let rows: &[(P, [bool; 5])] = &[
        //                   guest auditor member moderator admin
        (P::MessageRead, [true, true, true, true, true]),
        (P::MessageSend, [false, false, true, true, true]),
        (P::MessageEdit, [false, false, true, true, true]),
        (P::MessageReact, [false, false, true, true, true]),
        (P::MessagePin, [false, false, true, true, true]),
        (P::MessageMentionRoom, [false, false, true, true, true]),
        (P::MessageReport, [true, true, true, true, true]),
        (P::MessageDeleteAny, [false, false, false, true, true]),
        (P::MessageRedact, [false, false, false, true, true]),
        (P::FileUpload, [false, false, true, true, true]),
        (P::RoomJoin, [true, true, true, true, true]),
        (P::RoomCreate, [false, false, true, true, true]),
        (P::RoomEdit, [false, false, true, true, true]),
        (P::RoomManage, [false, false, false, true, true]),
        (P::RoomOwn, [false, false, false, false, true]),
        (P::DmOpen, [false, false, true, true, true]),
        (P::UserRead, [false, true, false, true, true]),
        (P::UserMute, [false, false, false, true, true]),
        (P::UserBan, [false, false, false, true, true]),
        (P::UserManage, [false, false, false, false, true]),
        (P::ReportManage, [false, false, false, true, true]),
        (P::InviteManage, [false, false, false, false, true]),
        (P::RoleManage, [false, false, false, false, true]),
        (P::ServerManage, [false, false, false, false, true]),
        (P::ConnList, [false, false, false, true, true]),
        (P::ConnKick, [false, false, false, true, true]),
        (P::NoticeSend, [false, false, false, false, true]),
        (P::ArchiveRun, [false, false, false, false, true]),
        (P::HoldManage, [false, false, false, false, true]),
        (P::AuditRead, [false, true, false, false, true]),
    ];
    let named: Vec<_> = rows.iter().map(|(p, _)| *p).collect();
    assert_eq!(named, Permission::ALL, "a row for each permission");
    for (permission, expected) in rows {
        for (role, expected) in Builtin::ALL.iter().zip(expected) {
            let person = active(*role);
            let may = may(&who(&person), *permission).is_ok();
            assert_eq!(may, *expected, "{role} {permission}");
            // What a token is not good for, its bot may not do with it.
            let token = person.who(
                Permissions::ALL.without(Permissions::of(&[*permission])),
                NOW,
            );
            assert!(super::may(&token, *permission).is_err(), "{permission}");
        }
    }
}

#[test]
fn who_cannot_act_may_nothing() {
    for status in [Status::Disabled, Status::Erased, Status::Invited] {
        let person = person(Builtin::Admin, status);
        for permission in Permission::ALL {
            assert!(may(&who(&person), *permission).is_err(), "{status}");
        }
    }
    let mut banned = active(Builtin::Admin);
    let ban = |until| sanction(SanctionKind::Ban, banned.user.id, None, until);
    let (for_good, over) = (ban(None), ban(Some(NOW)));
    banned.sanctions = vec![for_good];
    assert!(matches!(
        may_act(&who(&banned)),
        Err(Refusal::Banned { .. })
    ));
    banned.sanctions = vec![over];
    assert_eq!(may_act(&who(&banned)), Ok(()), "it has run out");
}

#[test]
fn every_room_role_and_act() {
    use InRoom as I;
    let rows: &[(I, [bool; 4])] = &[
        //              viewer member moderator owner
        (I::Read, [true, true, true, true]),
        (I::Report, [true, true, true, true]),
        (I::Send, [false, true, true, true]),
        (I::Edit, [false, true, true, true]),
        (I::React, [false, true, true, true]),
        (I::MentionRoom, [false, false, true, true]),
        (I::Pin, [false, false, true, true]),
        (I::Describe, [false, false, true, true]),
        (I::Invite, [false, false, true, true]),
        (I::Moderate, [false, false, true, true]),
        (I::DeleteAny, [false, false, true, true]),
        (I::Lock, [false, false, true, true]),
        (I::Configure, [false, false, false, true]),
        (I::Own, [false, false, false, true]),
    ];
    let named: Vec<_> = rows.iter().map(|(i, _)| *i).collect();
    assert_eq!(named, InRoom::ALL, "a row for each act");
    for kind in [RoomKind::Public, RoomKind::Private] {
        for (what, expected) in rows {
            for (role, expected) in RoomRole::ALL.iter().zip(expected) {
                let member = active(Builtin::Member);
                let here = facts(kind, Some((&member, *role)));
                let may = may_in_room(&who(&member), &here, *what).is_ok();
                assert_eq!(may, *expected, "{role} {what:?} {kind}");
                // A role in the room is no use without the permission.
                let without = Permissions::ALL.without(Permissions::of(&[what.needs()]));
                let less = member.who(without, NOW);
                assert!(may_in_room(&less, &here, *what).is_err(), "{what:?}");
            }
            // Outside, only a public room can be managed, by those who may.
            for role in Builtin::ALL {
                let stranger = active(*role);
                let there = facts(kind, None);
                let may = may_in_room(&who(&stranger), &there, *what).is_ok();
                let managed = what.anywhere().is_some_and(|p| role.permissions().has(p));
                assert_eq!(may, kind == RoomKind::Public && managed, "{role} {what:?}");
            }
        }
    }
}

#[test]
fn rules_shift_what_a_role_may() {
    let member = active(Builtin::Member);
    let may = |here: &Facts, what| may_in_room(&who(&member), here, what).is_ok();
    let mut here = facts(RoomKind::Private, Some((&member, RoomRole::Member)));
    here.room.rules.invite = RoomRole::Member;
    here.room.rules.topic = RoomRole::Viewer;
    assert!(!may(&here, InRoom::Pin));
    here.room.rules.pin = RoomRole::Member;
    assert!(may(&here, InRoom::Pin));
    let direct = facts(RoomKind::Direct, Some((&member, RoomRole::Member)));
    assert!(may(&direct, InRoom::Pin), "each of its people");
    assert!(may(&here, InRoom::Invite) && may(&here, InRoom::Describe));
    assert!(may_grant(&who(&member), &here, RoomRole::Member).is_ok());
    assert!(may_grant(&who(&member), &here, RoomRole::Moderator).is_err());
    here.room.rules.post = RoomRole::Moderator;
    assert!(!may(&here, InRoom::Send), "a room for announcements");
    assert!(may(&here, InRoom::React), "that may be liked");
    here.room.rules.post = RoomRole::Viewer;
    here.room.rules.locked = true;
    let locked = may_in_room(&who(&member), &here, InRoom::Send).unwrap_err();
    assert!(locked.to_string().contains("locked"), "{locked}");
    let locked = may_in_room(&who(&member), &here, InRoom::React).unwrap_err();
    assert!(locked.to_string().contains("locked"), "{locked}");
    let moderator = active(Builtin::Member);
    let mut theirs = facts(RoomKind::Private, Some((&moderator, RoomRole::Moderator)));
    theirs.room.rules.locked = true;
    assert!(may_in_room(&who(&moderator), &theirs, InRoom::Send).is_ok());
}

#[test]
fn sanctions_subtract() {
    let member = active(Builtin::Member);
    let mut here = facts(RoomKind::Public, Some((&member, RoomRole::Member)));
    let (id, room) = (member.user.id, here.room.id);
    let mute = |until| sanction(SanctionKind::Mute, id, Some(room), until);
    here.sanctions
        .insert((id, SanctionKind::Mute), mute(Some(Millis(NOW.0 + 1))));
    let refused = may_in_room(&who(&member), &here, InRoom::Send).unwrap_err();
    assert_eq!(refused.code(), "muted");
    let refused = may_in_room(&who(&member), &here, InRoom::Pin).unwrap_err();
    assert_eq!(refused.code(), "muted");
    assert!(may_in_room(&who(&member), &here, InRoom::Read).is_ok());
    here.sanctions
        .insert((id, SanctionKind::Mute), mute(Some(NOW)));
    assert!(
        may_in_room(&who(&member), &here, InRoom::Send).is_ok(),
        "run out"
    );
    let mut manager = active(Builtin::Moderator);
    assert!(may_in_room(&who(&manager), &here, InRoom::Pin).is_ok());
    manager.sanctions = vec![sanction(SanctionKind::Mute, manager.user.id, None, None)];
    let refused = may_in_room(&who(&manager), &here, InRoom::Pin).unwrap_err();
    assert_eq!(refused.code(), "muted", "whatever they are");
    let mut muted = member.clone();
    muted.sanctions = vec![sanction(SanctionKind::Mute, id, None, None)];
    let refused = may_in_room(&who(&muted), &here, InRoom::Send).unwrap_err();
    assert_eq!(refused.code(), "muted");
    here.members.clear();
    here.sanctions.insert(
        (id, SanctionKind::Ban),
        sanction(SanctionKind::Ban, id, Some(room), None),
    );
    let refused = may_in_room(&who(&member), &here, InRoom::Read).unwrap_err();
    assert_eq!(refused.code(), "banned");
}

#[test]
fn a_token_goes_out_of_rooms_only_if_it_comes_in() {
    let bot = active(Builtin::Member);
    let token = |scopes: &[Permission]| may_leave(&bot.who(Permissions::of(scopes), NOW));
    assert!(token(&[Permission::MessageRead]).is_err());
    assert!(token(&[Permission::RoomJoin]).is_ok());
    let mut nobody = active(Builtin::Guest);
    nobody.permissions = Permissions::NONE;
    assert!(may_leave(&who(&nobody)).is_ok(), "whoever is in can go");
}

#[test]
fn a_private_room_does_not_exist_for_strangers_whatever_their_role() {
    for role in Builtin::ALL {
        let person = active(*role);
        let closed = facts(RoomKind::Private, None);
        for what in InRoom::ALL {
            let answer = may_in_room(&who(&person), &closed, *what);
            assert_eq!(answer, Err(Refusal::NotFound("room")), "{role}");
        }
        let open = facts(RoomKind::Public, None);
        assert!(matches!(
            may_in_room(&who(&person), &open, InRoom::Read),
            Err(Refusal::Forbidden(_))
        ));
    }
}

#[test]
fn roles_are_granted_only_below_ones_own() {
    let person = active(Builtin::Member);
    let moderator = facts(RoomKind::Private, Some((&person, RoomRole::Moderator)));
    assert!(may_grant(&who(&person), &moderator, RoomRole::Member).is_ok());
    assert!(may_grant(&who(&person), &moderator, RoomRole::Moderator).is_err());
    let owner = facts(RoomKind::Private, Some((&person, RoomRole::Owner)));
    assert!(may_grant(&who(&person), &owner, RoomRole::Moderator).is_ok());
    assert!(matches!(
        may_grant(&who(&person), &owner, RoomRole::Owner),
        Err(Refusal::Conflict(_))
    ));
}

#[test]
fn one_decides_only_about_those_who_may_less() {
    let every = Builtin::ALL
        .iter()
        .map(|role| active(*role))
        .collect::<Vec<_>>();
    for asker in &every {
        for other in &every {
            let (may_less, same) = (
                other.permissions.is_within(asker.permissions),
                other.permissions == asker.permissions,
            );
            for (kind, needed) in [
                (SanctionKind::Mute, Permission::UserMute),
                (SanctionKind::Ban, Permission::UserBan),
            ] {
                let expected = asker.permissions.has(needed) && may_less && !same;
                let may = may_sanction(&who(asker), other, kind).is_ok();
                assert_eq!(
                    may, expected,
                    "{} {kind} {}",
                    asker.user.role, other.user.role
                );
            }
            let expected = asker.permissions.has(Permission::UserManage) && may_less;
            assert_eq!(may_manage(&who(asker), other).is_ok(), expected);
        }
    }
    let moderator = active(Builtin::Moderator);
    assert!(may_give(&who(&moderator), Builtin::Admin.permissions()).is_err());
    assert!(may_give(&who(&moderator), Builtin::Member.permissions()).is_ok());
}

#[test]
fn the_owner_is_beyond_moderators() {
    let moderator = active(Builtin::Member);
    let owner = active(Builtin::Member);
    let mut here = facts(RoomKind::Private, Some((&moderator, RoomRole::Moderator)));
    let mut add = |person: &Person, role| {
        let member = Member {
            room: here.room.id,
            user: person.user.id,
            role,
            since: 1,
            at: Millis(1),
            read: crate::model::Marker::default(),
        };
        here.members.insert(member.user, member);
    };
    let (equal, member) = (active(Builtin::Member), active(Builtin::Member));
    add(&owner, RoomRole::Owner);
    add(&equal, RoomRole::Moderator);
    add(&member, RoomRole::Member);
    let may = |other: &Person| may_moderate(&who(&moderator), &here, other.user.id);
    assert!(matches!(may(&owner), Err(Refusal::Forbidden(_))));
    assert!(matches!(may(&equal), Err(Refusal::Forbidden(_))));
    assert!(may(&member).is_ok());
    assert!(
        may(&active(Builtin::Member)).is_ok(),
        "somebody who is not in"
    );
}

#[test]
fn ones_own_message_and_anothers() {
    let other = Some(UserId::new(Millis(1)));
    for (role, own, anothers) in [
        (RoomRole::Viewer, false, false),
        (RoomRole::Member, true, false),
        (RoomRole::Moderator, true, true),
        (RoomRole::Owner, true, true),
    ] {
        for kind in [RoomKind::Public, RoomKind::Private] {
            let ana = active(Builtin::Member);
            let mut facts = facts(kind, Some((&ana, role)));
            let me = Some(ana.user.id);
            assert_eq!(may_delete(&who(&ana), &facts, me).is_ok(), own, "{role}");
            assert_eq!(may_delete(&who(&ana), &facts, other).is_ok(), anothers);
            // An operator's is nobody's own.
            assert_eq!(may_delete(&who(&ana), &facts, None).is_ok(), anothers);
            // Whoever may not write does not take back either, but for those who moderate.
            let mute = sanction(SanctionKind::Mute, ana.user.id, None, None);
            let key = (ana.user.id, SanctionKind::Mute);
            facts.sanctions.insert(key, mute);
            assert_eq!(may_delete(&who(&ana), &facts, me).is_ok(), anothers);
        }
    }
    for (role, may) in [
        (Builtin::Member, false),
        (Builtin::Moderator, true),
        (Builtin::Admin, true),
    ] {
        let mira = active(role);
        let public = facts(RoomKind::Public, None);
        assert_eq!(may_delete(&who(&mira), &public, other).is_ok(), may);
        assert_eq!(
            may_delete(&who(&mira), &public, Some(mira.user.id)).is_ok(),
            may
        );
        let closed = facts(RoomKind::Private, None);
        let hidden = may_delete(&who(&mira), &closed, other);
        assert_eq!(hidden, Err(Refusal::NotFound("room")));
    }
    let guest = active(Builtin::Guest);
    let facts = facts(RoomKind::Public, Some((&guest, RoomRole::Owner)));
    assert!(may_delete(&who(&guest), &facts, Some(guest.user.id)).is_err());
}
