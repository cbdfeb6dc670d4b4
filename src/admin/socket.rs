//! The admin socket: made so that it is never open to the wrong people, not even for an instant.

mod place;
mod places;

use std::{
    io,
    os::unix::net::UnixListener as StdListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{UnixListener, UnixStream},
    runtime::Builder,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{place::Place, places::Places};
use super::{
    access::{Access, Peer, group},
    router::serve_connection,
};
use crate::{
    door::{Patient, Problem, attach_context},
    model::Refusal,
};

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long somebody may take nothing of an answer.
const SLOW: Duration = Duration::from_secs(30);
/// How long somebody for whom there is no place may take to ask and be told.
const FAREWELL: Duration = Duration::from_secs(1);

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
    /// Something lies at that path that is no socket.
    #[error(
        "{0} is there already and is no socket; move it away, or set admin.socket to another path"
    )]
    Taken(String),
    /// Others may put what they like into its directory.
    #[error(
        "the admin socket cannot lie in {dir}: {why}, who could put another socket in its place; set admin.socket to a \
         path in a directory of root's or of the user the server runs as"
    )]
    Exposed {
        /// The directory.
        dir: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another process holds the lock on its directory.
    #[error(
        "another process has had the directory {0} locked for 5 s; see which with: fuser -v {0}"
    )]
    Locked(String),
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
    socket: StdListener,
    path: PathBuf,
    /// The file, if it is ours to take away at the end.
    made: Option<Place>,
}

impl Listener {
    /// Makes the socket, for a group if one is named. A file left behind by a server that is gone is replaced; one
    /// that answers is not. Its directory has to be root's, ours, or of the user `keeper`.
    pub fn bind(path: &Path, for_group: &str, keeper: Option<u32>) -> Result<Self, SocketError> {
        let gid = match for_group {
            "" => None,
            name => Some(group(name).map_err(SocketError::Group)?),
        };
        let (socket, place) = place::bind(path, gid, keeper)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            made: Some(place),
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
            made: None,
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
        if let Some(place) = self.made.take() {
            place.clear();
        }
    }
}

/// Answers until `stop`.
async fn serve(socket: &UnixListener, router: &Router, access: &Access, stop: &CancellationToken) {
    let places = Arc::new(Places::new(PATIENCE));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, access, places) = (router.clone(), access.clone(), places.clone());
                let stop = stop.clone();
                tokio::spawn(async move {
                    let answering = answer(stream, router, access, places);
                    stop.run_until_cancelled(answering).await;
                });
            }
            Err(e) => {
                tracing::warn!(error = %e, "the admin socket cannot accept");
                // Out of files, most likely: let some go.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers one connection, when there is a place for it.
async fn answer(stream: UnixStream, router: Router, access: Access, places: Arc<Places>) {
    let Some(turn) = places.queue() else {
        tracing::warn!("too many wait at the admin socket; one was turned away");
        return;
    };
    let Some(peer) = peer(&stream, &access).await else {
        return;
    };
    let io = TokioIo::new(Patient::new(stream, SLOW));
    if let Some(_place) = places.take(&peer).await {
        drop(turn);
        serve_connection(io, router, peer).await;
        return;
    }
    let (uid, pid) = (peer.uid, peer.pid);
    tracing::warn!(
        uid,
        pid,
        "no place at the admin socket got free; one was turned away"
    );
    let busy = Router::new().fallback(|| async { Problem::from(Refusal::Busy) });
    let busy = busy.layer(middleware::from_fn(|request: Request, next: Next| {
        attach_context(&[], request, next)
    }));
    // It may have nothing to say, and has waited long enough.
    let _said = timeout(FAREWELL, serve_connection(io, busy, peer)).await;
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
