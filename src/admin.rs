//! The operator's door: HTTP/JSON over a Unix socket, and the typed client that the command line uses.
//!
//! The same router is served in the command line's own process, over a pipe in memory, when no server runs:
//! one code path, one set of rules. Who speaks is told by the kernel, not by the client.

mod access;
pub mod api;
mod client;
mod level;
mod router;
mod socket;

pub use self::{
    access::{Access, Granted, Peer, reach},
    client::{Client, Error, Lines, quote},
    level::{Level, levels},
    router::{operator_here, router, serve_connection},
    socket::{Listener, SocketError},
};
