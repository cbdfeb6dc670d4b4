//! Which lines the server logs, changed while it runs.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::Ops;
use crate::{
    config::LogFilter,
    logging::{LevelState, Levels},
    model::{Authority, Permission, Reason, Refusal},
    rights,
};

/// A level that was set, or would have been.
#[derive(Clone, Debug)]
pub struct LevelSet {
    /// How it stands now.
    pub state: LevelState,
    /// Whether the act is in the audit log. A store that does not answer is why one wants to see more, so it
    /// does not keep anybody from it.
    pub recorded: bool,
}

impl Ops {
    /// Which lines are logged.
    pub fn log_level(&self) -> Result<LevelState, Refusal> {
        Ok(self.levels()?.state())
    }

    /// Sets which lines are logged, for some time or until the process ends; none gives it back to the
    /// settings.
    pub async fn set_log_level(
        &self,
        by: &Authority,
        filter: Option<LogFilter>,
        lasts: Option<Duration>,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<LevelSet, Refusal> {
        let levels = self.levels()?;
        let planned = levels.rehearse(filter.as_ref(), lasts);
        let detail = json!({
            "before": levels.state().level, "after": planned.level, "until": planned.until,
            "reason": reason,
        });
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                draft.act("log_level.set", &by.actor(), None, detail.clone(), &[]);
                Ok(())
            });
        let recorded = match done.await.map_err(Refusal::from) {
            Ok(_) => !dry_run,
            Err(Refusal::Unavailable) if !dry_run => false,
            Err(refusal) => return Err(refusal),
        };
        if dry_run {
            return Ok(LevelSet {
                state: planned,
                recorded,
            });
        }
        let state = levels.set(filter, lasts);
        tracing::warn!(level = state.level, recorded, "the log level was set");
        Ok(LevelSet { state, recorded })
    }

    fn levels(&self) -> Result<&Arc<Levels>, Refusal> {
        self.levels.as_ref().ok_or_else(|| {
            let why = "no server runs whose log level could be set; `log.level` in the settings is for the \
                       next start";
            Refusal::Conflict(why.into())
        })
    }
}
