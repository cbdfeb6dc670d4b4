//! The lock of the data directory: one chatd per store, and the others can tell who it is.
//!
//! SQLite would let two processes write in turn; chatd must not, since rooms are kept in memory. Over a
//! MongoDB it only keeps two processes from one directory, and leads to the process that is there. `flock`
//! goes with the process, so a crash leaves nothing to clean up. The file stays behind: deleting it would
//! let two processes lock two files of the same name.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::store::Error;

/// How often and how long apart taking the lock is tried: [`lock_holder`] has it for an instant when it
/// looks, and that must not make a starting server fail.
const TRIES: (u32, Duration) = (5, Duration::from_millis(20));

/// The process that has a store open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id; 0 when it cannot be told.
    pub pid: u32,
    /// Its admin socket, once it has one.
    pub socket: Option<PathBuf>,
}

/// The lock, while it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock beside the file `db`, or says who has it. Makes the directory (for us alone) when
    /// it is missing.
    pub(crate) fn take(db: &Path) -> Result<Self, Error> {
        let path = lock_path(db);
        let open_error = |e: io::Error| Error::Open {
            path: path.display().to_string(),
            why: e.to_string(),
        };
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(open_error)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(open_error)?;
        for attempt in 1.. {
            match try_lock(&file) {
                Ok(true) => break,
                Ok(false) if attempt < TRIES.0 => thread::sleep(TRIES.1),
                Ok(false) => {
                    let Holder { pid, socket } = read_holder(&file);
                    let path = db.display().to_string();
                    return Err(Error::Locked { path, pid, socket });
                }
                Err(e) => return Err(open_error(e)),
            }
        }
        let lock = Self { file };
        lock.write(None).map_err(open_error)?;
        Ok(lock)
    }

    /// Writes who we are, for whoever finds the store locked.
    pub(crate) fn write(&self, socket: Option<&Path>) -> io::Result<()> {
        let holder = Holder {
            pid: std::process::id(),
            socket: socket.map(Path::to_owned),
        };
        let mut line = serde_json::to_string(&holder)?;
        line.push('\n');
        // Written over, then cut: a reader takes the first line and finds it whole at any moment.
        self.file.write_all_at(line.as_bytes(), 0)?;
        self.file.set_len(line.len() as u64)
    }
}

/// Which live process has the store at `db` open, if any does. Opens nothing but the lock file.
pub fn lock_holder(db: &Path) -> io::Result<Option<Holder>> {
    let file = match File::open(lock_path(db)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    // A lock taken here goes as the file is closed.
    Ok(if try_lock(&file)? {
        None
    } else {
        Some(read_holder(&file))
    })
}

fn lock_path(db: &Path) -> PathBuf {
    db.with_file_name("chatd.lock")
}

fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// What the file says; a holder that has not written it yet has the process id 0.
fn read_holder(mut file: &File) -> Holder {
    let mut text = String::new();
    let line = match file.read_to_string(&mut text) {
        Ok(_) => text.lines().next().unwrap_or_default(),
        Err(_) => "",
    };
    serde_json::from_str(line).unwrap_or(Holder {
        pid: 0,
        socket: None,
    })
}
