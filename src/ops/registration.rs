//! Who may register, decided at run time.

use serde_json::json;

use super::Ops;
use crate::{
    log::REGISTRATION,
    model::{Authority, Permission, Reason, Refusal, Registration},
    rights,
    store::Write,
};

impl Ops {
    /// Who may register, where it was decided at run time; none when the settings say.
    pub fn registration(&self) -> Option<Registration> {
        self.log.policy().registration
    }

    /// Decides who may register: at once and lasting, over what the settings say; none gives it back to
    /// the settings.
    pub async fn set_registration(
        &self,
        by: &Authority,
        mode: Option<Registration>,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let value = serde_json::to_string(&mode).map_err(|_| Refusal::Internal)?;
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                let before = draft.policy().registration;
                if before == mode {
                    return Ok(());
                }
                let detail = json!({"before": before, "after": mode, "reason": reason});
                draft.act("registration.set", &by.actor(), None, detail, &[]);
                draft.write(Write::PutSetting(REGISTRATION.into(), value.clone()));
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }
}
