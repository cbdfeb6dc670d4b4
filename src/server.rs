//! The only wiring: opens what lasts, builds each part once, opens the doors, and at the end closes all in the
//! opposite order.

mod backend;
mod collect;
mod core;
mod erase;
mod listen;
mod passed;
mod reach;
mod reload;
pub mod stores;
mod told;

use std::{
    io, net::SocketAddr, os::unix::fs::MetadataExt as _, path::PathBuf, sync::Arc, time::Duration,
};

use axum::{Router, routing::get};
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

pub use self::reach::{Closer, Mode, admin_socket, administer, find, holder, missing_store};
use self::{core::Core, passed::Passed, reload::Rereader};
use crate::{
    admin::{self, Access, Granted, Listener, SocketError},
    archive, auth,
    clock::Clock,
    config::{Config, Live, Loaded, Origin, Sources},
    feed::{Feeds, Kind},
    files, http,
    id::BootId,
    lifecycle::{self, Supervisor, Watchdog},
    logging,
    metrics::{self, Pulse},
    model::Refusal,
    ops::Reloads,
    shelf,
    store::{self, erasures::Erasures},
    tls, webhook, ws,
};

/// How often rate limits forget who has not been seen.
const SWEEP: Duration = Duration::from_mins(1);
/// How many sweeps lie between two looks at the signing keys.
const SWEEPS_PER_KEY_CHECK: u32 = 60;

/// Why the server does not run. Says what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting asks for what is not to be had.
    #[error("{0}")]
    Config(String),
    /// What was asked for cannot be.
    #[error("{0}")]
    Argument(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] store::backup::Error),
    /// Copying a store.
    #[error(transparent)]
    Copy(#[from] store::copy::Error),
    /// The bytes of files, when they were to be brought back.
    #[error("the files cannot be brought back: {0}")]
    Files(#[source] shelf::Error),
    /// What an operation under way came to.
    #[error("{0}")]
    Refused(Refusal),
    /// The address.
    #[error("cannot listen on {address}: {source}; choose another with {how}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
        /// What says where.
        how: &'static str,
    },
    /// The signing keys.
    #[error("cannot use the signing keys: {0}")]
    Keys(#[from] auth::keys::Error),
    /// The threads that hash passwords.
    #[error("cannot set up password hashing: {0}")]
    Passwords(#[from] auth::password::Error),
    /// The admin socket.
    #[error(transparent)]
    Admin(#[from] SocketError),
    /// The running server cannot be reached.
    #[error(transparent)]
    Unreachable(#[from] admin::Error),
    /// The machine.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What came of it.
        source: io::Error,
    },
}

/// What a server that is ready tells whoever started it.
#[derive(Clone, Debug)]
pub struct Listening {
    /// The address it listens on; with the real port when 0 was asked for.
    pub address: SocketAddr,
    /// Whether it speaks TLS there.
    pub tls: bool,
    /// The address of the metrics, likewise.
    pub metrics: Option<SocketAddr>,
    /// The admin socket.
    pub admin: PathBuf,
    /// The store, for people.
    pub store: String,
    /// Where it keeps its data.
    pub data_dir: PathBuf,
    /// Who may register: `open`, `invite`, `closed` or `auto`.
    pub registration: &'static str,
}

/// Runs the server until it is told to stop. `loaded` is what `sources` say; they are read again at a reload.
/// `ready` is called once it takes requests.
pub async fn serve(
    sources: Sources,
    loaded: Loaded,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    let feeds = new_feeds();
    let mut config = loaded.config;
    let levels = logging::start(&config.log, Clock::system(), Arc::clone(&feeds.log));
    lifecycle::open_many_files();
    let passed = Passed::take()?;
    if let Some(address) = passed.address()
        && address != config.server.listen
    {
        let set = config.server.listen;
        tracing::info!(%address, %set, "listening where the service manager says, not where server.listen does");
        // Who may register, and from where, depends on it.
        config.server.listen = address;
    }
    archive::check_settings(&config.archive).map_err(Error::Config)?;
    files::check_settings(&config).map_err(Error::Config)?;
    // Before the store is opened: it may not be there yet, and this is wrong all the same.
    webhook::load(&config.webhook).map_err(Error::Config)?;
    let access = Granted::resolve(&config.admin).map_err(Error::Config)?;
    let access = Access::new(access);
    let identity = tls::load(&config.tls).map_err(Error::Config)?;
    let (address, wait) = (passed.address(), config.store.wait.get());
    if loaded.origin.get("store.url") == Some(&Origin::Set) && config.store.url.has_secret() {
        tracing::warn!(
            "the password in store.url is on the process list; put the URL into a file, and name that as \
             store.url_file"
        );
    }
    if loaded.origin.get("webhook.secret") == Some(&Origin::Set) {
        tracing::warn!(
            "webhook.secret is on the process list; put it into a file, and name that as webhook.secret_file"
        );
    }
    let erasures = Erasures::at(&config.server.data_dir);
    let live = Live::new(config);
    let mut signals = lifecycle::Signals::listen().map_err(|source| Error::Io {
        what: "cannot listen for signals".into(),
        source,
    })?;
    let supervisor = Supervisor::of_env();
    // Opening may wait for a database that is not up yet.
    let mut core = tokio::select! {
        opened = Core::open(&live, &feeds, erasures) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
        never = supervisor.opening(wait) => match never {},
    };
    if let Err(e) = collect::begin(&core.app.files).await {
        core.close().await;
        return Err(e);
    }
    core.levels = Some(levels);
    core.app.tls.replace(identity);
    let rereader = Rereader::new(&core, sources, address, access.clone());
    core.reloads = Some(Arc::new(Reloads::new(Arc::new(rereader))));
    let opened = open_doors(&core, passed, access, ready);
    // Watches until the store has been closed.
    let _watchdog = match opened.and_then(|()| watchdog(supervisor, &core)) {
        Ok(watchdog) => watchdog,
        Err(e) => {
            core.close().await;
            return Err(e);
        }
    };
    supervisor.ready(&core.app).await;
    let status = supervisor.keep_status(Arc::clone(&core.app));
    core.app.tasks.spawn(status);
    let reloading = reload::at_signal(
        signals.reload(),
        core.desk(None).ops,
        supervisor,
        Arc::clone(&core.app),
    );
    core.app.tasks.spawn(reloading);
    signals.stop().await;
    let drain = live.get().server.drain.get();
    supervisor.stopping(drain).await;
    told::tell(&core.app, Kind::Server, "server.stopping", None);
    lifecycle::drain(&core.app).await;
    supervisor.closing().await;
    core.close().await;
    tracing::info!("stopped");
    Ok(())
}

fn watchdog(supervisor: Supervisor, core: &Core) -> Result<Option<Watchdog>, Error> {
    Watchdog::start(supervisor, &core.app).map_err(|source| Error::Io {
        what: "cannot start the watchdog's thread".into(),
        source,
    })
}

/// What is remembered of this process, from before anything else happens in it.
fn new_feeds() -> Arc<Feeds> {
    Arc::new(Feeds::new(BootId::new(Clock::system().now())))
}

fn open_doors(
    core: &Core,
    passed: Passed,
    access: Access,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    let app = &core.app;
    let config = &*app.config.snapshot();
    let socket = listen::socket(passed.http, config.server.listen)?;
    let address = listen::address(&socket)?;
    let metrics_socket = match config.metrics.listen {
        Some(address) => Some(listen::bind(address, listen::METRICS)?),
        None => None,
    };
    let metrics_address = metrics_socket.as_ref().map(listen::address).transpose()?;
    let listener = match passed.admin {
        Some(socket) => Listener::passed(socket)?,
        None => bind(config)?,
    };
    let path = listener.path().to_owned();
    let announced = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    core.backend
        .announce(&announced)
        .map_err(|source| Error::Io {
            what: "cannot write the lock file".into(),
            source,
        })?;
    let desk = core.desk(Some(address));
    let router = admin::router(desk, Handle::current());
    listener.serve_apart(router, access, app.stopping.clone(), &app.tasks)?;
    let upgrades = Router::new().route("/v1/ws", get(ws::upgrade));
    let router = http::router(app, core.desk(Some(address)), upgrades);
    app.tasks
        .spawn(listen::run(Arc::clone(app), socket, router));
    let reach = admin::reach::warn(config.admin.clone(), path.clone());
    app.tasks.spawn(reach);
    app.tasks.spawn(upkeep(core.app.clone()));
    app.tasks.spawn(told::watch_store(Arc::clone(app)));
    app.tasks.spawn(erase::run(app.redact.clone()));
    app.tasks.spawn(collect::run(app.files.clone()));
    app.tasks.spawn(Arc::clone(&app.chat.search).run());
    app.tasks.spawn(core.archive.clone().keep_schedule());
    app.tasks.spawn(core.webhook.clone().run());
    if let Some(socket) = metrics_socket {
        let pulse = Pulse::new(core.desk(Some(address)));
        let (stopping, tasks) = (app.stopping.clone(), app.tasks.clone());
        tasks.spawn(Arc::clone(&pulse).run(stopping.clone()));
        let serving = metrics::serve(socket, pulse, stopping, tasks.clone());
        tasks.spawn(serving);
    }
    let data_dir = config.server.data_dir.clone();
    tracing::info!(%address, data_dir = %data_dir.display(), epoch = %app.store.epoch(), "listening");
    told::tell(
        app,
        Kind::Server,
        "server.started",
        Some(format!("listening on {address}")),
    );
    ready(Listening {
        address,
        tls: app.tls.identity().is_some(),
        metrics: metrics_address,
        admin: path,
        store: format!("{}, {}", core.backend.name(), core.location.shown()),
        data_dir,
        registration: config.auth.registration.as_str(),
    });
    Ok(())
}

/// Makes the admin socket.
fn bind(config: &Config) -> Result<Listener, SocketError> {
    let keeper = std::fs::metadata(&config.server.data_dir).map(|it| it.uid());
    Listener::bind(&admin_socket(config), &config.admin.group, keeper.ok())
}

/// What has to be done now and then.
async fn upkeep(app: Arc<crate::door::App>) {
    let mut tick = interval(SWEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps = 0_u32;
    loop {
        tokio::select! {
            biased;
            () = app.stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        app.limits.sweep();
        sweeps += 1;
        if sweeps.is_multiple_of(SWEEPS_PER_KEY_CHECK) {
            core::tend_keys(&app).await;
        }
    }
}
