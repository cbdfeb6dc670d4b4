//! The only wiring: opens what lasts, builds each part once, opens the doors, and at the end closes all in the
//! opposite order.

mod backend;
mod core;
mod erase;
mod listen;
mod passed;
pub mod stores;
mod told;

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

use self::{backend::Location, core::Core, passed::Passed};
use crate::{
    admin::{self, Access, Client, Listener, Peer, SocketError},
    auth,
    clock::Clock,
    config::{Config, Loaded, Origin, Period},
    feed::{Feeds, Kind},
    http,
    id::BootId,
    lifecycle::{self, Supervisor, Watchdog},
    logging,
    metrics::{self, Pulse},
    store, ws,
};

/// How often rate limits forget who has not been seen.
const SWEEP: Duration = Duration::from_mins(1);
/// How long the command line waits for a database, at most.
const PATIENCE: Duration = Duration::from_secs(5);
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
    /// Copying a store.
    #[error(transparent)]
    Copy(#[from] store::copy::Error),
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

/// Runs the server until it is told to stop. `ready` is called once it takes requests.
pub async fn serve(loaded: Loaded, ready: impl FnOnce(Listening)) -> Result<(), Error> {
    let feeds = new_feeds();
    let mut config = loaded.config;
    let levels = logging::start(&config.log, Clock::system(), Arc::clone(&feeds.log));
    let passed = Passed::take()?;
    if let Some(address) = passed.address()
        && address != config.server.listen
    {
        let set = config.server.listen;
        tracing::info!(%address, %set, "listening where the service manager says, not where server.listen does");
        // Who may register, and from where, depends on it.
        config.server.listen = address;
    }
    let config = Arc::new(config);
    if loaded.origin.get("store.url") == Some(&Origin::Set) && config.store.url.has_secret() {
        tracing::warn!(
            "the password in store.url is on the process list; put the URL into a file, and name that as \
             store.url_file"
        );
    }
    let mut signals = lifecycle::Signals::listen().map_err(|source| Error::Io {
        what: "cannot listen for signals".into(),
        source,
    })?;
    let supervisor = Supervisor::of_env();
    // Opening may wait for a database that is not up yet.
    let mut core = tokio::select! {
        opened = Core::open(&config, &feeds) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
        never = supervisor.opening(config.store.wait.get()) => match never {},
    };
    core.levels = Some(levels);
    let opened = open_doors(&core, passed, ready).await;
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
    signals.stop().await;
    supervisor.stopping(config.server.drain.get()).await;
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

async fn open_doors(
    core: &Core,
    passed: Passed,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    let (app, config) = (&core.app, &core.app.config);
    let socket = listen::socket(passed.http, config.server.listen).await?;
    let address = listen::address(&socket)?;
    let metrics_socket = match config.metrics.listen {
        Some(address) => Some(listen::bind(address, listen::METRICS).await?),
        None => None,
    };
    let metrics_address = metrics_socket.as_ref().map(listen::address).transpose()?;
    let access = Access::resolve(&config.admin).map_err(Error::Config)?;
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
    app.tasks.spawn(core.archive.clone().keep_schedule());
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
        metrics: metrics_address,
        admin: path,
        store: format!("{}, {}", core.backend.name(), core.location),
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

/// Whom the command line speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A running server.
    Daemon,
    /// The store itself: no server runs.
    Offline {
        /// Which.
        store: String,
    },
}

/// Closes what [`administer`] opened.
#[derive(Debug)]
pub struct Closer(Option<Core>);

impl Closer {
    /// Closes the store, if it was opened here.
    pub async fn close(self) {
        if let Some(core) = self.0 {
            core.close().await;
        }
    }
}

/// A client to the server that has the store open; none when no server runs. Makes nothing and opens no store, so
/// that asking is never in the way of a server that starts. Who may not look at the store, or has none here, and
/// says where the admin socket is, gets the server behind that.
pub async fn find(config: &Config) -> Result<Option<Client>, Error> {
    let location = Location::of(config)?;
    let path = location.beside();
    let holder = match backend::holder(&location) {
        Ok(Some(holder)) => holder,
        Ok(None) => return find_by_socket(config).await,
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && is_socket_named(config) => {
            return find_by_socket(config).await;
        }
        Err(source) => {
            return Err(Error::Io {
                what: format!("cannot look at the store in {}", parent(path).display()),
                source,
            });
        }
    };
    let Some(socket) = holder.socket else {
        let path = parent(path).display().to_string();
        return Err(store::Error::Locked {
            path,
            pid: holder.pid,
            socket: None,
        }
        .into());
    };
    Ok(Some(Client::connect(&socket).await?))
}

fn is_socket_named(config: &Config) -> bool {
    !config.admin.socket.as_os_str().is_empty()
}

/// The server at the socket that the settings name; none where nobody answers.
async fn find_by_socket(config: &Config) -> Result<Option<Client>, Error> {
    if !is_socket_named(config) {
        return Ok(None);
    }
    match Client::connect(&config.admin.socket).await {
        Ok(client) => Ok(Some(client)),
        Err(admin::Error::Unreachable { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The process that has the store of these settings; none when nobody has. Opens nothing but the lock file.
pub fn holder(config: &Config) -> Result<Option<store::lock::Holder>, Error> {
    let location = Location::of(config)?;
    backend::holder(&location).map_err(|source| Error::Io {
        what: format!(
            "cannot look at the store in {}",
            parent(location.beside()).display()
        ),
        source,
    })
}

/// The path of the store, when there is none yet and no server runs that has another: whoever only looks need
/// not make one.
pub fn missing_store(config: &Config) -> Result<Option<PathBuf>, Error> {
    let location = Location::of(config)?;
    // What cannot be looked at is told by whoever opens it.
    let held = backend::holder(&location).is_ok_and(|holder| holder.is_some());
    let elsewhere = is_socket_named(config) && config.admin.socket.exists();
    Ok(match location {
        Location::Sqlite(path) if !held && !elsewhere && !path.exists() => Some(path),
        _ => None,
    })
}

/// A client for operators: to the server that has the store open, or else to the same router in this
/// process, over the store itself.
pub async fn administer(config: &Config) -> Result<(Client, Mode, Closer), Error> {
    if let Some(client) = find(config).await? {
        return Ok((client, Mode::Daemon, Closer(None)));
    }
    let store = Location::of(config)?.shown();
    let mut config = config.clone();
    // Somebody sits in front of it.
    config.store.wait = config.store.wait.min(Period(PATIENCE));
    let core = Core::open(&Arc::new(config), &new_feeds()).await?;
    let router = admin::router(core.desk(None), Handle::current());
    let client = Client::local(router, Peer::this()).await?;
    Ok((client, Mode::Offline { store }, Closer(Some(core))))
}

/// The admin socket of a server with these settings: where it was said to be, where the service manager made
/// room for it, or else beside the data, where every server of a machine has its own.
pub fn admin_socket(config: &Config) -> PathBuf {
    if !config.admin.socket.as_os_str().is_empty() {
        return config.admin.socket.clone();
    }
    match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(dir) if !dir.is_empty() => Path::new(&dir).join("admin.sock"),
        _ => config.server.data_dir.join("admin.sock"),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
