//! Reading the settings anew: what a start reads and checks, and what of it the running parts take over.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::Notify;

use super::{
    backend::Location,
    core::{Core, check_directory},
};
use crate::{
    admin::{Access, Granted},
    archive::{self, Archive},
    config::{self, Applies, Config, Difference, Live, LogFilter, Sources},
    door::App,
    files,
    lifecycle::Supervisor,
    limit::Limits,
    logging::Levels,
    model::{Actor, Authority, Refusal},
    ops::{Ops, Plan, Reread},
    tls::{self, Identity, Tls},
    webhook::{self, Webhook},
};

/// What reads the settings anew, with the parts that go by copies of them. All others look at [`Live`].
#[derive(Debug)]
pub(super) struct Rereader {
    sources: Sources,
    /// Where the passed socket listens, whatever the settings say.
    passed: Option<SocketAddr>,
    live: Live,
    /// Where the store is that is open.
    location: Location,
    limits: Arc<Limits>,
    levels: Option<Arc<Levels>>,
    access: Access,
    archive: Archive,
    webhook: Webhook,
    tls: Arc<Tls>,
}

impl Rereader {
    pub(super) fn new(
        core: &Core,
        sources: Sources,
        passed: Option<SocketAddr>,
        access: Access,
    ) -> Self {
        Self {
            sources,
            passed,
            live: core.app.config.clone(),
            location: core.location.clone(),
            limits: Arc::clone(&core.app.limits),
            levels: core.levels.clone(),
            access,
            archive: core.archive.clone(),
            webhook: core.webhook.clone(),
            tls: Arc::clone(&core.app.tls),
        }
    }

    fn read(&self) -> Result<Config, String> {
        let loaded = config::load(&self.sources).map_err(|e| e.to_string())?;
        let mut wanted = loaded.config;
        if let Some(address) = self.passed {
            wanted.server.listen = address;
        }
        Ok(wanted)
    }
}

impl Reread for Rereader {
    fn reread(&self) -> Result<Plan, String> {
        let wanted = self.read()?;
        let now = self.live.snapshot();
        // What waits for a restart is checked as well: it is then that nobody wants to be told.
        let location = Location::of(&wanted).map_err(|e| e.to_string())?;
        check_directory(&wanted.server.data_dir).map_err(|e| e.to_string())?;
        archive::check_settings(&wanted.archive)?;
        files::check_settings(&wanted)?;
        let granted = Granted::resolve(&wanted.admin)?;
        let filter = LogFilter::parse(&wanted.log.level)?;
        let identity = tls::load(&wanted.tls)?;
        let target = webhook::load(&wanted.webhook)?;
        let mut differences = config::differences(&now, &wanted);
        let file = &wanted.store.url_file;
        if location != self.location && *file == now.store.url_file && !file.as_os_str().is_empty()
        {
            differences.push(moved(&self.location, &location));
        }
        let (shown, renewed) = (self.tls.identity(), identity.as_ref());
        let is_same = match (&shown, renewed) {
            (Some(shown), Some(renewed)) => {
                let same = shown.is_same(renewed);
                if !same && now.tls == wanted.tls {
                    differences.push(renewal(shown, renewed));
                }
                same
            }
            (None, None) => true,
            _ => false,
        };
        let merged = config::merge(&now, &wanted).map_err(|e| e.to_string())?;

        let (live, limits) = (self.live.clone(), Arc::clone(&self.limits));
        let (levels, access) = (self.levels.clone(), self.access.clone());
        let (archive, tls) = (self.archive.clone(), Arc::clone(&self.tls));
        let webhook = self.webhook.clone();
        let apply = Box::new(move || {
            limits.change(&merged.limits);
            access.replace(granted);
            let rescheduled = now.archive.schedule != merged.archive.schedule;
            live.replace(merged);
            if !is_same {
                tls.replace(identity);
            }
            webhook.replace(target);
            if rescheduled {
                archive.reschedule();
            }
            if let Some(levels) = levels {
                levels.configure(filter);
            }
        });
        Ok(Plan { differences, apply })
    }
}

/// The same `store.url_file` with another URL in it.
fn moved(open: &Location, wanted: &Location) -> Difference {
    let (before, mut after) = (open.shown(), wanted.shown());
    if before == after {
        after.push_str(" with other credentials");
    }
    Difference {
        key: "store.url_file",
        before,
        after,
        applies: Applies::Restart,
    }
}

/// The same files with something else in them.
fn renewal(shown: &Identity, renewed: &Identity) -> Difference {
    let told = |it: &Identity| format!("{} until {}", it.file().display(), it.expires_at());
    Difference {
        key: "tls.cert_file",
        before: told(shown),
        after: told(renewed),
        applies: Applies::Live,
    }
}

/// Reloads whenever `asked` is told, until the server stops. How it went is in the log.
pub(super) async fn at_signal(asked: Arc<Notify>, ops: Ops, supervisor: Supervisor, app: Arc<App>) {
    let by = Authority::Operator(Actor::server());
    loop {
        tokio::select! {
            biased;
            () = app.stopping.cancelled() => return,
            () = asked.notified() => {}
        }
        supervisor.reloading().await;
        let reloaded = tokio::select! {
            biased;
            // What hangs is not waited for.
            () = app.stopping.cancelled() => return,
            reloaded = ops.reload(&by, None, false) => reloaded,
        };
        match reloaded {
            // What is wrong with the settings was logged there.
            Ok(_) | Err(Refusal::InvalidField { .. }) => {}
            Err(refusal) => tracing::error!(%refusal, "the settings were not reloaded"),
        }
        supervisor.ready(&app).await;
    }
}
