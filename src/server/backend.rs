//! Which store the settings mean, and opening it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Error;
use crate::{
    clock::Clock,
    config::{Config, Url},
    store::{
        self, Store,
        lock::Lock,
        mongo::Mongo,
        sqlite::{Options, Sqlite},
    },
};

/// The file that stands for the embedded store in the data directory; the lock lies beside it, whatever
/// the store is.
const FILE: &str = "chatd.db";
/// The file beside it that has the session of a MongoDB in which is written.
const SESSION: &str = "mongodb.session";

/// Where the settings say the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A database file.
    Sqlite(PathBuf),
    /// A MongoDB, and the file in the data directory that the lock lies beside.
    Mongo(Url, PathBuf),
}

/// The open store. Whoever finds the lock held is led to us by it.
#[derive(Debug)]
pub(super) enum Backend {
    /// It has the lock itself.
    Sqlite(Arc<Sqlite>),
    /// The lock is ours.
    Mongo(Arc<Mongo>, Lock),
}

impl Location {
    /// Reads the settings, and the file that has the URL if they name one.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let url = url(config)?;
        if url.is_empty() {
            return Ok(Self::Sqlite(Self::beside_data(config)));
        }
        Self::parse(&url, config)
    }

    /// Reads a URL.
    pub(super) fn parse(url: &Url, config: &Config) -> Result<Self, Error> {
        match url.expose().strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(real(PathBuf::from(path)))),
            None if url.expose().starts_with("mongodb") => {
                Ok(Self::Mongo(url.clone(), Self::beside_data(config)))
            }
            _ => Err(Error::Config(
                "store.url names no known store; write sqlite:PATH or mongodb://HOST/DATABASE"
                    .into(),
            )),
        }
    }

    /// The file of the embedded store in the data directory, there or not.
    pub(super) fn beside_data(config: &Config) -> PathBuf {
        real(config.server.data_dir.join(FILE))
    }

    /// The database file, where it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Mongo(..) => None,
        }
    }

    /// The newest schema of its backend.
    pub(super) fn newest(&self) -> u32 {
        match self {
            Self::Sqlite(_) => Sqlite::schema(),
            Self::Mongo(..) => Mongo::schema(),
        }
    }

    /// The file that the lock lies beside.
    pub(super) fn beside(&self) -> &Path {
        match self {
            Self::Sqlite(path) | Self::Mongo(_, path) => path,
        }
    }

    /// For people, without credentials.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Mongo(url, _) => url.to_string(),
        }
    }

    /// Opens it, and makes what is missing.
    pub(super) async fn open(self, config: &Config, clock: &Clock) -> Result<Backend, Error> {
        let path = match self {
            Self::Sqlite(path) => path,
            Self::Mongo(url, beside) => {
                let lock = Lock::take(&beside)?;
                let (wait, note) = (config.store.wait.get(), beside.with_file_name(SESSION));
                let mongo = Mongo::open_noting(url.expose(), wait, clock, &note).await?;
                return Ok(Backend::Mongo(Arc::new(mongo), lock));
            }
        };
        let options = Options {
            path,
            max_size: Some(config.store.max_size.as_u64()).filter(|size| *size > 0),
            min_free: config.store.min_free.as_u64(),
            readers: config.store.readers,
            clock: clock.clone(),
        };
        let opened = tokio::task::spawn_blocking(move || Sqlite::open(options)).await;
        let sqlite = opened.map_err(|e| Error::Io {
            what: "cannot open the store".into(),
            source: e.into(),
        })??;
        Ok(Backend::Sqlite(Arc::new(sqlite)))
    }
}

impl Backend {
    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::<Sqlite>::clone(store),
            Self::Mongo(store, _) => Arc::<Mongo>::clone(store),
        }
    }

    /// What it is, for people.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Mongo(..) => "MongoDB",
        }
    }

    /// Says where our admin socket is.
    pub(super) fn announce(&self, socket: &Path) -> io::Result<()> {
        match self {
            Self::Sqlite(store) => store.announce(socket),
            Self::Mongo(_, lock) => lock.write(Some(socket)),
        }
    }
}

/// Where a link leads: the lock lies beside the file itself, so that two paths to it are one store.
fn real(path: PathBuf) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(&path) {
        return real;
    }
    // Of a file that is not there yet its directory may be.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = std::fs::canonicalize(dir.unwrap_or(Path::new(".")));
    match (dir, path.file_name()) {
        (Ok(dir), Some(name)) => dir.join(name),
        _ => std::path::absolute(&path).unwrap_or(path),
    }
}

/// The URL, from the settings or from the file that keeps it off the process list.
fn url(config: &Config) -> Result<Url, Error> {
    let file = &config.store.url_file;
    if file.as_os_str().is_empty() {
        return Ok(config.store.url.clone());
    }
    let text = std::fs::read_to_string(file).map_err(|e| {
        Error::Config(format!(
            "cannot read store.url_file {}: {e}",
            file.display()
        ))
    })?;
    Ok(Url::from(text.trim()))
}

/// The process that has this location open, if one does.
pub(super) fn holder(location: &Location) -> io::Result<Option<store::lock::Holder>> {
    store::lock::lock_holder(location.beside())
}
