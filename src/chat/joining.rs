//! Coming into a room: by oneself, by a code, or by being added.

use serde_json::json;

use super::{Chat, rooms::RoomView};
use crate::{
    auth::OneTimeCode,
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::{Draft, Error, refuse},
    model::{
        Authority, Caller, Code, CodeKind, Facts, Marker, Member, Payload, Permission, Permissions,
        Person, Refusal, RoomKind, RoomName, RoomRole, SanctionKind, Who,
    },
    rights,
    store::Write,
};

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
            let room = draft.open_room(id)?;
            let mut role = RoomRole::Viewer;
            let name = {
                let facts = room.facts();
                if facts.members.contains_key(&me) {
                    return Ok(());
                }
                if code.is_none() && facts.room.kind != RoomKind::Public {
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
            let came = Came {
                room: id,
                user: me,
                role,
                name,
                people: Vec::new(),
            };
            enter(draft, Some(me), came);
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
}

/// Whether somebody can be put into a room: their account can be used, and they are not banned from it.
pub(super) fn may_be_added(draft: &Draft<'_>, facts: &Facts, user: UserId) -> Result<(), Refusal> {
    may_come(&draft.user(user)?.person(), facts, draft.now())
}

/// The same, as they are in `person`.
pub(super) fn may_come(person: &Person, facts: &Facts, now: Millis) -> Result<(), Refusal> {
    let user = person.user.id;
    let ban = facts.sanction(user, SanctionKind::Ban, now).is_some();
    let able = rights::may_act(&person.who(Permissions::ALL, now));
    if ban || matches!(able, Err(Refusal::Banned { .. })) {
        let what = "this person is banned; lift the ban first";
        return Err(Refusal::Conflict(what.into()));
    }
    able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))
}

/// Refuses one more than a room may have.
pub(super) fn check_size(facts: &Facts, most: usize) -> Result<(), Refusal> {
    if facts.members.len() >= most {
        return Err(Refusal::Conflict(format!(
            "this room is full: it has {most} members"
        )));
    }
    Ok(())
}

/// Somebody comes into a room.
pub(super) struct Came {
    pub(super) room: RoomId,
    pub(super) user: UserId,
    pub(super) role: RoomRole,
    /// The room's name.
    pub(super) name: RoomName,
    /// Whose direct conversation it is, if it is one.
    pub(super) people: Vec<UserId>,
}

/// Puts somebody in.
pub(super) fn enter(draft: &mut Draft<'_>, by: Option<UserId>, came: Came) {
    let Came {
        room,
        user,
        role,
        name,
        people,
    } = came;
    let at = draft.now();
    let came = Payload::Membership {
        user,
        role: Some(role),
    };
    let since = draft.entry(room.into(), by, came);
    let n = draft.position(room.into()).n;
    let read = Marker { seq: since, n };
    draft.entry(
        user.into(),
        by,
        Payload::Added {
            target: room,
            name,
            role,
            people,
        },
    );
    draft.write(Write::PutMember(Member {
        room,
        user,
        role,
        since,
        at,
        // What was said before they came is not new to them.
        read,
    }));
}

fn wrong_code() -> Refusal {
    Refusal::Forbidden("this code is not valid, was used up, or is too old".into())
}
