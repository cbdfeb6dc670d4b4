//! The client of the admin socket, or of the router in one's own process.

mod lines;

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, sync::Mutex};

use super::{access::Peer, api::Refused, router::serve_connection};

pub use self::lines::{Lines, quote};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server, or the store, refused.
    #[error("{}", .0.detail)]
    Refused(Refused),
    /// The socket is not for this user of the operating system.
    #[error(
        "the admin socket {path} is for root, for the user chatd runs as, and for the group that admin.group names"
    )]
    Denied {
        /// The socket.
        path: String,
    },
    /// There is nobody at the socket, or the connection broke.
    #[error("cannot reach chatd at {path}: {why}")]
    Unreachable {
        /// The socket.
        path: String,
        /// Why.
        why: String,
    },
    /// It answered something that this client does not understand: another version.
    #[error(
        "chatd answered something unexpected ({0}); are the server and this command of one version?"
    )]
    Odd(String),
}

/// What a client of this process itself calls the other end.
const HERE: &str = "this process";

/// Speaks to one server, over one connection.
#[derive(Clone, Debug)]
pub struct Client {
    sender: Arc<Mutex<http1::SendRequest<Body>>>,
    path: Arc<str>,
    /// What the person typed, told to the server as a claim for its control log.
    command: Arc<str>,
    /// How long an answer may take.
    patience: Duration,
}

impl Client {
    /// Connects to the socket of a running server.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        let path = socket.display().to_string();
        let unreachable = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::PermissionDenied => Error::Denied { path: path.clone() },
            _ => Error::Unreachable {
                path: path.clone(),
                why: e.to_string(),
            },
        };
        let connected = tokio::time::timeout(PATIENCE, UnixStream::connect(socket)).await;
        let stream = connected.map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?;
        Self::over(TokioIo::new(stream.map_err(unreachable)?), &path).await
    }

    /// Speaks to a router in this process, as `peer`.
    pub async fn local(router: Router, peer: Peer) -> Result<Self, Error> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(serve_connection(TokioIo::new(theirs), router, peer));
        Self::over(TokioIo::new(ours), HERE).await
    }

    async fn over<T>(io: TokioIo<T>, path: &str) -> Result<Self, Error>
    where
        TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        T: Send,
    {
        let broken = |e: hyper::Error| Error::Unreachable {
            path: path.to_owned(),
            why: e.to_string(),
        };
        let (sender, connection) = http1::handshake(io).await.map_err(broken)?;
        // Ends with the connection; a failure shows as a failed request.
        tokio::spawn(async move { connection.await.ok() });
        let sender = Arc::new(Mutex::new(sender));
        Ok(Self {
            sender,
            path: path.into(),
            command: "".into(),
            patience: PATIENCE,
        })
    }

    /// Says what the person typed, for the server's control log.
    #[must_use]
    pub fn with_command(mut self, command: &str) -> Self {
        self.command = command.into();
        self
    }

    /// Waits this long for an answer, instead of 30 seconds.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether it is this process that answers, and not a server.
    pub fn is_local(&self) -> bool {
        &*self.path == HERE
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.request(Method::GET, path, Body::empty()).await
    }

    /// Asks for something that is not JSON.
    pub async fn get_bytes(&self, path: &str) -> Result<Bytes, Error> {
        self.answer(Method::GET, path, Body::empty()).await
    }

    /// Asks for something to be done.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|e| Error::Odd(e.to_string()))?;
        self.request(Method::POST, path, Body::from(body)).await
    }

    /// Asks for something to be as said.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|e| Error::Odd(e.to_string()))?;
        self.request(Method::PUT, path, Body::from(body)).await
    }

    /// Asks for something to be changed.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|e| Error::Odd(e.to_string()))?;
        self.request(Method::PATCH, path, Body::from(body)).await
    }

    /// Asks for something to be taken away.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.request(Method::DELETE, path, Body::empty()).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Error> {
        let bytes = self.answer(method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Odd(e.to_string()))
    }

    async fn answer(&self, method: Method, path: &str, body: Body) -> Result<Bytes, Error> {
        let patience = self.patience;
        let answered = tokio::time::timeout(patience, self.exchange(method, path, body)).await;
        let late = || self.unreachable(format!("no answer within {patience:?}"));
        let (ok, bytes) = answered.map_err(|_| late())??;
        if ok {
            return Ok(bytes);
        }
        match serde_json::from_slice(&bytes) {
            Ok(refused) => Err(Error::Refused(refused)),
            Err(e) => Err(Error::Odd(e.to_string())),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(bool, Bytes), Error> {
        let broken = |e: hyper::Error| self.unreachable(e.to_string());
        let mut sender = self.sender.lock().await;
        let response = self.send(&mut sender, method, path, body).await?;
        let ok = response.status().is_success();
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(broken)?
            .to_bytes();
        Ok((ok, bytes))
    }

    async fn send(
        &self,
        sender: &mut http1::SendRequest<Body>,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let broken = |e: hyper::Error| self.unreachable(e.to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "chatd")
            .header(header::CONTENT_TYPE, "application/json");
        if !self.command.is_empty() {
            request = request.header("x-chatd-command", printable(&self.command));
        }
        if let Ok(who) = std::env::var("SUDO_USER") {
            request = request.header("x-chatd-sudo-user", printable(&who));
        }
        let request = request.body(body).map_err(|e| Error::Odd(e.to_string()))?;
        sender.ready().await.map_err(broken)?;
        sender.send_request(request).await.map_err(broken)
    }

    fn unreachable(&self, why: String) -> Error {
        Error::Unreachable {
            path: self.path.to_string(),
            why,
        }
    }
}

/// As much of a text as a header may carry.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .take(256)
        .collect()
}
