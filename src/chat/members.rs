//! Who is in a room: leaving, adding, removing, roles, passing it on.

use serde_json::json;

use super::{
    Chat, Listed,
    joining::{Came, check_size, enter, may_be_added},
};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
    log::{Draft, LiveRoom, refuse},
    model::{
        Authority, Caller, DisplayName, Member, Payload, Permissions, Person, Reason, Refusal,
        RoomRole, Username,
    },
    rights::{self, InRoom},
    store::Write,
};

/// A member as others in the room see them.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// Who.
    pub user: UserId,
    /// Their name.
    pub name: Username,
    /// How they want to be called.
    pub display_name: Option<DisplayName>,
    /// What they may do here.
    pub role: RoomRole,
    /// The `seq` by which they came in.
    pub since: u64,
    /// When that was.
    pub at: Millis,
}

impl Chat {
    /// Leaves a room. Its owner passes it on or deletes it first.
    pub async fn leave(&self, caller: &Caller, id: RoomId) -> Result<(), Refusal> {
        self.seen(caller, id).await?;
        let (by, me) = (Authority::from(caller), caller.user);
        let done = self
            .log
            .append(&[id.into(), me.into()], None, move |draft| {
                let room = draft.room(id)?;
                {
                    let facts = room.facts();
                    rights::may_see(me, &facts)?;
                    draft.authorise(&by, rights::may_leave)?;
                    match facts.members.get(&me) {
                        None => return Ok(()),
                        Some(m) if m.role == RoomRole::Owner => {
                            let what = "you own this room: pass it on with transfer, or delete it";
                            return Err(Refusal::Conflict(what.into()));
                        }
                        Some(_) => {}
                    }
                }
                exit(draft, id, me, Some(me), "left");
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// Who is in a room, by name.
    pub async fn members(
        &self,
        caller: &Caller,
        id: RoomId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<MemberView>, Refusal> {
        let read = |person: &Person, room: &LiveRoom| {
            let who = person.who(caller.scopes, self.clock.now());
            rights::may_in_room(&who, &room.facts(), InRoom::Read).map(drop)
        };
        let (room, person) = self.seen(caller, id).await?;
        read(&person, &room)?;
        let after = after.map(Username::parse).transpose();
        let after =
            after.map_err(|_| Refusal::field("cursor", "use the `next` of the page before"))?;
        let rows = self.store.list_members(id, after.as_ref(), limit + 1).await;
        let mut items: Vec<_> = rows
            .map_err(|e| refuse(&e))?
            .into_iter()
            .map(|(m, u)| MemberView {
                user: u.id,
                name: u.name,
                display_name: u.display_name,
                role: m.role,
                since: m.since,
                at: m.at,
            })
            .collect();
        // Whoever was taken out meanwhile does not get to see it.
        let (room, person) = self.seen(caller, id).await?;
        read(&person, &room)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|m| m.name.to_string());
        Ok(Listed { items, next })
    }

    /// Adds somebody to a room, or gives a member another role.
    pub async fn put_member(
        &self,
        by: &Authority,
        id: RoomId,
        user: UserId,
        role: Option<RoomRole>,
        may_add: bool,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let known = self.seen_by(by, id).await?;
        self.user(user).await?;
        if !known.facts().members.contains_key(&user) {
            self.check_room_count(user).await?;
        }
        let touches = by.touching(&[id.into(), user.into()]);
        let (by, most) = (by.clone(), self.most_members());
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            let facts = room.facts();
            let now = facts.members.get(&user).copied();
            let name = facts.room.name.clone();
            let role = role.or(now.map(|m| m.role)).unwrap_or(RoomRole::Member);
            if now.is_some_and(|m| m.role == role) {
                return draft.authorise(&by, |who| {
                    rights::may_in_room(who, &facts, InRoom::Read).map(drop)
                });
            }
            if role == RoomRole::Owner && by.user().is_none() {
                let what = "a room has one owner; pass it on with transfer";
                return Err(Refusal::Conflict(what.into()));
            }
            draft.authorise(&by, |who| rights::may_grant(who, &facts, role))?;
            let detail = json!({"user": user, "before": now.map(|m| m.role), "after": role});
            match now {
                Some(m) => {
                    rights::not_direct(&facts, "has plain members only")?;
                    if m.role == RoomRole::Owner {
                        let what = "the owner stays the owner; pass the room on with transfer";
                        return Err(Refusal::Conflict(what.into()));
                    }
                    draft.authorise(&by, |who| {
                        rights::may_in_room(who, &facts, InRoom::Configure).map(drop)
                    })?;
                    drop(facts);
                    let changed = Payload::Membership {
                        user,
                        role: Some(role),
                    };
                    draft.entry(id.into(), by.user(), changed);
                    draft.write(Write::PutMember(Member { role, ..m }));
                }
                None if !may_add => return Err(Refusal::NotFound("member")),
                None => {
                    rights::not_direct(&facts, "is always of the same people; open another")?;
                    check_size(&facts, most)?;
                    may_be_added(draft, &facts, user)?;
                    drop(facts);
                    let came = Came {
                        room: id,
                        user,
                        role,
                        name,
                        people: Vec::new(),
                    };
                    enter(draft, by.user(), came);
                }
            }
            draft.act(
                "room.member",
                &by.actor(),
                Some(id.to_string()),
                detail,
                &[],
            );
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Takes somebody out of a room.
    pub async fn remove_member(
        &self,
        by: &Authority,
        id: RoomId,
        user: UserId,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        if let Authority::Caller(caller) = by
            && user == caller.user
        {
            return self.leave(caller, id).await;
        }
        self.seen_by(by, id).await?;
        let touches = by.touching(&[id.into(), user.into()]);
        let by = by.clone();
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            let before = {
                let facts = room.facts();
                draft.authorise(&by, |who| rights::may_moderate(who, &facts, user))?;
                let member = facts.members.get(&user);
                member.ok_or(Refusal::NotFound("member"))?.role
            };
            if before == RoomRole::Owner {
                let what = "this is the room's owner; pass the room on first, with transfer";
                return Err(Refusal::Conflict(what.into()));
            }
            exit(draft, id, user, by.user(), "removed");
            let detail = json!({"user": user, "before": before, "after": null, "reason": reason});
            draft.act(
                "room.member",
                &by.actor(),
                Some(id.to_string()),
                detail,
                &[],
            );
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Passes a room on to another member; who owned it stays as its moderator.
    pub async fn transfer(
        &self,
        by: &Authority,
        id: RoomId,
        to: UserId,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        self.seen_by(by, id).await?;
        let touches = by.touching(&[id.into(), to.into()]);
        let by = by.clone();
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            {
                let facts = room.facts();
                draft.authorise(&by, |who| {
                    rights::may_in_room(who, &facts, InRoom::Own).map(drop)
                })?;
                rights::not_direct(&facts, "nobody owns")?;
            }
            let now = draft.now();
            let able = draft
                .user(to)?
                .with(|p| rights::may_act(&p.who(Permissions::ALL, now)));
            able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))?;
            let (previous, heir) = {
                let facts = room.facts();
                (facts.room.owner, facts.members.get(&to).copied())
            };
            if previous == to {
                return Ok(());
            }
            let heir =
                heir.ok_or_else(|| Refusal::Conflict("only a member can become owner".into()))?;
            hand_over(draft, &room, heir, by.user());
            let detail = json!({"before": previous, "after": to});
            draft.act(
                "room.transfer",
                &by.actor(),
                Some(id.to_string()),
                detail,
                &[],
            );
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

/// Makes another member the owner; who was it becomes a moderator.
pub(super) fn hand_over(draft: &mut Draft<'_>, room: &LiveRoom, heir: Member, by: Option<UserId>) {
    let (after, old) = {
        let facts = room.facts();
        let mut after = facts.room.clone();
        after.owner = heir.user;
        (after, facts.members.get(&facts.room.owner).copied())
    };
    let previous = room.facts().room.owner;
    if let Some(old) = old {
        draft.write(Write::PutMember(Member {
            role: RoomRole::Moderator,
            ..old
        }));
    }
    draft.write(Write::PutMember(Member {
        role: RoomRole::Owner,
        ..heir
    }));
    let id = after.id;
    draft.write(Write::UpdateRoom(after));
    let owner = heir.user;
    draft.entry(id.into(), by, Payload::Owner { owner, previous });
}

/// Takes somebody out; `why` is what their own log says.
pub(super) fn exit(
    draft: &mut Draft<'_>,
    room: RoomId,
    user: UserId,
    by: Option<UserId>,
    why: &str,
) {
    draft.entry(room.into(), by, Payload::Membership { user, role: None });
    let why = why.to_owned();
    draft.entry(user.into(), by, Payload::Removed { target: room, why });
    draft.write(Write::DeleteMember(room, user));
}
