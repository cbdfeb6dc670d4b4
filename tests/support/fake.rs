//! A made-up MongoDB that says of itself what a test wants: for those servers that are not to be had here.

use std::sync::Arc;

use mongodb::bson::{Document, doc, oid::ObjectId};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::message::Message;

/// Which server it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The primary of a set, of this version; with the number by which its protocol is told.
    Primary(&'static str, i32),
    /// A server that is in no set.
    Standalone,
    /// A server that is to be in a set which nobody has initiated.
    Uninitiated,
    /// The primary of a set that knows no such user.
    Stranger,
}

/// The newest protocol, MongoDB 8's.
const WIRE: i32 = 25;

/// One that runs as long as it is kept.
pub(crate) struct Fake {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let accepting = tokio::spawn(async move {
            let answers = Arc::new(move |asked: &Document| answer(kind, port, asked));
            while let Ok((client, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move { serve(client, &*answers).await });
            }
        });
        Self { port, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/chatd", self.port)
    }

    /// The same, with somebody's name and password.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        format!("mongodb://{user}:{password}@127.0.0.1:{}/chatd", self.port)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, answer: &(impl Fn(&Document) -> Document + Sync)) {
    while let Ok(request) = Message::read(&mut client).await {
        let Some(asked) = request.command() else {
            return;
        };
        let answer = request.answer(&answer(&asked));
        if client.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn answer(kind: Kind, port: u16, asked: &Document) -> Document {
    let name = asked.keys().next().map_or("", String::as_str);
    match (name.to_ascii_lowercase().as_str(), kind) {
        ("hello" | "ismaster", _) => hello(kind, port),
        ("buildinfo", Kind::Primary(version, _)) => doc! { "ok": 1.0, "version": version },
        ("buildinfo", _) => doc! { "ok": 1.0, "version": "8.0.0" },
        ("saslstart", _) => doc! {
            "ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed.",
        },
        ("find", _) => {
            let nothing = doc! { "id": 0_i64, "ns": "chatd.meta", "firstBatch": [] };
            doc! { "ok": 1.0, "cursor": nothing }
        }
        _ => {
            doc! { "ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": "no such command" }
        }
    }
}

fn hello(kind: Kind, port: u16) -> Document {
    let wire = match kind {
        Kind::Primary(_, wire) => wire,
        _ => WIRE,
    };
    let mut hello = doc! {
        "ok": 1.0, "helloOk": true, "readOnly": false, "minWireVersion": 0, "maxWireVersion": wire,
        "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30,
    };
    let me = format!("127.0.0.1:{port}");
    match kind {
        Kind::Standalone => {
            hello.insert("isWritablePrimary", true);
            hello.insert("ismaster", true);
        }
        Kind::Uninitiated => {
            hello.extend(doc! {
                "isWritablePrimary": false, "ismaster": false, "secondary": false, "isreplicaset": true,
                "info": "Does not have a valid replica set config",
            });
        }
        Kind::Primary(..) | Kind::Stranger => hello.extend(doc! {
            "isWritablePrimary": true, "ismaster": true, "secondary": false, "setName": "rs0",
            "setVersion": 1, "hosts": [&me], "primary": &me, "me": &me,
            "electionId": ObjectId::from_bytes([0x7f; 12]),
        }),
    }
    hello
}
