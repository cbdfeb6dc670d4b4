//! Accepting connections: as many as allowed, each with a limit on how long it may take to say what it wants.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
    time::sleep,
};
use tower::ServiceExt as _;

use super::Error;
use crate::{
    door::{App, Patient, Peer, Ticket},
    tls::{self, Stream},
};

/// How large the head of a request may be. What a client of ours sends fits many times over.
const HEAD: usize = 16 * 1024;

/// How many connections may wait to be accepted, as in `chatd-http.socket`; the system may allow fewer
/// (`net.core.somaxconn`, 4,096 on Linux). Who comes when it is full tries again a second later.
const BACKLOG: u32 = 4096;

/// How long somebody who has just come has to ask for something when the server stops: the way to them and back.
const FIRST: Duration = Duration::from_secs(1);

/// What says where clients are listened to.
const CLIENTS: &str = "--listen";
/// What says where metrics are.
pub(super) const METRICS: &str = "--set metrics.listen=ADDRESS:PORT";

/// The socket to accept on: the one that was passed, or else one of our own at `address`.
pub(super) fn socket(
    passed: Option<std::net::TcpListener>,
    address: SocketAddr,
) -> Result<TcpListener, Error> {
    match passed {
        Some(socket) => TcpListener::from_std(socket).map_err(|source| Error::Listen {
            address,
            source,
            how: CLIENTS,
        }),
        None => bind(address, CLIENTS),
    }
}

/// A socket of our own.
pub(super) fn bind(address: SocketAddr, how: &'static str) -> Result<TcpListener, Error> {
    listen(address).map_err(|source| Error::Listen {
        address,
        source,
        how,
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that was there a moment ago has left connections that are not quite over.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The real address, also where port 0 was asked for.
pub(super) fn address(socket: &TcpListener) -> Result<SocketAddr, Error> {
    socket.local_addr().map_err(|source| Error::Io {
        what: "cannot tell the address".into(),
        source,
    })
}

/// Accepts until the server stops.
pub(super) async fn run(app: Arc<App>, listener: TcpListener, router: Router) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = app.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let most = app.config.get().server.max_connections;
                // Nobody else adds to them.
                if app.stats.sockets.get() >= most as u64 {
                    tracing::warn!(
                        "server.max_connections is reached; a connection was turned away"
                    );
                    continue;
                }
                let ticket = Ticket::new(Arc::clone(&app.stats));
                let serving = serve(Arc::clone(&app), stream, peer, ticket, router.clone());
                app.tasks.spawn(serving);
            }
            Err(e) => {
                tracing::warn!(error = %e, "cannot accept a connection");
                // Out of files, most likely: let some go.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(app: Arc<App>, stream: TcpStream, peer: SocketAddr, ticket: Ticket, router: Router) {
    // Answers are small and wanted now.
    let _best_effort = stream.set_nodelay(true);
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        told.notify_one();
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(ticket.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let Some(stream) = secure(&app, stream, peer).await else {
        return;
    };
    let stream = Patient::new(stream, app.config.get().http.request_timeout.get());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.config.get().http.header_timeout.get())
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let stopping = app.stopping.clone();
    // A broken connection is nobody's to handle.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = stopping.cancelled() => {}
    }
    // Whoever was accepted a moment ago gets an answer; to close without a word would look like a broken server.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = asked.notified() => {}
        () = sleep(FIRST) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = connection.await;
}

/// Shakes hands where the server speaks TLS; none when that came to nothing.
async fn secure(app: &App, stream: TcpStream, peer: SocketAddr) -> Option<Stream> {
    let Some(identity) = app.tls.identity() else {
        return Some(Stream::Plain(stream));
    };
    // It costs as much as many requests do. Behind a proxy that passes bytes on, all clients have one address.
    let (most, behind) = {
        let config = app.config.get();
        let peer = peer.ip().to_canonical();
        let proxies = &config.http.trusted_proxies;
        let behind = proxies.iter().any(|it| it.contains(&peer));
        (config.tls.handshake.get(), behind)
    };
    if !behind && app.limits.check_request(peer.ip()).is_err() {
        app.stats.rate_limited.up();
        return None;
    }
    let shaken = tokio::select! {
        biased;
        () = app.stopping.cancelled() => return None,
        shaken = tls::shake_hands(&app.handshakes, &identity, stream, most) => shaken,
    };
    match shaken {
        Ok(stream) => {
            app.stats.handshakes.up();
            Some(stream)
        }
        Err(why) => {
            app.stats.failed_handshakes.up();
            tracing::debug!(%why, "a TLS handshake came to nothing");
            None
        }
    }
}
