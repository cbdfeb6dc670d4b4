//! Looking at redactions.

use super::Redact;
use crate::{
    clock::Millis,
    id::{RedactionId, RoomId, UserId},
    log::refuse,
    model::{Authority, Redaction, Refusal, RoomName, Username},
};

/// A redaction as the asker sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What is recorded.
    pub redaction: Redaction,
    /// The name of the person whose messages it deleted.
    pub user: Option<Username>,
    /// The name of the account that did it, if one did.
    pub by: Option<Username>,
    /// What it deleted in the rooms that the asker reaches: how many, where.
    pub rooms: Vec<(RoomId, Option<RoomName>, u64)>,
    /// Whether it is not done and something is at work on it; else it was broken off.
    pub running: bool,
    /// Until when it can be undone; none when it cannot any more.
    pub restorable_until: Option<Millis>,
}

impl Redact {
    /// Redactions, the newest first, and where the next page begins.
    pub async fn list(
        &self,
        by: &Authority,
        before: Option<RedactionId>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<RedactionId>), Refusal> {
        self.check_permission(by).await?;
        let found = self.store.redactions(before, limit + 1).await;
        let mut found = found.map_err(|e| refuse(&e))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|r| r.id);
        let mut list = Vec::new();
        for redaction in found {
            let listed = self.describe(by, redaction).await?;
            if is_for(by, &listed) {
                list.push(listed);
            }
        }
        Ok((list, next))
    }

    /// Those of the newest that have ended, for whoever watches the server: no more than that is told of them.
    pub async fn ended(&self, limit: usize) -> Result<Vec<Redaction>, Refusal> {
        let found = self.store.redactions(None, limit).await;
        let mut found = found.map_err(|e| refuse(&e))?;
        found.retain(|it| it.finished_at.is_some() || it.undone_at.is_some());
        Ok(found)
    }

    /// One redaction.
    pub async fn show(&self, by: &Authority, id: RedactionId) -> Result<Listed, Refusal> {
        self.check_permission(by).await?;
        let listed = self.describe(by, self.redaction(id).await?).await?;
        if is_for(by, &listed) {
            Ok(listed)
        } else {
            Err(Refusal::NotFound("redaction"))
        }
    }

    /// A redaction with the names that belong to it.
    pub async fn describe(&self, by: &Authority, redaction: Redaction) -> Result<Listed, Refusal> {
        let actor = redaction.detail.actor.user;
        let ids = actor.into_iter().chain([redaction.user]);
        let names = self.log.names(ids).await?;
        let name = |id: UserId| names.get(&id).cloned();
        let mut rooms = Vec::new();
        for (room, count) in &redaction.detail.deleted {
            // An operator also sees what was in rooms that are deleted since.
            let operator = matches!(by, Authority::Operator(_));
            if operator || self.reaches(by, *room).await? {
                let live = self.log.room(*room).await?;
                let name = live.map(|live| live.facts().room.name.clone());
                rooms.push((*room, name, *count));
            }
        }
        let last = redaction.finished_at.unwrap_or(redaction.at);
        let until = self.erased_from(last);
        let open =
            redaction.undone_at.is_none() && redaction.messages() > 0 && self.clock.now() < until;
        let running = redaction.undone_at.is_none() && self.turn.try_lock().is_err();
        Ok(Listed {
            running,
            user: name(redaction.user),
            by: actor.and_then(name),
            rooms,
            restorable_until: open.then_some(until),
            redaction,
        })
    }

    pub(super) async fn redaction(&self, id: RedactionId) -> Result<Redaction, Refusal> {
        let found = self.store.redaction(id).await.map_err(|e| refuse(&e))?;
        found.ok_or(Refusal::NotFound("redaction"))
    }
}

/// Whether the asker may know of it: it is theirs, or it deleted something where they could have.
fn is_for(by: &Authority, listed: &Listed) -> bool {
    match by {
        Authority::Operator(_) => true,
        Authority::Caller(caller) => {
            listed.redaction.detail.actor.user == Some(caller.user) || !listed.rooms.is_empty()
        }
    }
}
