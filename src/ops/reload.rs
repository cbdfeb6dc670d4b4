//! Reading the settings anew while the server runs: all of them, or none.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::{Map, json};
use tokio::time::timeout;

use super::Ops;
use crate::{
    config::{Applies, Difference},
    feed::{Happening, Kind},
    model::{Authority, Permission, Reason, Refusal},
    rights,
};

/// How long reading may take; it waits for files and for the name service.
const PATIENCE: Duration = Duration::from_secs(20);

/// What reads the settings, and has them taken over. Made by `server`, which alone knows all the parts.
pub trait Reread: fmt::Debug + Send + Sync {
    /// Reads and checks all that a start would, and changes nothing. Blocks. An error is a line for everything
    /// that is wrong.
    fn reread(&self) -> Result<Plan, String>;
}

/// New settings that are right.
pub struct Plan {
    /// How they differ from what holds.
    pub differences: Vec<Difference>,
    /// Takes over what can be. It cannot fail.
    pub apply: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("differences", &self.differences)
            .finish_non_exhaustive()
    }
}

/// Reloading: one at a time.
#[derive(Debug)]
pub struct Reloads {
    source: Arc<dyn Reread>,
    turn: tokio::sync::Mutex<()>,
    /// The settings that wait for a restart, as of the last reload.
    waiting: Mutex<Vec<&'static str>>,
}

impl Reloads {
    /// Reads from there.
    pub fn new(source: Arc<dyn Reread>) -> Self {
        Self {
            source,
            turn: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    /// The settings that wait for a restart, as of the last reload.
    pub fn waiting(&self) -> Vec<&'static str> {
        self.waiting.lock().clone()
    }
}

/// A setting that was changed, or waits for a restart.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What differs.
    pub difference: Difference,
    /// What goes before it for now: something that was decided with a command.
    pub overruled: Option<&'static str>,
}

/// What a reload did, or would do.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// Which settings differ.
    pub changed: Vec<Changed>,
    /// Whether the act is in the audit log. A store that does not answer keeps nobody from mending what may be
    /// why.
    pub recorded: bool,
}

impl Ops {
    /// Reads the settings anew and takes over what can change while the server runs. Where anything is wrong,
    /// nothing is changed, and the refusal names `config` and all that is wrong.
    pub async fn reload(
        &self,
        by: &Authority,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<Reloaded, Refusal> {
        let reloads = self.reloads.as_ref().ok_or_else(|| {
            let why = "no server runs that could be told; settings are read when one starts";
            Refusal::Conflict(why.into())
        })?;
        self.check(by, Permission::ServerManage).await?;
        let _turn = reloads.turn.lock().await;
        let plan = match self.reread(reloads).await? {
            Ok(plan) => plan,
            Err(why) if dry_run => return Err(Refusal::field("config", why)),
            Err(why) => {
                tracing::error!(%why, "the settings were not reloaded; the old ones stay, all of them");
                let first = why.lines().next().unwrap_or_default();
                self.tell_reload("server.reload_failed", first.into());
                return Err(Refusal::field("config", why));
            }
        };
        let recorded = self
            .record(by, &plan.differences, reason.as_ref(), dry_run)
            .await?;
        let changed: Vec<_> = plan.differences.iter().map(|it| self.judged(it)).collect();
        if dry_run {
            return Ok(Reloaded { changed, recorded });
        }
        (plan.apply)();
        let of = |applies| {
            let those = plan.differences.iter().filter(|it| it.applies == applies);
            those.map(|it| it.key).collect::<Vec<_>>()
        };
        let (live, waiting) = (of(Applies::Live), of(Applies::Restart));
        let (names, restart) = (live.join(", "), waiting.join(", "));
        tracing::info!(
            changed = names,
            restart,
            recorded,
            "the settings were reloaded"
        );
        self.tell_reload("server.reloaded", names);
        *reloads.waiting.lock() = waiting;
        Ok(Reloaded { changed, recorded })
    }

    async fn reread(&self, reloads: &Reloads) -> Result<Result<Plan, String>, Refusal> {
        let source = Arc::clone(&reloads.source);
        let reading = tokio::task::spawn_blocking(move || source.reread());
        let read = timeout(PATIENCE, reading).await;
        let late = |_| Refusal::Late {
            after: PATIENCE,
            acts: false,
        };
        let read = read.map_err(late)?;
        read.map_err(|_| Refusal::Internal)
    }

    /// Puts the act into the audit log; answers whether it is there.
    async fn record(
        &self,
        by: &Authority,
        differences: &[Difference],
        reason: Option<&Reason>,
        dry_run: bool,
    ) -> Result<bool, Refusal> {
        let of = |applies| {
            let those = differences.iter().filter(move |it| it.applies == applies);
            let shown = |it: &Difference| {
                let change = json!({"before": it.before, "after": it.after});
                (it.key.to_owned(), change)
            };
            those.map(shown).collect::<Map<_, _>>()
        };
        let (live, waiting) = (of(Applies::Live), of(Applies::Restart));
        let nothing = live.is_empty();
        let detail = json!({"changed": live, "restart": waiting, "reason": reason});
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                if !nothing {
                    draft.act("config.reload", &by.actor(), None, detail.clone(), &[]);
                }
                Ok(())
            });
        match done.await.map_err(Refusal::from) {
            Ok(_) => Ok(!dry_run),
            Err(Refusal::Unavailable) if !dry_run => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    fn judged(&self, difference: &Difference) -> Changed {
        let policy = self.log.policy();
        let level_is_set = || self.levels.as_ref().is_some_and(|it| it.state().set);
        let overruled = match difference.key {
            "auth.registration" if policy.registration.is_some() => Some("chatd registration"),
            "archive.schedule" if policy.archive.schedule.is_some() => {
                Some("chatd archive schedule")
            }
            "archive.older_than" if policy.archive.older_than.is_some() => {
                Some("chatd archive policy")
            }
            "archive.prune_older_than" if policy.archive.prune_older_than.is_some() => {
                Some("chatd archive policy")
            }
            "log.level" if level_is_set() => Some("chatd log-level"),
            _ => None,
        };
        Changed {
            difference: difference.clone(),
            overruled,
        }
    }

    fn tell_reload(&self, what: &str, detail: String) {
        self.feeds.tell(Happening {
            at: self.clock.now(),
            kind: Kind::Server,
            what: what.into(),
            who: None,
            target: None,
            detail: Some(detail).filter(|it| !it.is_empty()),
        });
    }
}
