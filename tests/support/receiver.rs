//! The place that a webhook leads to: it takes what comes, or does what such places do wrong.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{Authority, within};

/// Base64 of these 32 bytes is the secret.
const KEY: [u8; 32] = [7; 32];
pub(crate) const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// What it does with what comes.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// It takes it.
    Take,
    /// It answers this status.
    Answer(u16),
    /// It says nothing.
    Hang,
    /// It sends on to somewhere else.
    Redirect(String),
    /// It answers this status, and then without an end.
    Endless(u16),
}

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) id: String,
    pub(crate) body: Value,
    /// Whether it was taken.
    pub(crate) taken: bool,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    came: Arc<watch::Sender<Vec<Came>>>,
    accepting: Option<JoinHandle<()>>,
    /// What it shows who comes; none where it speaks plain HTTP.
    tls: Arc<Mutex<Option<TlsAcceptor>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that speaks TLS, with a certificate of this authority for `name`.
    pub(crate) async fn start_encrypted(authority: &Authority, name: &str) -> Self {
        Self::start_with(Some(authority.acceptor(name, 4096))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let mut receiver = Self {
            tls: Arc::new(Mutex::new(tls)),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            manner: Arc::new(Mutex::new(Manner::Take)),
            came: Arc::new(watch::Sender::new(Vec::new())),
            accepting: None,
        };
        receiver.open().await;
        receiver
    }

    /// Takes connections, after [`Receiver::shut`] at the same port.
    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("a port");
        self.address = listener.local_addr().expect("a port");
        let (manner, came) = (Arc::clone(&self.manner), Arc::clone(&self.came));
        let tls = Arc::clone(&self.tls);
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (manner, came) = (Arc::clone(&manner), Arc::clone(&came));
                let tls = tls.lock().expect("never poisoned").clone();
                tokio::spawn(async move {
                    let _gone = match tls {
                        None => serve(client, &manner, &came).await,
                        Some(tls) => match tls.accept(client).await {
                            Ok(client) => serve(client, &manner, &came).await,
                            Err(e) => Err(e),
                        },
                    };
                });
            }
        }));
    }

    /// Takes no connections any more.
    pub(crate) async fn shut(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _aborted = accepting.await;
        }
    }

    /// Shows who comes another certificate of this authority.
    pub(crate) fn show(&self, authority: &Authority, name: &str, until: i32) {
        let acceptor = authority.acceptor(name, until);
        *self.tls.lock().expect("never poisoned") = Some(acceptor);
    }

    /// With a path that nobody else knows.
    pub(crate) fn url(&self) -> String {
        let is_plain = self.tls.lock().expect("never poisoned").is_none();
        let (scheme, host) = if is_plain {
            ("http", "127.0.0.1")
        } else {
            ("https", "localhost")
        };
        format!("{scheme}://{host}:{}/s3cret-path", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn be(&self, manner: Manner) {
        *self.manner.lock().expect("never poisoned") = manner;
    }

    /// All that came.
    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.borrow().clone()
    }

    /// All that was taken, once it is as `enough` wants it.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&[Came]) -> bool) -> Vec<Came> {
        let mut came = self.came.subscribe();
        let seen = within(what, came.wait_for(|came| enough(came))).await;
        let taken = seen.expect("it is there").clone();
        taken.into_iter().filter(|it| it.taken).collect()
    }

    /// The same, once so many were taken.
    pub(crate) async fn taken(&self, many: usize) -> Vec<Came> {
        let count = |came: &[Came]| came.iter().filter(|it| it.taken).count() >= many;
        self.until(&format!("{many} deliveries"), count).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    manner: &Mutex<Manner>,
    came: &watch::Sender<Vec<Came>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let header = |name: &str| {
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .to_owned()
    };
    let length: usize = header("content-length").parse().expect("a length");
    while bytes.len() < head + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let body = &bytes[head..head + length];
    assert!(text.starts_with("post /s3cret-path http/1.1"), "{text}");
    assert_eq!(header("content-type"), "application/json");
    let original = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let signature = original
        .lines()
        .find_map(|l| l.strip_prefix("webhook-signature: "));
    let timestamp = header("webhook-timestamp");
    let id = header("webhook-id");
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let expected = format!("v1,{}", base64(&hmac(&KEY, &signed)));
    let known = signature.is_some_and(|it| it.split(' ').any(|one| one == expected));
    assert!(known, "{signature:?} is not {expected}");

    let manner = manner.lock().expect("never poisoned").clone();
    came.send_modify(|all| {
        all.push(Came {
            id,
            body: serde_json::from_slice(body).expect("JSON"),
            taken: matches!(manner, Manner::Take | Manner::Endless(200..=299)),
        });
    });
    let plain = |status: u16, more: &str| {
        let body = "thanks\u{1b}[31m";
        format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}",
            body.len()
        )
    };
    match manner {
        Manner::Take => client.write_all(plain(200, "").as_bytes()).await,
        Manner::Answer(status) => client.write_all(plain(status, "").as_bytes()).await,
        Manner::Redirect(to) => {
            let more = format!("location: {to}\r\n");
            client.write_all(plain(307, &more).as_bytes()).await
        }
        Manner::Hang => {
            // Until the other side has had enough.
            client.read_buf(&mut bytes).await.map(drop)
        }
        Manner::Endless(status) => {
            let head = format!("HTTP/1.1 {status} Whatever\r\ntransfer-encoding: chunked\r\n\r\n");
            client.write_all(head.as_bytes()).await?;
            loop {
                client.write_all(b"400\r\n").await?;
                client.write_all(&[b'x'; 1024]).await?;
                client.write_all(b"\r\n").await?;
            }
        }
    }
}

/// HMAC-SHA256 from its definition (RFC 2104), not from a library.
fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        for (b, k) in block.iter_mut().zip(key) {
            *b ^= k;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner);
    outer.finalize().into()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0, |bits, &b| bits << 8 | usize::from(b)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|i| char::from(DIGITS[bits >> (18 - 6 * i) & 63]));
        text.extend(digits);
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
