//! Everything behind the doors: the store and what stands on it.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Error,
    backend::{Backend, Location},
};
use crate::{
    account::Account,
    archive::Archive,
    auth::{Keys, Passwords, keys::Realm, password::Cost},
    chat::{Chat, Feeder, Presence, Reading},
    clock::{Clock, Millis},
    config::{Config, Live},
    desk::Desk,
    door::App,
    feed::Feeds,
    files::{self, Files},
    hub::Hub,
    id::LogId,
    limit::Limits,
    log::{Log, Moved, request_digest},
    logging::Levels,
    model::Actor,
    moderation::Moderation,
    ops::{Backups, Ops, Reloads},
    redact::Redact,
    search::Index,
    shelf::Shelf,
    stats::Stats,
    store::{Store, Write, erasures::Erasures},
    webhook::{self, Webhook},
};

/// The search index, beside the lock: where one process is at a time.
const INDEX: &str = "search.db";

/// Everything behind the doors.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) app: Arc<App>,
    pub(super) backend: Backend,
    /// Where the store is.
    pub(super) location: Location,
    pub(super) archive: Archive,
    /// The outgoing webhook.
    pub(super) webhook: Webhook,
    /// What changes the log level, in a server.
    pub(super) levels: Option<Arc<Levels>>,
    /// What reads the settings anew, in a server.
    pub(super) reloads: Option<Arc<Reloads>>,
    backups: Backups,
    erasures: Erasures,
    passwords: Arc<Passwords>,
    started_at: Millis,
    /// The appender; waited for after the doors' tasks.
    tasks: TaskTracker,
}

impl Core {
    #[expect(clippy::too_many_lines, reason = "one part after the other")]
    pub(super) async fn open(
        live: &Live,
        feeds: &Arc<Feeds>,
        erasures: Erasures,
    ) -> Result<Self, Error> {
        let config = &*live.snapshot();
        let clock = Clock::system();
        let location = Location::of(config)?;
        check_directory(&config.server.data_dir)?;
        let index = location.beside().with_file_name(INDEX);
        let backend = location.clone().open(config, &clock).await?;
        let store = backend.store();
        let passwords = Arc::new(Passwords::new(
            Cost::from(&config.auth),
            config.auth.hash_threads,
            config.auth.hash_queue,
        )?);
        let realm = Realm {
            issuer: "chatd".into(),
            audience: store.epoch().to_string(),
        };
        let rotation: Duration = config.auth.key_rotation.into();
        let dir = config.server.data_dir.join("keys");
        let keys = Arc::new(Keys::open(&dir, clock.clone(), realm, rotation)?);
        let stats = Arc::new(Stats::default());
        let hub = Arc::new(Hub::new(Arc::clone(&stats)));
        let limits = Arc::new(Limits::new(&config.limits));
        let tasks = TaskTracker::new();
        let (for_search, for_webhook) = (Arc::new(Moved::wanted()), Arc::<Moved>::default());
        let index = Index::new(index, store.epoch());
        let log = Log::start(
            Arc::clone(&store),
            Arc::clone(&hub),
            clock.clone(),
            Arc::clone(&stats),
            Arc::clone(feeds),
            vec![Arc::clone(&for_search), Arc::clone(&for_webhook)],
            &tasks,
        );
        let (stopping, doors) = (CancellationToken::new(), TaskTracker::new());
        let search = Feeder::new(
            Arc::clone(&store),
            Arc::new(index),
            for_search,
            live.clone(),
            clock.clone(),
            Arc::clone(&stats),
            stopping.clone(),
        );
        let chat = Chat {
            log: log.clone(),
            store: Arc::clone(&store),
            hub: Arc::clone(&hub),
            limits: Arc::clone(&limits),
            config: live.clone(),
            clock: clock.clone(),
            reading: Arc::new(Reading::new(doors.clone(), stopping.clone())),
            hooking: Arc::default(),
            typing: Arc::default(),
            presence: Arc::new(Presence::new(doors.clone(), stopping.clone())),
            search: Arc::new(search),
        };
        let redact = Redact {
            log: log.clone(),
            store: Arc::clone(&store),
            limits: Arc::clone(&limits),
            config: live.clone(),
            clock: clock.clone(),
            stats: Arc::clone(&stats),
            feeds: Arc::clone(feeds),
            erasures: erasures.clone(),
            tasks: doors.clone(),
            stopping: stopping.clone(),
            working: Arc::default(),
            turn: Arc::default(),
        };
        let files = Files {
            log: log.clone(),
            store: Arc::clone(&store),
            erasures: erasures.clone(),
            shelf: shelf(config, &*store).await?,
            limits: Arc::clone(&limits),
            config: live.clone(),
            clock: clock.clone(),
            stopping: stopping.clone(),
            uploads: Arc::default(),
            seats: Arc::default(),
            counting: Arc::default(),
        };
        let archive = Archive {
            log: log.clone(),
            store: Arc::clone(&store),
            config: live.clone(),
            clock: clock.clone(),
            stats: Arc::clone(&stats),
            feeds: Arc::clone(feeds),
            tasks: doors.clone(),
            stopping: stopping.clone(),
            current: Arc::default(),
            rescheduled: Arc::default(),
            renewed: Arc::default(),
        };
        let webhook = Webhook::new(
            log.clone(),
            for_webhook,
            Arc::clone(&store),
            Arc::clone(&hub),
            clock.clone(),
            Arc::clone(&stats),
            stopping.clone(),
        );
        // A server that is wrong about it does not come this far; commands work on the store all the same.
        webhook.replace(webhook::load(&config.webhook).unwrap_or_default());
        let account = Account {
            log,
            store: Arc::clone(&store),
            limits: Arc::clone(&limits),
            passwords: Arc::clone(&passwords),
            keys,
            config: live.clone(),
            clock: clock.clone(),
            stats: Arc::clone(&stats),
            feeds: Arc::clone(feeds),
        };
        let moderation = Moderation {
            log: chat.log.clone(),
            store: Arc::clone(&store),
            limits: Arc::clone(&limits),
            clock: clock.clone(),
            admins: Arc::default(),
        };
        let started_at = clock.now();
        let app = Arc::new(App {
            chat,
            account,
            moderation,
            redact,
            files,
            hub,
            store,
            limits,
            tls: Arc::default(),
            handshakes: Arc::default(),
            config: live.clone(),
            clock,
            stats,
            feeds: Arc::clone(feeds),
            node: format!("{}", std::process::id()).into(),
            stopping,
            tasks: doors,
        });
        // Roles and banned addresses are known before anybody comes in.
        if app.chat.log.begin().await.is_err() {
            let why = "the control log cannot be read".to_owned();
            return Err(crate::store::Error::Unavailable(why).into());
        }
        share_keys(&app).await;
        Ok(Self {
            app,
            backend,
            location,
            archive,
            webhook,
            levels: None,
            reloads: None,
            backups: Backups::default(),
            erasures,
            passwords,
            started_at,
            tasks,
        })
    }

    pub(super) fn desk(&self, listen: Option<std::net::SocketAddr>) -> Desk {
        let app = &self.app;
        let ops = Ops {
            log: app.chat.log.clone(),
            store: Arc::clone(&app.store),
            shelf: app.files.shelf.clone(),
            hub: Arc::clone(&app.hub),
            passwords: Arc::clone(&self.passwords),
            config: app.config.clone(),
            clock: app.clock.clone(),
            stats: Arc::clone(&app.stats),
            feeds: Arc::clone(&app.feeds),
            started_at: self.started_at,
            admins: Arc::clone(&app.moderation.admins),
            listen,
            backups: self.backups.clone(),
            erasures: self.erasures.clone(),
            levels: self.levels.clone(),
            reloads: self.reloads.clone(),
            tls: Arc::clone(&app.tls),
        };
        Desk {
            ops,
            moderation: app.moderation.clone(),
            chat: app.chat.clone(),
            redact: app.redact.clone(),
            files: app.files.clone(),
            archive: self.archive.clone(),
            webhook: self.webhook.clone(),
        }
    }

    /// Finishes what was handed in and closes the store.
    pub(super) async fn close(self) {
        self.app.chat.log.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
        let search = &self.app.chat.search;
        // A server's next start goes on; what a command took out of the store has to leave with it.
        if self.reloads.is_none() {
            search.settle().await;
        }
        search.index().close().await;
        self.app.store.close().await;
    }
}

/// What says that files are those of this store. It says nothing about the store's secret.
pub(super) fn mark_of(store: &dyn Store) -> String {
    let mark = request_digest(&store.secret(), &["files"]);
    uuid::Uuid::from_bytes(mark).simple().to_string()
}

/// Where the bytes of files lie.
async fn shelf(config: &Config, store: &dyn Store) -> Result<Shelf, Error> {
    let place = files::place(config).map_err(Error::Config)?;
    let mark = mark_of(store);
    let min_free = config.store.min_free.as_u64();
    let opened = tokio::task::spawn_blocking(move || Shelf::open(place, &mark, min_free)).await;
    let failed = |why: String| {
        Error::Config(format!(
            "the files cannot be kept: {why} (files.dir, files.url)"
        ))
    };
    match opened {
        Ok(shelf) => shelf.map_err(|e| failed(e.to_string())),
        Err(e) => Err(failed(e.to_string())),
    }
}

/// Refuses a data directory in which everyone may rename and delete.
pub(super) fn check_directory(dir: &Path) -> Result<(), Error> {
    let mode = std::fs::metadata(dir).map_or(0, |m| m.permissions().mode());
    let (everyone_writes, sticky) = (mode & 0o002 != 0, mode & 0o1000 != 0);
    if everyone_writes && !sticky {
        let dir = dir.display();
        return Err(Error::Config(format!(
            "everyone may write in the data directory {dir}; mend it with: chmod o-w {dir}"
        )));
    }
    Ok(())
}

/// Puts the public halves of this node's keys into the store, and takes in those of others.
async fn share_keys(app: &App) {
    match app.store.keys().await {
        Ok(known) => {
            let mine = app.account.keys.public();
            let new: Vec<_> = mine
                .iter()
                .filter(|k| !known.contains(k))
                .cloned()
                .collect();
            let now = app.clock.now();
            for key in known.into_iter().filter(|k| k.expires_at > now) {
                app.account.keys.add_public(key);
            }
            if new.is_empty() {
                return;
            }
            let done = app.chat.log.append(&[LogId::Control], None, move |draft| {
                draft.by_itself();
                for key in &new {
                    let kid = Some(key.kid.clone());
                    draft.act(
                        "key.create",
                        &Actor::server(),
                        kid,
                        serde_json::json!(null),
                        &[],
                    );
                    draft.write(Write::PutKey(key.clone()));
                }
                Ok(())
            });
            if let Err(e) = done.await {
                tracing::warn!(error = %e, "cannot put the public keys into the store");
            }
        }
        Err(e) => tracing::warn!(error = %e, "cannot read the public keys of other nodes"),
    }
}

/// Makes a new signing key when one is due.
pub(super) async fn tend_keys(app: &Arc<App>) {
    let (keys, rotation) = (
        Arc::clone(&app.account.keys),
        app.config.get().auth.key_rotation.get(),
    );
    match tokio::task::spawn_blocking(move || keys.rotate_if_due(rotation)).await {
        Ok(Ok(true)) => share_keys(app).await,
        Ok(Ok(false)) => {}
        Ok(Err(e)) => tracing::error!(error = %e, "cannot rotate the signing keys"),
        Err(e) => tracing::error!(error = %e, "rotating the signing keys failed"),
    }
}
