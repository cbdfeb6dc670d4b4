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
    /// The name of who asked for it, or their id when they have none any more; none when an operator did.
    pub by: Option<String>,
}

impl Archive {
    /// Holds, the oldest first.
    pub async fn holds(&self, by: &Authority) -> Result<Vec<HeldThing>, Refusal> {
        self.check(by, Permission::HoldManage).await?;
        let mut holds = self.log.policy().holds.clone();
        holds.sort_unstable_by_key(|h| h.id);
        let mut named = Vec::new();
        for hold in holds {
            named.push(self.named(hold).await?);
        }
        Ok(named)
    }

    async fn named(&self, hold: Hold) -> Result<HeldThing, Refusal> {
        let person = match hold.on {
            HoldOn::Room(_) => None,
            HoldOn::User(user) => Some(user),
        };
        let names = self.log.names(person.into_iter().chain(hold.by)).await?;
        let name = match hold.on {
            HoldOn::Room(room) => {
                let room = self.log.room(room).await?;
                room.map(|r| r.facts().room.name.to_string())
            }
            HoldOn::User(user) => names.get(&user).map(ToString::to_string),
        };
        let by = hold.by.map(|by| match names.get(&by) {
            Some(name) => name.to_string(),
            None => by.to_string(),
        });
        Ok(HeldThing { hold, name, by })
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
        self.named(hold).await
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
        self.named(hold).await
    }
}

fn named(on: HoldOn) -> (&'static str, String) {
    match on {
        HoldOn::Room(room) => ("room", room.to_string()),
        HoldOn::User(user) => ("user", user.to_string()),
    }
}
