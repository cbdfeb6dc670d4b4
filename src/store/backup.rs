//! A backup as it lies on a disk: a directory with one SQLite file, whatever the store is, and a manifest.
//!
//! It is made under another name (`place`), and has its own once it is whole, checked and on the disk. So
//! whatever interrupts it, nothing is left that looks like a backup. What the file holds is the store as it
//! was at one moment; the private halves of the signing keys are not in it.

mod place;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    ops::ControlFlow,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::place::{Place, Staging, owner};
use super::{
    Error as StoreError, copy,
    raw::{Load, Scan, Table, Use, hex},
    sqlite::{Options, Sqlite},
};
use crate::{
    clock::{Clock, Millis},
    id::Epoch,
};

/// The database in a backup.
pub const DATABASE: &str = "chatd.db";
/// The directory with the bytes of files in a backup.
pub const FILES: &str = "files";
/// The manifest, without which a directory is no backup.
pub const MANIFEST: &str = "backup.json";
/// The form of both, as this chatd makes and reads it.
const FORMAT: u32 = 1;
/// A manifest is no longer than this.
const LONGEST: u64 = 64 * 1024;
/// How many records are read at a time.
const PAGE: usize = 1_000;
/// How much of a file is read at a time.
const PIECE: usize = 1 << 20;

/// Takes how much of how much is done; its answer may end the work.
pub type Tell = Arc<dyn Fn(u64, u64) -> ControlFlow<()> + Send + Sync>;

/// Why a backup was not made, or is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is there already.
    #[error("{0} is there already, and nothing was written")]
    Exists(String),
    /// What is there is no backup, so it is not overwritten.
    #[error("{0} is there and is no backup of chatd: it is not overwritten, not even when told to")]
    Foreign(String),
    /// No backup can be made there.
    #[error("no backup can be made at {path}: {why}")]
    Unfit {
        /// Where.
        path: String,
        /// Why not, and what to do.
        why: String,
    },
    /// Another backup to the same place, or another restore, is under way.
    #[error("another chatd is at work in {0}")]
    Busy(String),
    /// The disk has too little room.
    #[error(
        "the backup takes about {needed} bytes, and {path} has {free}{}",
        if *kept > 0 { format!(", of which store.min_free keeps {kept}") } else { String::new() }
    )]
    Space {
        /// Where.
        path: String,
        /// How many bytes it would have.
        needed: u64,
        /// How many are free.
        free: u64,
        /// How many of them have to stay so.
        kept: u64,
    },
    /// It is not what a backup is.
    #[error("{path} is no backup of chatd: {why}")]
    None {
        /// What was given.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is one, but was changed since.
    #[error("the backup {path} is not as it was made: {why}")]
    Altered {
        /// Which.
        path: String,
        /// What shows it.
        why: String,
    },
    /// A newer chatd made it.
    #[error(
        "the backup {path} was made by chatd {chatd}, {what} which is newer: use that chatd, or one after it"
    )]
    Newer {
        /// Which.
        path: String,
        /// By which chatd.
        chatd: String,
        /// What is newer in it.
        what: String,
    },
    /// A file.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is said of a backup beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup.
    pub format: u32,
    /// Which chatd made it.
    pub chatd: String,
    /// When: the snapshot is of this moment or a little later.
    pub taken_at: Millis,
    /// What the store was: `sqlite` or `mongodb`.
    pub backend: String,
    /// Its incarnation.
    pub epoch: String,
    /// The schema of the database in the backup, which is an SQLite of chatd's.
    pub schema: u32,
    /// The size of the database in bytes.
    pub bytes: u64,
    /// Its SHA-256, as lower-case hexadecimal.
    pub sha256: String,
    /// How many records each table has.
    pub records: BTreeMap<String, u64>,
    /// How many problems its check found. They are those of the store it was made of.
    pub problems: u64,
    /// How many files are in it, beside the database.
    #[serde(default)]
    pub files: u64,
    /// The object store in which those are, if they are in one; then it was only looked whether they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_in: Option<String>,
}

impl Manifest {
    /// Says what a finished database is.
    pub fn of(
        database: &Path,
        glance: &super::raw::Glance,
        backend: &str,
        taken_at: Millis,
        problems: u64,
    ) -> Result<Self, Error> {
        let counts = glance.counts.iter();
        let epoch = glance.epoch.as_ref().map(Epoch::to_string);
        Ok(Self {
            format: FORMAT,
            chatd: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at,
            backend: backend.to_owned(),
            epoch: epoch.unwrap_or_default(),
            schema: glance.schema,
            bytes: size(database)?,
            sha256: sha256(database)?,
            records: counts.map(|(table, n)| (table.to_string(), *n)).collect(),
            problems,
            files: 0,
            files_in: None,
        })
    }

    /// Reads that of the backup at `path`; says why it is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let none = |why: &str| Error::None {
            path: path.display().to_string(),
            why: why.to_owned(),
        };
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(none("it is no directory, and a backup is one")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(none("there is nothing there"));
            }
            Err(e) => return Err(failed("look at", path)(e)),
        }
        let text = match read_plain(&path.join(MANIFEST)) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(none(&format!("it has no {MANIFEST}")));
            }
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(none(&format!("its {MANIFEST} is {e}")));
            }
            Err(e) => return Err(failed("read", &path.join(MANIFEST))(e)),
        };
        let value: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|e| none(&format!("its {MANIFEST} does not read: {e}")))?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        let chatd = value.get("chatd").and_then(serde_json::Value::as_str);
        if let (Some(format), Some(chatd)) = (format, chatd)
            && format > u64::from(FORMAT)
        {
            return Err(Error::Newer {
                path: path.display().to_string(),
                chatd: chatd.to_owned(),
                what: format!("in format {format},"),
            });
        }
        serde_json::from_value(value)
            .map_err(|e| none(&format!("its {MANIFEST} is not one of chatd: {e}")))
    }

    /// Whether the database in the backup at `path` is the one that this was said of; answers where it is.
    pub fn check(&self, path: &Path) -> Result<PathBuf, Error> {
        let altered = |why: String| Error::Altered {
            path: path.display().to_string(),
            why,
        };
        let database = path.join(DATABASE);
        match fs::symlink_metadata(&database) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(altered(format!("its {DATABASE} is no file"))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(altered(format!("its {DATABASE} is gone")));
            }
            Err(e) => return Err(failed("look at", &database)(e)),
        }
        if self.schema > Sqlite::schema() {
            return Err(Error::Newer {
                path: path.display().to_string(),
                chatd: self.chatd.clone(),
                what: format!("with schema {},", self.schema),
            });
        }
        let (bytes, said) = (size(&database)?, self.bytes);
        if bytes != said {
            return Err(altered(format!(
                "its {DATABASE} has {bytes} bytes, and had {said}"
            )));
        }
        if sha256(&database)? != self.sha256 {
            return Err(altered(format!(
                "its {DATABASE} has another checksum than {MANIFEST} says"
            )));
        }
        Ok(database)
    }
}

/// Copies what `source` shows, which must be of one moment, into a new database at `to`.
pub async fn copy_rows(
    source: &dyn Scan,
    epoch: Epoch,
    secret: [u8; 32],
    to: &Path,
    tell: &Tell,
) -> Result<ControlFlow<()>, StoreError> {
    let options = options(to, &Clock::system());
    let opened = tokio::task::spawn_blocking(move || Sqlite::open_for(options, Use::Fill)).await;
    let target = opened.map_err(|e| StoreError::Unavailable(e.to_string()))??;
    let done = fill(source, &target, (epoch, secret), copy::BACKUP, tell).await;
    let done = match done {
        Ok(ControlFlow::Continue(())) => target.set_mark(None).await.map(ControlFlow::Continue),
        other => other,
    };
    super::Store::close(&target).await;
    done
}

/// Fills an empty store with what `source` shows. `mark` keeps it from being served, until it is taken away.
pub async fn fill(
    source: &dyn Scan,
    target: &dyn Load,
    (epoch, secret): (Epoch, [u8; 32]),
    mark: &str,
    tell: &Tell,
) -> Result<ControlFlow<()>, StoreError> {
    target.set_mark(Some(mark)).await?;
    target.identify(epoch, secret).await?;
    let (mut done, mut of) = (0, 0);
    for &table in Table::ALL {
        of += source.count(table).await?;
    }
    for &table in Table::ALL {
        let mut page = source.scan(table, None, PAGE).await?;
        while let Some(last) = page.last() {
            if tell(done, of).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let after = last.key(table).to_vec();
            done += page.len() as u64;
            let (put, next) = tokio::join!(
                target.load(table, page),
                source.scan(table, Some(&after), PAGE)
            );
            put?;
            page = next?;
        }
    }
    Ok(tell(done, of))
}

/// How the database of a backup is opened.
pub fn options(database: &Path, clock: &Clock) -> Options {
    Options {
        path: database.to_owned(),
        max_size: None,
        min_free: 0,
        readers: 2,
        clock: clock.clone(),
    }
}

/// The SHA-256 of a file, as lower-case hexadecimal.
fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(failed("read", path))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(failed("read", path))?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..read]);
    }
}

fn size(path: &Path) -> Result<u64, Error> {
    let found = fs::metadata(path).map_err(failed("look at", path))?;
    Ok(found.size())
}

/// Reads a small file, and nothing else: what is no file might never end, or never begin.
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    let odd = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(odd("no file"));
    }
    let mut text = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(odd("too long"));
    }
    Ok(text)
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        what,
        path: path.display().to_string(),
        source,
    }
}
