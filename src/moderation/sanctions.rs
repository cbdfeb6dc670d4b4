//! Muting and banning.

use std::time::Duration;

use serde_json::json;

use super::Moderation;
use crate::{
    id::{LogId, RoomId, UserId},
    log::{Draft, refuse},
    model::{
        Authority, Builtin, Payload, Permission, Reason, Refusal, RoomRole, Sanction, SanctionKind,
        Who,
    },
    rights::{self, InRoom},
    store::Write,
};

/// A sanction to be imposed.
#[derive(Clone, Debug)]
pub struct NewSanction {
    /// What it takes away.
    pub kind: SanctionKind,
    /// From whom.
    pub user: UserId,
    /// Where; none for everywhere.
    pub room: Option<RoomId>,
    /// For how long; for good when none.
    pub lifetime: Option<Duration>,
    /// Why; the person is told.
    pub reason: Option<Reason>,
}

/// The word for it in the control log.
const fn act_of(kind: SanctionKind, room: bool, imposed: bool) -> &'static str {
    match (kind, room, imposed) {
        (SanctionKind::Mute, false, true) => "user.mute",
        (SanctionKind::Mute, false, false) => "user.unmute",
        (SanctionKind::Ban, false, true) => "user.ban",
        (SanctionKind::Ban, false, false) => "user.unban",
        (SanctionKind::Mute, true, true) => "room.mute",
        (SanctionKind::Mute, true, false) => "room.unmute",
        (SanctionKind::Ban, true, true) => "room.ban",
        (SanctionKind::Ban, true, false) => "room.unban",
    }
}

impl Moderation {
    /// Mutes or bans somebody, in a room or everywhere, in place of an earlier sanction of the kind. It
    /// holds from its place in the log on: a ban from a room takes them out of it, a ban from the server
    /// ends their sessions and closes their sockets.
    pub async fn impose(
        &self,
        by: &Authority,
        new: NewSanction,
        dry_run: bool,
    ) -> Result<Sanction, Refusal> {
        let place = LogId::from(new.user);
        let mut logs = vec![place];
        match new.room {
            Some(room) => {
                self.check_in_room(by, room, InRoom::Moderate).await?;
                logs.push(room.into());
            }
            None => self.check_permission(by, permission(new.kind)).await?,
        }
        let live = self.log.user(new.user).await?;
        let live = live.ok_or(Refusal::NotFound("user"))?;
        let _one_at_a_time = self.admins.lock().await;
        if new.room.is_none() {
            // Before anything else is said of them.
            // A copy: the asker may be the same, and one does not look at somebody while looking at them.
            let other = live.person();
            let may = |who: &Who<'_>| rights::may_sanction(who, &other, new.kind);
            self.check(by, may).await?;
        }
        let at = self.clock.now();
        let is_admin = live.with(|p| p.user.role == Builtin::Admin && p.can_log_in(at));
        if new.room.is_none() && new.kind == SanctionKind::Ban && is_admin {
            self.log.keep_an_admin(new.user, at).await?;
        }
        let sanction = Sanction {
            kind: new.kind,
            user: new.user,
            room: new.room,
            until: new.lifetime.map(|l| at.plus(l)),
            reason: new.reason,
            by: by.user(),
            at,
        };
        let (touches, by, made) = (by.touching(&logs), by.clone(), sanction.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                may_decide(draft, &by, made.kind, made.user, made.room)?;
                let detail = json!({
                    "user": made.user, "until": made.until, "reason": made.reason,
                });
                let target = made
                    .room
                    .map_or_else(|| made.user.to_string(), |r| r.to_string());
                let act = act_of(made.kind, made.room.is_some(), true);
                draft.act(act, &by.actor(), Some(target), detail, &[]);
                tell(draft, &by, &made, true);
                draft.write(Write::PutSanction(made.clone()));
                if made.kind == SanctionKind::Ban {
                    take_out(draft, &by, &made)?;
                }
                Ok(())
            });
        done.await?;
        Ok(sanction)
    }

    /// Lifts a sanction that holds.
    pub async fn lift(
        &self,
        by: &Authority,
        kind: SanctionKind,
        user: UserId,
        room: Option<RoomId>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let mut logs = vec![LogId::from(user)];
        if let Some(room) = room {
            self.check_in_room(by, room, InRoom::Moderate).await?;
            logs.push(room.into());
        } else {
            self.check_permission(by, permission(kind)).await?;
        }
        let (touches, by) = (by.touching(&logs), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                may_decide(draft, &by, kind, user, room)?;
                let now = draft.now();
                let holding = match room {
                    Some(room) => {
                        let room = draft.room(room)?;
                        let facts = room.facts();
                        facts.sanction(user, kind, now).cloned()
                    }
                    None => draft.user(user)?.with(|p| p.sanction(kind, now).cloned()),
                };
                let holding = holding.ok_or(Refusal::NotFound(kind.as_str()))?;
                let detail = json!({"user": user, "before": holding.until});
                let target = room.map_or_else(|| user.to_string(), |r| r.to_string());
                let act = act_of(kind, room.is_some(), false);
                draft.act(act, &by.actor(), Some(target), detail, &[]);
                tell(draft, &by, &holding, false);
                draft.write(Write::DeleteSanction { kind, user, room });
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// The sanctions that hold in a room, or everywhere, by user; from the first after `after`. The second
    /// part of the answer is where the next page begins.
    pub async fn sanctions(
        &self,
        by: &Authority,
        room: Option<RoomId>,
        after: Option<(UserId, SanctionKind)>,
        limit: usize,
    ) -> Result<(Vec<Sanction>, Option<(UserId, SanctionKind)>), Refusal> {
        match room {
            Some(room) => drop(self.check_in_room(by, room, InRoom::Moderate).await?),
            None => self.check_permission(by, Permission::UserRead).await?,
        }
        let (now, mut after) = (self.clock.now(), after);
        let mut holding = Vec::new();
        loop {
            let page = self.store.sanctions(room, after, limit + 1).await;
            let page = page.map_err(|e| refuse(&e))?;
            let last = page.len() <= limit;
            after = page.last().map(|s| (s.user, s.kind));
            holding.extend(page.into_iter().filter(|s| s.holds(now)));
            if last || holding.len() > limit {
                break;
            }
        }
        let more = holding.len() > limit;
        holding.truncate(limit);
        let next = holding.last().filter(|_| more).map(|s| (s.user, s.kind));
        Ok((holding, next))
    }
}

const fn permission(kind: SanctionKind) -> Permission {
    match kind {
        SanctionKind::Mute => Permission::UserMute,
        SanctionKind::Ban => Permission::UserBan,
    }
}

/// Whether an authority may decide about somebody's mute or ban, as of this turn.
fn may_decide(
    draft: &Draft<'_>,
    by: &Authority,
    kind: SanctionKind,
    user: UserId,
    room: Option<RoomId>,
) -> Result<(), Refusal> {
    let Some(room) = room else {
        let live = draft.user(user)?;
        return draft.authorise(by, |who| live.with(|p| rights::may_sanction(who, p, kind)));
    };
    let room = draft.open_room(room)?;
    let facts = room.facts();
    draft.authorise(by, |who| rights::may_moderate(who, &facts, user))?;
    if facts.room.owner == user && facts.members.contains_key(&user) {
        let what = "this is the room's owner; pass the room on first, with transfer";
        return Err(Refusal::Conflict(what.into()));
    }
    Ok(())
}

/// Tells the person in their own log.
fn tell(draft: &mut Draft<'_>, by: &Authority, sanction: &Sanction, holds: bool) {
    let told = Payload::Sanction {
        sanction: sanction.kind,
        target: sanction.room,
        holds,
        until: sanction.until.filter(|_| holds),
        reason: sanction.reason.clone().filter(|_| holds),
    };
    draft.entry(sanction.user.into(), by.user(), told);
}

/// Takes somebody who is banned out of where they are banned from.
fn take_out(draft: &mut Draft<'_>, by: &Authority, ban: &Sanction) -> Result<(), Refusal> {
    let user = ban.user;
    let Some(room) = ban.room else {
        draft.write(Write::EndSessions {
            user,
            except: None,
            at: draft.now(),
        });
        return Ok(());
    };
    let role = draft.room(room)?.facts().members.get(&user).map(|m| m.role);
    if role.is_some_and(|role| role != RoomRole::Owner) {
        draft.entry(
            room.into(),
            by.user(),
            Payload::Membership { user, role: None },
        );
        let why = "banned".to_owned();
        draft.entry(
            user.into(),
            by.user(),
            Payload::Removed { target: room, why },
        );
        draft.write(Write::DeleteMember(room, user));
    }
    Ok(())
}
