//! The file of the admin socket: how it comes to its place, and how it goes.
//!
//! It is bound in a directory that only we can enter, given its mode and group there, and only then moved to its
//! place: there is no moment at which the wrong people could connect. Whoever looks whether a socket that lies there
//! is alive, and then replaces it, holds a lock on the directory meanwhile; without it two servers that start at the
//! same moment could both find the same dead file, and the second take the place of the first.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions, TryLockError},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};

use super::SocketError;

/// The longest path the kernel takes for a socket, without the closing zero.
const LONGEST: usize = 107;
/// How long another may hold the directory's lock: making a socket takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// From one try to take it to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// A socket's file that we made.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Which file it is, as another may lie there by the time we go.
    device: u64,
    inode: u64,
}

/// Makes a socket and puts it at `path`, for its owner and for `group`, or else for our own group. The directory has
/// to belong to root, to us, or to `keeper`.
pub(super) fn bind(
    path: &Path,
    group: Option<u32>,
    keeper: Option<u32>,
) -> Result<(UnixListener, Place), SocketError> {
    let shown = || path.display().to_string();
    let io = |source| SocketError::Io {
        path: shown(),
        source,
    };
    let parent = parent(path);
    let private = parent.join(format!(".chatd-{}", std::process::id()));
    let inside = private.join("s");
    let length = inside.as_os_str().len().max(path.as_os_str().len());
    if length > LONGEST {
        return Err(SocketError::TooLong(shown()));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(io)?;
    check(parent, keeper)?;
    let _lock = lock(parent)?;
    look(path)?;
    let _left_by_a_crash = fs::remove_dir_all(&private);
    DirBuilder::new().mode(0o700).create(&private).map_err(io)?;
    let made = make(&inside, path, group, io);
    let _empty_now = fs::remove_dir_all(&private);
    let (socket, file) = made?;
    let place = Place {
        path: path.to_owned(),
        device: file.dev(),
        inode: file.ino(),
    };
    Ok((socket, place))
}

fn make(
    inside: &Path,
    path: &Path,
    group: Option<u32>,
    io: impl Fn(io::Error) -> SocketError,
) -> Result<(UnixListener, Metadata), SocketError> {
    let socket = UnixListener::bind(inside).map_err(&io)?;
    socket.set_nonblocking(true).map_err(&io)?;
    if let Some(gid) = group {
        chown(inside, None, group).map_err(|e| {
            SocketError::Group(format!(
                "cannot give the socket to group {gid}: {e}; the user the server runs as must be in it"
            ))
        })?;
    }
    fs::set_permissions(inside, Permissions::from_mode(0o660)).map_err(&io)?;
    let file = fs::symlink_metadata(inside).map_err(&io)?;
    fs::rename(inside, path).map_err(&io)?;
    Ok((socket, file))
}

impl Place {
    /// Takes the file away, if it is still ours that lies there.
    pub(super) fn clear(self) {
        // One that could not be locked is left: the next server sees that nobody answers there.
        let Ok(_lock) = lock(parent(&self.path)) else {
            return;
        };
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.inode)) {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Refuses a directory in which somebody else could put their own socket in the place of ours.
fn check(dir: &Path, keeper: Option<u32>) -> Result<(), SocketError> {
    let shown = || dir.display().to_string();
    let exposed = |why| SocketError::Exposed { dir: shown(), why };
    let found = fs::metadata(dir).map_err(|source| SocketError::Io {
        path: shown(),
        source,
    })?;
    let (owner, mode) = (found.uid(), found.mode());
    let us = rustix::process::geteuid().as_raw();
    if owner != 0 && owner != us && Some(owner) != keeper {
        return Err(exposed(format!("it belongs to uid {owner}")));
    }
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        return Err(exposed("everyone may write in it".into()));
    }
    Ok(())
}

/// Takes the directory's lock. A file system that has none for directories goes without.
fn lock(dir: &Path) -> Result<Option<File>, SocketError> {
    let shown = || dir.display().to_string();
    let file = File::open(dir).map_err(|source| SocketError::Io {
        path: shown(),
        source,
    })?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(SocketError::Locked(shown())),
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, dir = %dir.display(), "the directory of the admin socket cannot be locked");
                return Ok(None);
            }
        }
    }
}

/// Refuses a place where something lies that is no socket, or a socket at which somebody answers.
fn look(path: &Path) -> Result<(), SocketError> {
    let shown = || path.display().to_string();
    let io = |e: Errno| SocketError::Io {
        path: shown(),
        source: e.into(),
    };
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(SocketError::Taken(shown())),
        Err(_) => return Ok(()),
    }
    let address = SocketAddrUnix::new(path).map_err(io)?;
    // Without waiting: the queue of one that is alive may be full.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(io)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::AGAIN) => Err(SocketError::InUse(shown())),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        Err(e) => Err(io(e)),
    }
}

#[cfg(test)]
mod tests;
