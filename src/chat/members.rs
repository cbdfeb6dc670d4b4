//! Who is in a room: joining, leaving, adding, removing, roles, passing it on.

use serde_json::json;

use super::{Chat, Listed, rooms::RoomView};
use crate::{
    auth::OneTimeCode,
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::{Draft, Error, LiveRoom, refuse},
    model::{
        Authority, Caller, Code, CodeKind, DisplayName, Facts, Member, Payload, Permission,
        Permissions, Person, Reason, Refusal, RoomKind, RoomRole, SanctionKind, Username, Who,
    },
    rights::{self, InRoom},
    store::Write,
};

fn wrong_code() -> Refusal {
    Refusal::Forbidden("this code is not valid, was used up, or is too old".into())
}

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
        self.come_in(caller, id, None).await
    }

    /// Comes into the room that a code is for, whatever kind of room it is; being in already is fine, and
    /// leaves the code as it is.
    pub async fn join_with_code(&self, caller: &Caller, code: &str) -> Result<RoomView, Refusal> {
        self.limits.check_login(caller.address)?;
        let hash = code
            .parse::<OneTimeCode>()
            .map_err(|_| wrong_code())?
            .hash();
        let found = self.store.code(&hash).await.map_err(|e| refuse(&e))?;
        let good = |c: &Code| c.kind == CodeKind::Room && self.clock.now() < c.expires_at;
        let code = found.filter(good).ok_or_else(wrong_code)?;
        let room = code.room.ok_or_else(wrong_code)?;
        match self.come_in(caller, room, Some(&code)).await {
            // A deleted room's code is no good, and so is one that somebody used up at the same time.
            Err(Refusal::NotFound("room")) => Err(wrong_code()),
            done => done,
        }
    }

    async fn come_in(
        &self,
        caller: &Caller,
        id: RoomId,
        code: Option<&Code>,
    ) -> Result<RoomView, Refusal> {
        self.user(caller.user).await?;
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        if code.is_none() {
            rights::may_see(caller.user, &room.facts())?;
        }
        if !room.facts().members.contains_key(&caller.user) {
            self.check_room_count(caller.user).await?;
        }
        let (by, me, most) = (Authority::from(caller), caller.user, self.most_members());
        let mut touches = vec![id.into(), me.into()];
        let maker = code.and_then(|code| code.by);
        let code = code.map(|code| code.hash);
        if code.is_some() {
            touches.push(LogId::Control);
            touches.extend(maker.map(LogId::from));
        }
        let done = self.log.append(&touches, None, move |draft| {
            let room = draft.room(id)?;
            let mut role = RoomRole::Viewer;
            let name = {
                let facts = room.facts();
                if facts.members.contains_key(&me) {
                    return Ok(());
                }
                if facts.room.deleted_at.is_some()
                    || (code.is_none() && facts.room.kind == RoomKind::Private)
                {
                    return Err(Refusal::NotFound("room"));
                }
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::RoomJoin)?;
                    rights::not_banned(who, &facts)?;
                    if who.permissions.has(Permission::MessageSend) {
                        role = RoomRole::Member;
                    }
                    Ok(())
                })?;
                if let Some(maker) = maker {
                    // A code is good for as long as whoever made it might add somebody themselves.
                    let maker = draft.user(maker)?;
                    let may = |who: &Who<'_>| rights::may_grant(who, &facts, RoomRole::Member);
                    let may = maker.with(|person| may(&person.who(Permissions::ALL, draft.now())));
                    may.map_err(|_| wrong_code())?;
                }
                check_size(&facts, most)?;
                facts.room.name.clone()
            };
            enter(draft, id, me, Some(me), role, name);
            if let Some(hash) = code {
                let detail = json!({"user": me, "after": role});
                draft.act("room.join", &by.actor(), Some(id.to_string()), detail, &[]);
                draft.write(Write::TakeCode(hash));
            }
            Ok(())
        });
        match done.await {
            // The code was used up between the look and this turn.
            Err(Error::Stale) => return Err(Refusal::NotFound("room")),
            done => done?,
        };
        self.room(caller, id).await
    }

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
            let room = draft.room(id)?;
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
                    check_size(&facts, most)?;
                    may_be_added(draft, &facts, user)?;
                    drop(facts);
                    enter(draft, id, user, by.user(), role, name);
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
            let room = draft.room(id)?;
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
            let room = draft.room(id)?;
            {
                let facts = room.facts();
                draft.authorise(&by, |who| {
                    rights::may_in_room(who, &facts, InRoom::Own).map(drop)
                })?;
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

/// Whether somebody can be put into a room: their account can be used, and they are not banned from it.
fn may_be_added(draft: &Draft<'_>, facts: &Facts, user: UserId) -> Result<(), Refusal> {
    let now = draft.now();
    let ban = facts.sanction(user, SanctionKind::Ban, now).is_some();
    let able = draft
        .user(user)?
        .with(|p| rights::may_act(&p.who(Permissions::ALL, now)));
    if ban || matches!(able, Err(Refusal::Banned { .. })) {
        let what = "this person is banned; lift the ban first";
        return Err(Refusal::Conflict(what.into()));
    }
    able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))
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
    by: Option<UserId>,
    role: RoomRole,
    name: crate::model::RoomName,
) {
    let at = draft.now();
    let came = Payload::Membership {
        user,
        role: Some(role),
    };
    let since = draft.entry(room.into(), by, came);
    draft.entry(
        user.into(),
        by,
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
