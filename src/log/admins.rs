//! That there is always somebody who can administer.

use super::{Log, refuse};
use crate::{
    clock::Millis,
    id::UserId,
    model::{Builtin, Refusal, Status},
};

/// How many admins are looked at before it is taken that none of them can log in.
const MOST: usize = 1000;

impl Log {
    /// Refuses to lose an admin when there is no other who can log in: one that is no bot, not switched off
    /// and not banned. Whoever asks has seen to it that no other admin is lost meanwhile.
    pub async fn keep_an_admin(&self, but: UserId, now: Millis) -> Result<(), Refusal> {
        if self.has_admin_beside(&[but], now).await? {
            return Ok(());
        }
        let what = "this is the last admin; make another one first: `chatd user role NAME admin`";
        Err(Refusal::Conflict(what.into()))
    }

    /// Whether an admin who can log in is left when these are none any more.
    pub async fn has_admin_beside(&self, but: &[UserId], now: Millis) -> Result<bool, Refusal> {
        let role = Builtin::Admin.into();
        let admins = self.store.role_holders(&role, Status::Active, MOST).await;
        for admin in admins.map_err(|e| refuse(&e))? {
            if but.contains(&admin.id) {
                continue;
            }
            let live = self.user(admin.id).await?;
            if live.is_some_and(|l| l.with(|p| p.can_log_in(now))) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
