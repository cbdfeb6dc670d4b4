//! The REST door: one request, one connection.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, body::Bytes};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::within;

#[derive(Clone)]
pub(crate) struct Rest {
    address: Arc<Mutex<SocketAddr>>,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) bytes: Bytes,
    /// The body as text.
    pub(crate) text: String,
    /// The body as JSON; null when it is none.
    pub(crate) body: Value,
}

impl Reply {
    /// It was done: the answer.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:#?}");
        self.body
    }

    /// It was refused, by the rules of problem documents: the document.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{self:#?}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:#?}"
        );
        assert_eq!(self.body["status"], status, "{self:#?}");
        for field in ["title", "detail", "request_id"] {
            assert!(self.body[field].is_string(), "no {field}: {self:#?}");
        }
        if matches!(status, 429 | 503) {
            let wait = self
                .header("retry-after")
                .and_then(|s| s.parse::<u64>().ok());
            assert!(wait.is_some_and(|s| s >= 1), "no Retry-After: {self:#?}");
        }
        self.body
    }

    /// It was refused because of this field.
    #[track_caller]
    pub(crate) fn refused_field(self, field: &str) {
        let body = self.refused(400, "invalid_field");
        assert_eq!(body["field"], field, "{body:#}");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body without what differs from request to request.
    #[track_caller]
    pub(crate) fn anonymous(&self) -> String {
        let id = self.body["request_id"].as_str().expect("a request id");
        self.text.replace(id, "")
    }
}

impl Rest {
    pub(crate) fn new(address: Arc<Mutex<SocketAddr>>) -> Self {
        Self { address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.address.lock().expect("never poisoned")
    }

    /// One request as it is; an error is the connection's.
    pub(crate) async fn send(
        &self,
        mut request: Request<impl Into<Bytes>>,
    ) -> Result<Reply, String> {
        let address = self.address();
        let host = address.to_string().parse().expect("a header");
        request.headers_mut().entry("host").or_insert(host);
        let tcp = TcpStream::connect(address).await;
        exchange(tcp.map_err(|e| e.to_string())?, request).await
    }

    /// One request; `body` null means none.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Reply {
        let request = build(method, path, token, &body);
        match self.send(request).await {
            Ok(reply) => reply,
            Err(err) => panic!("{method} {path}: {err}"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, None, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.request("POST", path, None, body).await
    }
}

/// One request over a connection of its own; an error is the connection's.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<impl Into<Bytes>>,
) -> Result<Reply, String> {
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        // Ends with the exchange: the sender is dropped below.
        let connection = tokio::spawn(connection);
        let request = request.map(|body| Full::new(body.into()));
        let reply = sender
            .send_request(request)
            .await
            .map_err(|e| e.to_string())?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        connection.abort();
        let text = String::from_utf8_lossy(&body).into_owned();
        let bytes = body;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            bytes,
            text,
            body,
        })
    };
    within("an answer of a door", exchange).await
}

/// A request; `body` null means none.
pub(super) fn build(
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Request<String> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = if body.is_null() {
        String::new()
    } else {
        request = request.header("content-type", "application/json");
        body.to_string()
    };
    request.body(body).expect("a request")
}
