//! The admin socket: made so that it is never open to the wrong people, not even for an instant.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _, chown},
        net::{UnixListener as StdListener, UnixStream as StdStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{StatusCode, header},
};
use hyper_util::rt::TokioIo;
use rustix::fs::{FlockOperation, flock};
use tokio::{
    net::{UnixListener, UnixStream},
    runtime::Builder,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    access::{Access, Peer, group},
    level::Level,
    router::serve_connection,
};

/// The longest path the kernel takes for a socket, without the closing zero.
const LONGEST: usize = 107;
/// How many may speak to it at once, of those who own and of all others: so that the others cannot keep out who
/// could mend it.
const PLACES: usize = 32;
/// How long one more may take to hear that there is no place.
const TURNED_AWAY: Duration = Duration::from_secs(1);

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
    /// There is no such group, or the server may not give the socket to it.
    #[error("admin.group: {0}")]
    Group(String),
    /// It cannot be made.
    #[error("cannot make the admin socket {path}: {source}")]
    Io {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// How long another server may take to put its socket in place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket, listening.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
    path: PathBuf,
    /// Whether the file is ours to take away at the end.
    made_here: bool,
}

impl Listener {
    /// Makes the socket, for a group if one is named. A file left behind by a server that is gone is replaced; one
    /// that answers is not.
    pub fn bind(path: &Path, for_group: &str) -> Result<Self, SocketError> {
        let shown = path.display().to_string();
        let io = |source| SocketError::Io {
            path: shown.clone(),
            source,
        };
        let gid = match for_group {
            "" => None,
            name => Some(group(name).map_err(SocketError::Group)?),
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
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(&io)?;
        // Two that start at once must not both find the place free.
        let _turn = turn(parent).map_err(&io)?;
        look_whether_free(path)?;
        let _left_by_a_crash = fs::remove_dir_all(&private);
        DirBuilder::new()
            .mode(0o700)
            .create(&private)
            .map_err(&io)?;
        let made = StdListener::bind(&inside).and_then(|socket| {
            socket.set_nonblocking(true)?;
            fs::set_permissions(&inside, Permissions::from_mode(0o660))?;
            Ok(socket)
        });
        let made = made.map_err(&io).and_then(|socket| {
            if let Some(gid) = gid {
                chown(&inside, None, Some(gid)).map_err(|e| {
                    SocketError::Group(format!(
                        "cannot give the socket to {for_group:?}: {e}; the user the server runs as must be in it"
                    ))
                })?;
            }
            fs::rename(&inside, path).map_err(&io)?;
            Ok(socket)
        });
        let _empty_now = fs::remove_dir_all(&private);
        Ok(Self {
            socket: made?,
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
        if path.as_os_str().is_empty() {
            return Err(SocketError::Io {
                path: path.display().to_string(),
                source: io::Error::other(
                    "the socket that the service manager passed has no path; give it one in the socket unit",
                ),
            });
        }
        Ok(Self {
            socket,
            path,
            made_here: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Answers until `stop`, on a thread of its own: when the threads that serve the chat are all held up, somebody
    /// has to be left to say so. `tasks` ends after it.
    pub fn serve_apart(
        self,
        router: Router,
        access: Access,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<(), SocketError> {
        let io = |source| SocketError::Io {
            path: self.path.display().to_string(),
            source,
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(io)?;
        let socket = self.socket.try_clone().map_err(io)?;
        let socket = {
            let _inside = runtime.enter();
            UnixListener::from_std(socket).map_err(io)?
        };
        let held = tasks.token();
        let thread = thread::Builder::new().name("admin".into());
        let path = self.path.display().to_string();
        let spawned = thread.spawn(move || {
            runtime.block_on(serve(&socket, &router, &access, &stop));
            // Who is still being answered is cut off, like everybody at the other doors whose time is over.
            runtime.shutdown_background();
            drop(socket);
            drop(self);
            drop(held);
        });
        spawned.map_err(|source| SocketError::Io { path, source })?;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.made_here {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

/// Waits for the turn to look at a directory and put a socket there. Ends when the file is dropped.
fn turn(parent: &Path) -> io::Result<fs::File> {
    let directory = fs::File::open(parent)?;
    let until = Instant::now() + PATIENCE;
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(directory),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether nobody answers at a path, and nothing else is there.
fn look_whether_free(path: &Path) -> Result<(), SocketError> {
    let shown = path.display().to_string();
    let io = |source| SocketError::Io {
        path: shown.clone(),
        source,
    };
    let Ok(there) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !there.file_type().is_socket() {
        return Err(io(io::Error::other(
            "there is something else; set admin.socket to another path",
        )));
    }
    match StdStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(shown)),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(e) => Err(io(e)),
    }
}

/// Answers until `stop`.
async fn serve(socket: &UnixListener, router: &Router, access: &Access, stop: &CancellationToken) {
    let (owners, others) = (
        Arc::new(Semaphore::new(PLACES)),
        Arc::new(Semaphore::new(PLACES)),
    );
    // Asking who somebody is may take a moment, and so few may wait for it.
    let asked = Arc::new(Semaphore::new(2 * PLACES));
    loop {
        let Ok(asking) = Arc::clone(&asked).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(e) => {
                tracing::warn!(error = %e, "the admin socket cannot accept");
                // Out of files, most likely: let some go.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (router, access, stop) = (router.clone(), access.clone(), stop.clone());
        let (owners, others) = (Arc::clone(&owners), Arc::clone(&others));
        tokio::spawn(async move {
            let Some(peer) = peer(&stream, &access).await else {
                return;
            };
            let places = if peer.level == Some(Level::Own) {
                owners
            } else {
                others
            };
            let Ok(_place) = places.try_acquire_owned() else {
                let told = serve_connection(TokioIo::new(stream), busy(), peer);
                let _in_time = tokio::time::timeout(TURNED_AWAY, told).await;
                return;
            };
            drop(asking);
            tokio::select! {
                () = serve_connection(TokioIo::new(stream), router, peer) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// What is said when there is no place.
fn busy() -> Router {
    let why = format!("{PLACES} connections are open at the admin socket; close some of them");
    let says = serde_json::json!({"code": "busy", "detail": why}).to_string();
    Router::new().fallback(move || async {
        let close = [(header::CONNECTION, "close")];
        (StatusCode::SERVICE_UNAVAILABLE, close, says)
    })
}

/// Who is at the other end.
async fn peer(stream: &UnixStream, access: &Access) -> Option<Peer> {
    let cred = stream.peer_cred().ok()?;
    Some(Peer {
        uid: cred.uid(),
        gid: cred.gid(),
        pid: cred.pid(),
        level: access.level(cred.uid(), cred.gid()).await,
    })
}
