//! The admin socket: made so that it is never open to the wrong people, not even for an instant.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener as StdListener, UnixStream as StdStream},
    },
    path::{Path, PathBuf},
};

use axum::Router;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::router::{Peer, serve_connection};

/// The longest path the kernel takes for a socket, without the closing zero.
const LONGEST: usize = 107;
/// How many may speak to it at once; the next waits in the kernel's queue.
const CONNECTIONS: usize = 64;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers at that path.
    #[error("another chatd answers at {0}; stop it, or set admin.socket to another path")]
    InUse(String),
    /// The kernel takes no path as long as this.
    #[error(
        "the path {0} is too long for a socket (107 bytes at most); set admin.socket to a shorter one"
    )]
    TooLong(String),
    /// It cannot be made.
    #[error("cannot make the admin socket {path}: {source}")]
    Io {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// The socket, listening.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Whether the file is ours to take away at the end.
    made_here: bool,
}

impl Listener {
    /// Makes the socket. A file left behind by a server that is gone is replaced; one that answers is not.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let shown = path.display().to_string();
        let io = |source| SocketError::Io {
            path: shown.clone(),
            source,
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Bound in a directory that only we can enter, given its mode there, and only then put in place.
        let private = parent.join(format!(".chatd-{}", std::process::id()));
        let inside = private.join("s");
        if inside.as_os_str().len().max(path.as_os_str().len()) > LONGEST {
            return Err(SocketError::TooLong(shown));
        }
        if let Ok(there) = fs::symlink_metadata(path) {
            if !there.file_type().is_socket() {
                return Err(io(io::Error::other(
                    "there is something else; set admin.socket to another path",
                )));
            }
            match StdStream::connect(path) {
                Ok(_) => return Err(SocketError::InUse(shown)),
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(e) => return Err(io(e)),
            }
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(&io)?;
        let _left_by_a_crash = fs::remove_dir_all(&private);
        DirBuilder::new()
            .mode(0o700)
            .create(&private)
            .map_err(&io)?;
        let made = UnixListener::bind(&inside).and_then(|socket| {
            fs::set_permissions(&inside, Permissions::from_mode(0o660))?;
            fs::rename(&inside, path)?;
            Ok(socket)
        });
        let _empty_now = fs::remove_dir_all(&private);
        Ok(Self {
            socket: made.map_err(io)?,
            path: path.to_owned(),
            made_here: true,
        })
    }

    /// Takes a socket that the service manager made and listens on: its owner, mode and end are that one's
    /// business. It must not block.
    pub fn passed(socket: StdListener) -> Result<Self, SocketError> {
        let address = socket.local_addr();
        let path = address.as_ref().ok().and_then(|it| it.as_pathname());
        let path = path.unwrap_or(Path::new("")).to_owned();
        let io = |source| SocketError::Io {
            path: path.display().to_string(),
            source,
        };
        if path.as_os_str().is_empty() {
            return Err(io(io::Error::other(
                "the socket that the service manager passed has no path; give it one in the socket unit",
            )));
        }
        Ok(Self {
            socket: UnixListener::from_std(socket).map_err(io)?,
            path,
            made_here: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Answers until `stop`.
    pub async fn serve(self, router: Router, stop: CancellationToken, tasks: TaskTracker) {
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = std::sync::Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(e) => {
                    tracing::warn!(error = %e, "the admin socket cannot accept");
                    // Out of files, most likely: let some go.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(cred) = stream.peer_cred() else {
                continue;
            };
            let peer = Peer {
                uid: cred.uid(),
                gid: cred.gid(),
                pid: cred.pid(),
            };
            let (router, stop) = (router.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = serve_connection(TokioIo::new(stream), router, peer) => {}
                    () = stop.cancelled() => {}
                }
                drop(place);
            });
        }
        if self.made_here {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}
