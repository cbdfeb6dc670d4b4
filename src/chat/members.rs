//! Who is in a room: joining, leaving, adding, removing, roles, passing it on.

use serde_json::json;

use super::{Chat, Listed, rooms::RoomView};
use crate::{
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::{Draft, refuse},
    model::{
        Caller, DisplayName, Facts, Member, Payload, Refusal, Role, RoomKind, RoomRole, Username,
    },
    rights::{self, InRoom, Permission},
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
    /// Comes into a public room; being in already is fine.
    pub async fn join(&self, caller: &Caller, id: RoomId) -> Result<RoomView, Refusal> {
        let (room, _) = self.seen(caller, id).await?;
        if !room.facts().members.contains_key(&caller.user) {
            self.check_room_count(caller.user).await?;
        }
        let (me, most) = (caller.user, self.most_members());
        let done = self
            .log
            .append(&[id.into(), me.into()], None, move |draft| {
                let (room, user) = (draft.room(id)?, draft.user(me)?);
                let (name, role) = {
                    let facts = room.facts();
                    rights::may_see(me, &facts)?;
                    user.with(|u| rights::may(u, Permission::RoomJoin))?;
                    if facts.members.contains_key(&me) {
                        return Ok(());
                    }
                    if facts.room.kind == RoomKind::Private {
                        return Err(Refusal::NotFound("room"));
                    }
                    check_size(&facts, most)?;
                    let talks = user.with(|u| u.role >= Role::Member);
                    let role = if talks {
                        RoomRole::Member
                    } else {
                        RoomRole::Viewer
                    };
                    (facts.room.name.clone(), role)
                };
                enter(draft, id, me, me, role, name);
                Ok(())
            });
        done.await?;
        self.room(caller, id).await
    }

    /// Leaves a room. Its owner passes it on or deletes it first.
    pub async fn leave(&self, caller: &Caller, id: RoomId) -> Result<(), Refusal> {
        self.seen(caller, id).await?;
        let me = caller.user;
        let done = self
            .log
            .append(&[id.into(), me.into()], None, move |draft| {
                let room = draft.room(id)?;
                {
                    let facts = room.facts();
                    rights::may_see(me, &facts)?;
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
        let (room, user) = self.seen(caller, id).await?;
        rights::may_in_room(&user, &room.facts(), InRoom::Read)?;
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
        rights::may_in_room(&user, &room.facts(), InRoom::Read)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|m| m.name.to_string());
        Ok(Listed { items, next })
    }

    /// Adds somebody to a room, or gives a member another role.
    pub async fn put_member(
        &self,
        caller: &Caller,
        id: RoomId,
        user: UserId,
        role: Option<RoomRole>,
        may_add: bool,
    ) -> Result<(), Refusal> {
        self.seen(caller, id).await?;
        self.user(user).await?;
        let known = self.log.room(id).await?;
        if known.is_some_and(|r| !r.facts().members.contains_key(&user)) {
            self.check_room_count(user).await?;
        }
        let (actor, me, most) = (caller.actor(), caller.user, self.most_members());
        let touches = [id.into(), me.into(), user.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let (room, asker) = (draft.room(id)?, draft.user(me)?.user());
            let facts = room.facts();
            let now = facts.members.get(&user).copied();
            let name = facts.room.name.clone();
            let role = role.or(now.map(|m| m.role)).unwrap_or(RoomRole::Member);
            if now.is_some_and(|m| m.role == role) {
                rights::may_in_room(&asker, &facts, InRoom::Read)?;
                return Ok(());
            }
            rights::may_grant(&asker, &facts, role)?;
            let detail = json!({"user": user, "before": now.map(|m| m.role), "after": role});
            match now {
                Some(m) => {
                    if m.role == RoomRole::Owner {
                        let what = "the owner stays the owner; pass the room on with transfer";
                        return Err(Refusal::Conflict(what.into()));
                    }
                    rights::may_in_room(&asker, &facts, InRoom::Configure)?;
                    drop(facts);
                    let changed = Payload::Membership {
                        user,
                        role: Some(role),
                    };
                    draft.entry(id.into(), Some(me), changed);
                    draft.write(Write::PutMember(Member { role, ..m }));
                }
                None if !may_add => return Err(Refusal::NotFound("member")),
                None => {
                    check_size(&facts, most)?;
                    drop(facts);
                    draft.user(user)?.with(rights::may_act)?;
                    enter(draft, id, user, me, role, name);
                }
            }
            draft.act("room.member", &actor, Some(id.to_string()), detail, &[]);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Takes somebody out of a room.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        id: RoomId,
        user: UserId,
    ) -> Result<(), Refusal> {
        if user == caller.user {
            return self.leave(caller, id).await;
        }
        self.seen(caller, id).await?;
        let (actor, me) = (caller.actor(), caller.user);
        let touches = [id.into(), me.into(), user.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let (room, asker) = (draft.room(id)?, draft.user(me)?.user());
            {
                let facts = room.facts();
                rights::may_in_room(&asker, &facts, InRoom::Invite)?;
                let member = facts
                    .members
                    .get(&user)
                    .ok_or(Refusal::NotFound("member"))?;
                rights::may_grant(&asker, &facts, member.role)?;
            }
            exit(draft, id, user, Some(me), "removed");
            let detail = json!({"user": user, "after": null});
            draft.act("room.member", &actor, Some(id.to_string()), detail, &[]);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Passes a room on to another member; who owned it stays as its moderator.
    pub async fn transfer(&self, caller: &Caller, id: RoomId, to: UserId) -> Result<(), Refusal> {
        self.seen(caller, id).await?;
        let (actor, me) = (caller.actor(), caller.user);
        let touches = [id.into(), me.into(), to.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let (room, asker) = (draft.room(id)?, draft.user(me)?.user());
            let facts = room.facts();
            rights::may_in_room(&asker, &facts, InRoom::Own)?;
            let able = draft.user(to)?.with(rights::may_act);
            able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))?;
            let previous = facts.room.owner;
            if previous == to {
                return Ok(());
            }
            let heir = facts.members.get(&to).copied();
            let heir =
                heir.ok_or_else(|| Refusal::Conflict("only a member can become owner".into()))?;
            if let Some(old) = facts.members.get(&previous) {
                draft.write(Write::PutMember(Member {
                    role: RoomRole::Moderator,
                    ..*old
                }));
            }
            draft.write(Write::PutMember(Member {
                role: RoomRole::Owner,
                ..heir
            }));
            let mut after = facts.room.clone();
            after.owner = to;
            draft.write(Write::UpdateRoom(after));
            draft.entry(
                id.into(),
                Some(me),
                Payload::Owner {
                    owner: to,
                    previous,
                },
            );
            let detail = json!({"before": previous, "after": to});
            draft.act("room.transfer", &actor, Some(id.to_string()), detail, &[]);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

fn check_size(facts: &Facts, most: usize) -> Result<(), Refusal> {
    if facts.members.len() >= most {
        return Err(Refusal::Conflict(format!(
            "this room is full: it has {most} members"
        )));
    }
    Ok(())
}

fn enter(
    draft: &mut Draft<'_>,
    room: RoomId,
    user: UserId,
    by: UserId,
    role: RoomRole,
    name: crate::model::RoomName,
) {
    let at = draft.now();
    let came = Payload::Membership {
        user,
        role: Some(role),
    };
    let since = draft.entry(room.into(), Some(by), came);
    draft.entry(
        user.into(),
        Some(by),
        Payload::Added {
            target: room,
            name,
            role,
        },
    );
    draft.write(Write::PutMember(Member {
        room,
        user,
        role,
        since,
        at,
    }));
}

fn exit(draft: &mut Draft<'_>, room: RoomId, user: UserId, by: Option<UserId>, why: &str) {
    draft.entry(room.into(), by, Payload::Membership { user, role: None });
    let why = why.to_owned();
    draft.entry(user.into(), by, Payload::Removed { target: room, why });
    draft.write(Write::DeleteMember(room, user));
}
