//! Where a backup is made: beside its place, under a name of its own, for the owner only, and moved there once
//! it is whole.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with, statvfs};

use super::{DATABASE, Error, FILES, MANIFEST, Manifest, failed};

/// What stands before and after the name of a backup while it is made.
const BEFORE: &str = ".";
const AFTER: &str = ".partial";
/// What may lie in one that is being made, beside the database.
const BESIDE: [&str; 4] = [
    "chatd.lock",
    "chatd.db-journal",
    "chatd.db-shm",
    "chatd.db-wal",
];

/// A directory for us alone beside its final place; gone with all in it when it is dropped.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    /// Keeps others from it.
    _lock: File,
}

impl Staging {
    /// Makes it; what a process left there that was killed is cleared.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        let lock = match make(path) {
            Ok(lock) => lock,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => take_over(path)?,
            Err(e) => return Err(failed("make", path)(e)),
        };
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            // It has its place.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                let path = self.path.display();
                tracing::warn!(%path, error = %e, "what is left of a backup or a restore cannot be deleted");
            }
            Ok(()) => {}
        }
    }
}

/// A backup in the making; gone with all that was made when it is dropped unfinished.
#[derive(Debug)]
pub struct Place {
    /// Where it is to be.
    to: PathBuf,
    /// Where it is made.
    partial: Staging,
    /// Whether what is there is to be replaced.
    replace: bool,
    /// Who is to own it, where that is not who makes it.
    owner: Option<(u32, u32)>,
}

impl Place {
    /// Whether a backup can be made at `to`, without making anything. What is there is replaced only when it is
    /// a backup, and `force` says so.
    pub fn check(to: &Path, force: bool) -> Result<(), Error> {
        let (_, name) = parts(to)?;
        if is_partial(name) {
            return Err(Error::Unfit {
                path: to.display().to_string(),
                why: "backups are called so while they are made; choose another name".into(),
            });
        }
        match fs::symlink_metadata(to) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed("look at", to)(e)),
            Ok(_) if !force => Err(Error::Exists(to.display().to_string())),
            Ok(found) if found.is_dir() && Manifest::read(to).is_ok() => Ok(()),
            Ok(_) => Err(Error::Foreign(to.display().to_string())),
        }
    }

    /// Refuses when the disk has no room for so many bytes. On the disk of `data` so many are kept free.
    pub fn check_space(to: &Path, data: &Path, needed: u64, min_free: u64) -> Result<(), Error> {
        let (parent, _) = parts(to)?;
        let disk = |path| fs::metadata(path).map(|found| found.dev()).ok();
        let kept = if disk(parent) == disk(data) {
            min_free
        } else {
            0
        };
        // A disk that does not tell says so when it is written to.
        let Ok(found) = statvfs(parent) else {
            return Ok(());
        };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free < needed.saturating_add(kept) {
            return Err(Error::Space {
                path: parent.display().to_string(),
                needed,
                free,
                kept,
            });
        }
        Ok(())
    }

    /// Begins a backup that is to be at `to`, with the owner of `data`.
    pub fn begin(to: &Path, force: bool, data: &Path) -> Result<Self, Error> {
        Self::check(to, force)?;
        let (parent, name) = parts(to)?;
        let mut hidden = OsString::from(BEFORE);
        hidden.push(name);
        hidden.push(AFTER);
        clear_leftovers(parent);
        Ok(Self {
            to: to.to_owned(),
            partial: Staging::begin(&parent.join(hidden))?,
            replace: force,
            owner: owner(data),
        })
    }

    /// Where the database is to be written.
    pub fn database(&self) -> PathBuf {
        self.partial.path().join(DATABASE)
    }

    /// Where the bytes of files are to be copied.
    pub fn files(&self) -> PathBuf {
        self.partial.path().join(FILES)
    }

    /// Puts everything on the disk and gives the backup its name.
    pub fn finish(self, manifest: &Manifest) -> Result<(), Error> {
        let partial = self.partial.path().to_owned();
        let database = self.database();
        let logs = |beside: &str| beside.ends_with("wal") || beside.ends_with("journal");
        for beside in BESIDE {
            let path = partial.join(beside);
            match fs::metadata(&path) {
                Ok(found) if logs(beside) && found.len() > 0 => {
                    let busy = io::Error::other("it is not empty: the copy is not closed");
                    return Err(failed("finish", &path)(busy));
                }
                Ok(_) => fs::remove_file(&path).map_err(failed("delete", &path))?,
                Err(_) => {}
            }
        }
        let path = partial.join(MANIFEST);
        let mut text = serde_json::to_vec_pretty(manifest)
            .map_err(|e| failed("write", &path)(io::Error::other(e)))?;
        text.push(b'\n');
        write(&path, &text).map_err(failed("write", &path))?;
        sync(&database).map_err(failed("sync", &database))?;
        if let Some((uid, gid)) = self.owner {
            for path in [&path, &database, &partial] {
                chown(path, Some(uid), Some(gid)).map_err(failed("give away", path))?;
            }
        }
        sync(&partial).map_err(failed("sync", &partial))?;
        self.put()?;
        let (parent, _) = parts(&self.to)?;
        sync(parent).map_err(failed("sync", parent))
    }

    /// Moves it to its place, in one step.
    fn put(&self) -> Result<(), Error> {
        let there = fs::symlink_metadata(&self.to).is_ok();
        if self.replace && there {
            // What was there is under the other name then, and goes with this.
            Self::check(&self.to, true)?;
            let swap = renameat_with(
                CWD,
                self.partial.path(),
                CWD,
                &self.to,
                RenameFlags::EXCHANGE,
            );
            return swap.map_err(|e| failed("replace", &self.to)(e.into()));
        }
        match renameat_with(
            CWD,
            self.partial.path(),
            CWD,
            &self.to,
            RenameFlags::NOREPLACE,
        ) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => {
                return Err(Error::Exists(self.to.display().to_string()));
            }
            // Not every file system can.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !there => {
                fs::rename(self.partial.path(), &self.to).map_err(failed("make", &self.to))?;
            }
            Err(e) => return Err(failed("make", &self.to)(e.into())),
        }
        Ok(())
    }
}

/// The directory of a place, and the name in it.
fn parts(to: &Path) -> Result<(&Path, &OsStr), Error> {
    let unfit = |why: String| Error::Unfit {
        path: to.display().to_string(),
        why,
    };
    if !to.is_absolute() {
        return Err(unfit("it is no absolute path".into()));
    }
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(unfit("it has no name in a directory".into()));
    };
    match fs::metadata(parent) {
        Ok(found) if found.is_dir() => Ok((parent, name)),
        Ok(_) => Err(unfit(format!("{} is no directory", parent.display()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(unfit(format!(
            "there is no directory {}; make it first",
            parent.display()
        ))),
        Err(e) => Err(failed("look at", parent)(e)),
    }
}

/// Opens a directory, and nothing else: what is none might keep us waiting, or lead elsewhere.
fn open(path: &Path) -> io::Result<File> {
    let only = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let only = i32::try_from(only.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(only).open(path)
}

/// Whether a name is that of a backup in the making.
fn is_partial(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(BEFORE.as_bytes()) && name.ends_with(AFTER.as_bytes())
}

/// Makes a directory for us alone, and locks it.
fn make(path: &Path) -> io::Result<File> {
    DirBuilder::new().mode(0o700).create(path)?;
    let dir = open(path)?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive)?;
    Ok(dir)
}

/// Takes over what a process left that was killed.
fn take_over(partial: &Path) -> Result<File, Error> {
    clear(partial)?;
    make(partial).map_err(failed("make", partial))
}

/// Clears what a process left that was killed.
fn clear(partial: &Path) -> Result<(), Error> {
    let old = open(partial).map_err(failed("open", partial))?;
    match flock(&old, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(Error::Busy(partial.display().to_string()));
        }
        Err(e) => return Err(failed("lock", partial)(e.into())),
    }
    fs::remove_dir_all(partial).map_err(failed("delete", partial))
}

/// Clears what processes that were killed left of other backups: each is as large as the store, and nobody asks for
/// one of that name again. What cannot be cleared stays, and what somebody is at as well.
fn clear_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.file_name().is_some_and(is_partial) && is_leftover(&path) {
            match clear(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "what was left of a backup is cleared");
                }
                Err(why) => tracing::debug!(%why, "what is left of a backup stays"),
            }
        }
    }
}

/// Whether a directory is ours and has what a backup in the making has, and nothing else. Whether somebody is at it,
/// its lock says.
fn is_leftover(path: &Path) -> bool {
    let ours = |dir: File| {
        let found = dir.metadata().ok()?;
        (found.uid() == rustix::process::geteuid().as_raw()).then_some(())
    };
    let names = || -> Option<Vec<OsString>> {
        open(path).ok().and_then(ours)?;
        let entries = fs::read_dir(path).ok()?;
        entries.map(|entry| Some(entry.ok()?.file_name())).collect()
    };
    let known = |name: &OsString| {
        let beside = || BESIDE.iter().any(|it| name == it);
        name == DATABASE || name == MANIFEST || beside()
    };
    names()
        .is_some_and(|names| names.iter().any(|name| name == DATABASE) && names.iter().all(known))
}

/// Who a file is to be given to: who owns the data, where we are root and they are not.
pub fn owner(data: &Path) -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let found = fs::metadata(data).ok()?;
    (found.uid() != 0).then(|| (found.uid(), found.gid()))
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
