//! Legal holds: while there is one, nothing that it is on is taken out of the store.

use serde_json::json;

use super::Archive;
use crate::{
    id::HoldId,
    model::{Authority, Hold, HoldOn, Permission, Reason, Refusal},
    rights,
    store::Write,
};

/// A hold that is asked for.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// On what.
    pub on: HoldOn,
    /// Why.
    pub reason: Reason,
}

/// What a hold is on, with its name where it still has one.
#[derive(Clone, Debug)]
pub struct HeldThing {
    /// The hold.
    pub hold: Hold,
    /// What it is called.
    pub name: Option<String>,
}

impl Archive {
    /// Holds, the oldest first.
    pub async fn holds(&self, by: &Authority) -> Result<Vec<HeldThing>, Refusal> {
        self.check(by, Permission::HoldManage).await?;
        let mut holds = self.log.policy().holds.clone();
        holds.sort_unstable_by_key(|h| h.id);
        let mut named = Vec::new();
        for hold in holds {
            let name = self.name_of(hold.on).await?;
            named.push(HeldThing { hold, name });
        }
        Ok(named)
    }

    async fn name_of(&self, on: HoldOn) -> Result<Option<String>, Refusal> {
        Ok(match on {
            HoldOn::Room(room) => {
                let room = self.log.room(room).await?;
                room.map(|r| r.facts().room.name.to_string())
            }
            HoldOn::User(user) => {
                let mut names = self.log.names([user]).await?;
                names.remove(&user).map(Into::into)
            }
        })
    }

    /// Adds one.
    pub async fn add_hold(
        &self,
        by: &Authority,
        new: NewHold,
        dry_run: bool,
    ) -> Result<HeldThing, Refusal> {
        let now = self.clock.now();
        let hold = Hold {
            id: HoldId::new(now),
            on: new.on,
            reason: new.reason,
            by: by.user(),
            at: now,
        };
        let log = match hold.on {
            HoldOn::Room(room) => room.into(),
            HoldOn::User(user) => user.into(),
        };
        let (touches, by, written) = (by.touching(&[log]), by.clone(), hold.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::HoldManage))?;
                let (kind, target) = named(written.on);
                let detail = json!({"hold": written.id, "on": kind, "reason": written.reason});
                draft.act("hold.add", &by.actor(), Some(target), detail, &[]);
                draft.write(Write::PutHold(written.clone()));
                Ok(())
            });
        done.await?;
        let name = self.name_of(hold.on).await?;
        Ok(HeldThing { hold, name })
    }

    /// Ends one.
    pub async fn release_hold(
        &self,
        by: &Authority,
        id: HoldId,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<HeldThing, Refusal> {
        self.check(by, Permission::HoldManage).await?;
        let policy = self.log.policy();
        let hold = policy.holds.iter().find(|h| h.id == id).cloned();
        let hold = hold.ok_or(Refusal::NotFound("hold"))?;
        let on = hold.on;
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::HoldManage))?;
                if !draft.policy().holds.iter().any(|h| h.id == id) {
                    return Err(Refusal::NotFound("hold"));
                }
                let (kind, target) = named(on);
                let detail = json!({"hold": id, "on": kind, "reason": reason});
                draft.act("hold.release", &by.actor(), Some(target), detail, &[]);
                draft.write(Write::DeleteHold(id));
                Ok(())
            });
        done.await?;
        let name = self.name_of(on).await?;
        Ok(HeldThing { hold, name })
    }
}

fn named(on: HoldOn) -> (&'static str, String) {
    match on {
        HoldOn::Room(room) => ("room", room.to_string()),
        HoldOn::User(user) => ("user", user.to_string()),
    }
}
