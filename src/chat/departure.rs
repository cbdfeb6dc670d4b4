//! What becomes of rooms when somebody is gone for good.
//!
//! A room always has an owner. When the owner's account is erased it passes to the highest role that is
//! left in it, and among those to whoever has been there longest, who must be able to act; when there is
//! nobody, the room is deleted. An account that is only switched off, or banned, keeps its rooms: it may
//! come back, and until then an operator, or in public rooms an admin, can pass them on.

use serde_json::json;

use super::{
    Chat,
    members::{exit, hand_over},
};
use crate::{
    id::{RoomId, UserId},
    log::{Draft, refuse},
    model::{Authority, Facts, Member, Permissions, Refusal, RoomKind, RoomRole},
    rights,
};

/// What became of the rooms that somebody was in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Departed {
    /// How many they were taken out of.
    pub left: u64,
    /// How many of those passed to somebody else.
    pub passed_on: u64,
    /// How many were deleted, as nobody was left.
    pub deleted: u64,
}

/// What becomes of one room.
enum Fate {
    Left,
    PassedOn,
    Deleted,
}

impl Chat {
    /// Takes somebody out of every room, and passes on what they own. Only for operators.
    pub async fn depart(
        &self,
        by: &Authority,
        user: UserId,
        dry_run: bool,
    ) -> Result<Departed, Refusal> {
        let rooms = self.store.room_ids_of(user).await.map_err(|e| refuse(&e))?;
        let mut departed = Departed::default();
        for room in rooms {
            match self.depart_from(by, room, user, dry_run).await {
                Ok(Fate::Left) => departed.left += 1,
                Ok(Fate::PassedOn) => {
                    departed.left += 1;
                    departed.passed_on += 1;
                }
                Ok(Fate::Deleted) => departed.deleted += 1,
                // Deleted, or left, meanwhile.
                Err(Refusal::NotFound(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(departed)
    }

    async fn depart_from(
        &self,
        by: &Authority,
        id: RoomId,
        user: UserId,
        dry_run: bool,
    ) -> Result<Fate, Refusal> {
        let room = self.seen_by(by, id).await?;
        let (heirs, owns) = {
            let facts = room.facts();
            let direct = facts.room.kind == RoomKind::Direct;
            (heirs(&facts, user), facts.room.owner == user && !direct)
        };
        if owns {
            for heir in heirs {
                // Whoever cannot act does not inherit.
                self.user(heir.user).await?;
                match self.bequeath(by, id, user, heir.user, dry_run).await {
                    Err(Refusal::Conflict(_)) => {}
                    done => return done.map(|()| Fate::PassedOn),
                }
            }
            self.delete_room(by, id, dry_run).await?;
            return Ok(Fate::Deleted);
        }
        let touches = by.touching(&[id.into(), user.into()]);
        let by = by.clone();
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.room(id)?;
            let member = room.facts().members.get(&user).copied();
            let before = member.ok_or(Refusal::NotFound("member"))?.role;
            if before == RoomRole::Owner {
                return Err(Refusal::Conflict("it was just passed on to them".into()));
            }
            draft.authorise(&by, |_| Err(only_operators()))?;
            leave(draft, &by, id, user, before);
            Ok(())
        });
        done.await.map(|_| Fate::Left).map_err(Into::into)
    }

    /// Passes a room on from somebody who leaves it.
    async fn bequeath(
        &self,
        by: &Authority,
        id: RoomId,
        user: UserId,
        heir: UserId,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let logs = [id.into(), user.into(), heir.into()];
        let (touches, by) = (by.touching(&logs), by.clone());
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            let member = {
                let facts = room.facts();
                if facts.room.owner != user {
                    // Passed on by somebody else at the same time: look again.
                    return Err(Refusal::Busy);
                }
                let member = facts.members.get(&heir).copied();
                member.ok_or_else(|| Refusal::Conflict("they have left".into()))?
            };
            let now = draft.now();
            let able = draft
                .user(heir)?
                .with(|p| rights::may_act(&p.who(Permissions::ALL, now)));
            able.map_err(|_| Refusal::Conflict("this account cannot be used".into()))?;
            draft.authorise(&by, |_| Err(only_operators()))?;
            hand_over(draft, &room, member, by.user());
            let (target, detail) = (Some(id.to_string()), json!({"before": user, "after": heir}));
            draft.act("room.transfer", &by.actor(), target, detail, &[]);
            leave(draft, &by, id, user, RoomRole::Owner);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

fn only_operators() -> Refusal {
    Refusal::Forbidden("this is for operators".into())
}

/// Who could own a room after somebody: the highest role first, then who has been there longest.
fn heirs(facts: &Facts, but: UserId) -> Vec<Member> {
    let others = facts.members.values().filter(|m| m.user != but);
    let mut heirs: Vec<Member> = others.copied().collect();
    heirs.sort_by_key(|m| (std::cmp::Reverse(m.role), m.since));
    heirs
}

fn leave(draft: &mut Draft<'_>, by: &Authority, room: RoomId, user: UserId, before: RoomRole) {
    exit(draft, room, user, by.user(), "left");
    let detail = json!({"user": user, "before": before, "after": null});
    draft.act(
        "room.member",
        &by.actor(),
        Some(room.to_string()),
        detail,
        &[],
    );
}
