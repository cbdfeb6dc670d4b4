//! Taking away how others react: a moderator takes back what one person, or what everybody, says with an emoji.
//!
//! What comes of it is what would if they took it back themselves: an entry of each of them, that they do not react so any
//! more. Who did it is in the control log. With many it is done piece by piece, so that others get their turn between.

use serde_json::json;

use super::{
    Chat,
    target::{TRIES, not_deleted},
};
use crate::{
    id::{LogId, RoomId, UserId},
    log::{Error, refuse},
    model::{Authority, Caller, Emoji, Payload, Reaction, Refusal},
    rights::{self, InRoom},
    store::Write,
};

/// How many are taken away in one change.
const SLICE: usize = 100;
/// How many changes there are at most, should people go on reacting: more than a room has members.
const SLICES: usize = 1_000;

/// Reactions that are to be taken away.
#[derive(Clone, Debug)]
pub struct TakeAway {
    /// Where.
    pub room: RoomId,
    /// The `seq` of the message.
    pub target: u64,
    /// What they react with.
    pub emoji: Emoji,
    /// Whose; everybody's when there is none.
    pub user: Option<UserId>,
}

impl Chat {
    /// Takes away how others react, for whoever may delete what others said; answers how many reactions that were.
    pub async fn take_away(&self, caller: &Caller, what: &TakeAway) -> Result<u64, Refusal> {
        self.limits.check_send(caller.user)?;
        let floor = self.floor(caller, what.room, InRoom::DeleteAny).await?;
        let message = self
            .target(what.room, what.target, floor.unwrap_or(0))
            .await?;
        not_deleted(&message)?;
        let (mut taken, mut tries) = (0, 0);
        for _ in 0..SLICES {
            let some = self.some_of(what).await?;
            if some.is_empty() {
                break;
            }
            let users: Vec<UserId> = some.iter().map(|r| r.user).collect();
            match self.append_taking(caller, what, users).await {
                Ok(()) => taken += some.len() as u64,
                // One of them took it back at the same time.
                Err(Error::Stale) if tries < TRIES => tries += 1,
                Err(Error::Stale) => return Err(Refusal::Busy),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(taken)
    }

    /// The first of those that are to go.
    async fn some_of(&self, what: &TakeAway) -> Result<Vec<Reaction>, Refusal> {
        let (room, target) = (what.room, what.target);
        let found = if let Some(user) = what.user {
            self.store.reactions_of(room, user, &[target]).await
        } else {
            let emoji = Some(&what.emoji);
            self.store.reactions(room, target, emoji, None, SLICE).await
        };
        let mut found = found.map_err(|e| refuse(&e))?;
        found.retain(|r| r.emoji == what.emoji);
        Ok(found)
    }

    async fn append_taking(
        &self,
        caller: &Caller,
        what: &TakeAway,
        users: Vec<UserId>,
    ) -> Result<(), Error> {
        let TakeAway {
            room,
            target,
            emoji,
            ..
        } = what.clone();
        let by = Authority::from(caller);
        let touches = [room.into(), caller.user.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let live = draft.room(room)?;
            draft.authorise(&by, |who| {
                let facts = live.facts();
                let member = rights::may_in_room(who, &facts, InRoom::DeleteAny)?;
                if member.is_some_and(|m| target < rights::floor(&facts.room, m)) {
                    return Err(Refusal::NotFound("message"));
                }
                Ok(())
            })?;
            for user in &users {
                let payload = Payload::Reaction {
                    target,
                    emoji: Some(emoji.clone()),
                    on: false,
                };
                draft.entry(room.into(), Some(*user), payload);
                draft.write(Write::Unreact {
                    room,
                    target,
                    user: *user,
                    emoji: Some(emoji.clone()),
                });
            }
            let detail = json!({"target": target, "users": users});
            let on = Some(room.to_string());
            draft.act("reaction.remove", &by.actor(), on, detail, &[]);
            Ok(())
        });
        done.await.map(drop)
    }
}
