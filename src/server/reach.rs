//! Whom the command line speaks to: the server that has the store open, or the same router in its own process.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    Error,
    backend::{self, Location},
    core::Core,
    new_feeds,
};
use crate::{
    admin::{self, Client, Peer},
    config::{Config, Live, Period},
    store::{self, erasures::Erasures},
};

/// How long the command line waits for a database, at most.
const PATIENCE: Duration = Duration::from_secs(5);

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
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && known_socket(config).is_some() => {
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

/// Where the admin socket is without looking at the store: where the settings say, or, of the service of this
/// machine, where its unit has it made (`systemd/chatd.service`).
fn known_socket(config: &Config) -> Option<&Path> {
    let named = &config.admin.socket;
    if !named.as_os_str().is_empty() {
        return Some(named);
    }
    let of_service = config.server.data_dir == Path::new("/var/lib/chatd");
    of_service.then(|| Path::new("/run/chatd/admin.sock"))
}

/// The server at the socket that is known; none where nobody answers.
async fn find_by_socket(config: &Config) -> Result<Option<Client>, Error> {
    let Some(socket) = known_socket(config) else {
        return Ok(None);
    };
    match Client::connect(socket).await {
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
    let elsewhere = known_socket(config).is_some_and(is_there);
    Ok(match location {
        Location::Sqlite(path) if !held && !elsewhere && !path.exists() => Some(path),
        _ => None,
    })
}

/// One that may not be looked at is there, and speaking to it says so.
fn is_there(socket: &Path) -> bool {
    match socket.symlink_metadata() {
        Ok(_) => true,
        Err(e) => e.kind() == io::ErrorKind::PermissionDenied,
    }
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
    let erasures = Erasures::at(&config.server.data_dir);
    let core = Core::open(&Live::new(config), &new_feeds(), erasures).await?;
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
