//! Sockets that whoever started the server opened for it, by the protocol of `sd_listen_fds(3)`: they are there
//! before the server and stay when it goes, so whoever connects meanwhile waits instead of being refused.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{
        AddressFamily, SocketType, getsockname,
        sockopt::{socket_acceptconn, socket_type},
    },
};
use sd_listen_fds::OwnedFd;

use super::Error;

/// The names by which they are told apart: `FileDescriptorName=` of a socket unit.
const HTTP: &str = "http";
const ADMIN: &str = "admin";

/// What was passed.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// For REST and WebSocket, instead of `server.listen`.
    pub(super) http: Option<TcpListener>,
    /// The admin socket.
    pub(super) admin: Option<UnixListener>,
}

impl Passed {
    /// Takes what was passed to this process. Once: the descriptors belong to whoever took them.
    pub(super) fn take() -> Result<Self, Error> {
        let fds = sd_listen_fds::get().map_err(|_| {
            Error::Config(
                "LISTEN_PID or LISTEN_FDS in the environment is no number; a service manager sets them"
                    .into(),
            )
        })?;
        let mut passed = Self::default();
        for (name, fd) in fds {
            passed.sort_in(name.as_deref(), fd)?;
        }
        Ok(passed)
    }

    /// Where the passed socket listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    fn sort_in(&mut self, name: Option<&str>, fd: OwnedFd) -> Result<(), Error> {
        let fd = fd.into_std();
        let name = name.unwrap_or("without a name");
        let cannot = |why: &str| {
            let name = name.escape_debug();
            Error::Config(format!(
                "the service manager passed a socket ({name}) that chatd cannot use: {why}"
            ))
        };
        let unknown = "chatd knows \"http\" and \"admin\"; name it with FileDescriptorName= in the socket unit";
        let io = |e: std::io::Error| cannot(&e.to_string());
        let (family, double) = match name {
            HTTP => ("TCP", self.http.is_some()),
            ADMIN => ("Unix", self.admin.is_some()),
            _ => return Err(cannot(unknown)),
        };
        if double {
            return Err(cannot("it is the second one of this name; pass one"));
        }
        let told = getsockname(&fd).map_err(|e| io(e.into()))?;
        let fits = match told.address_family() {
            AddressFamily::INET | AddressFamily::INET6 => name == HTTP,
            AddressFamily::UNIX => name == ADMIN,
            _ => false,
        };
        let stream = socket_type(&fd).is_ok_and(|it| it == SocketType::STREAM);
        if !fits || !stream || !socket_acceptconn(&fd).unwrap_or(false) {
            let want = format!("it has to be a {family} socket that listens (ListenStream=)");
            return Err(cannot(&want));
        }
        fcntl_setfd(&fd, FdFlags::CLOEXEC).map_err(|e| io(e.into()))?;
        if name == HTTP {
            let socket = TcpListener::from(fd);
            socket.set_nonblocking(true).map_err(io)?;
            self.http = Some(socket);
        } else {
            let socket = UnixListener::from(fd);
            socket.set_nonblocking(true).map_err(io)?;
            self.admin = Some(socket);
        }
        Ok(())
    }
}
