//! Invitations to the server: codes with which people register.

use serde_json::json;

use super::{Fresh, Ops};
use crate::{
    log::{Error, refuse},
    model::{Authority, Code, CodeKind, Permission, Refusal, RoleName},
    rights,
    store::Write,
};

/// The most people that one code can invite.
const MOST: u32 = 1000;

/// An invitation to be made.
#[derive(Clone, Debug)]
pub struct NewInvite {
    /// The role it gives.
    pub role: RoleName,
    /// How many people it is for.
    pub uses: u32,
    /// How long it is good; as the settings say when none.
    pub lifetime: Option<std::time::Duration>,
}

impl Ops {
    /// Makes an invitation: a code with which people can register. Nobody gives a role that includes what
    /// they may not do themselves.
    pub async fn invite(
        &self,
        by: &Authority,
        new: NewInvite,
        dry_run: bool,
    ) -> Result<Fresh, Refusal> {
        if !(1..=MOST).contains(&new.uses) {
            return Err(Refusal::field("uses", format!("1 to {MOST}")));
        }
        let mut fresh = self.new_code(CodeKind::Invite, None, new.role);
        fresh.code.uses = new.uses;
        fresh.code.by = by.user();
        if let Some(lifetime) = new.lifetime {
            fresh.code.expires_at = fresh.code.created_at.plus(lifetime);
        }
        // No role is deleted while an invitation gives it.
        let _one_at_a_time = self.admins.lock().await;
        let (touches, by, code) = (by.touching(&[]), by.clone(), fresh.code.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let policy = draft.policy();
                let role = policy.known(&code.role);
                let role = role.ok_or(Refusal::NotFound("role"))?;
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::InviteManage)?;
                    rights::may_give(who, role)
                })?;
                let detail = json!({
                    "role": code.role, "uses": code.uses, "expires_at": code.expires_at,
                });
                draft.act("invite.create", &by.actor(), Some(code.id()), detail, &[]);
                draft.write(Write::InsertCode(code.clone()));
                Ok(())
            });
        done.await?;
        Ok(fresh)
    }

    /// The invitations that can still be used, the newest first.
    pub async fn invites(&self, by: &Authority) -> Result<Vec<Code>, Refusal> {
        self.check(by, Permission::InviteManage).await?;
        let codes = self.store.codes(CodeKind::Invite, None).await;
        let now = self.clock.now();
        let mut codes = codes.map_err(|e| refuse(&e))?;
        codes.retain(|code| now < code.expires_at);
        Ok(codes)
    }

    /// Takes an invitation back, by its id.
    pub async fn revoke_invite(
        &self,
        by: &Authority,
        id: &str,
        dry_run: bool,
    ) -> Result<Code, Refusal> {
        let found = self.invites(by).await?.into_iter().find(|c| c.id() == id);
        let code = found.ok_or(Refusal::NotFound("invitation"))?;
        let (touches, by, hash) = (by.touching(&[]), by.clone(), code.hash);
        let target = code.id();
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::InviteManage))?;
                draft.act(
                    "invite.revoke",
                    &by.actor(),
                    Some(target.clone()),
                    json!(null),
                    &[],
                );
                draft.write(Write::DeleteCode(hash));
                Ok(())
            });
        match done.await {
            Err(Error::Stale) => Err(Refusal::NotFound("invitation")),
            done => done.map(|_| code).map_err(Into::into),
        }
    }
}
