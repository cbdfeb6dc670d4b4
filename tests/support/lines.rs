//! Answers of the admin socket that go on: a line of JSON after the other.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, task::JoinHandle};

use super::{Admin, rest::build, within};

/// An answer that is read line by line, and no faster than it is asked for.
pub(crate) struct Lines {
    body: Incoming,
    text: Vec<u8>,
    connection: JoinHandle<()>,
}

impl Admin {
    /// Asks for such an answer; it is not refused.
    pub(crate) async fn lines(&self, path: &str) -> Lines {
        let stream = UnixStream::connect(self.socket()).await;
        let stream = TokioIo::new(stream.expect("the admin socket listens"));
        let shook = hyper::client::conn::http1::handshake(stream).await;
        let (mut sender, connection) = shook.expect("it speaks HTTP");
        let connection = tokio::spawn(async move {
            // Broken when the server is gone; the lines end then.
            let _ended = connection.await;
        });
        let mut request = build("GET", path, None, &Value::Null);
        let host = "chatd".parse().expect("a header");
        request.headers_mut().insert("host", host);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let reply = within("an answer", sender.send_request(request)).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status(), 200, "{path}");
        Lines {
            body: reply.into_body(),
            text: Vec::new(),
            connection,
        }
    }
}

impl Lines {
    /// The next line; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("JSON"));
            }
            let frame = within("a line", self.body.frame()).await?;
            let data = frame.ok()?.into_data().expect("data");
            self.text.extend_from_slice(&data);
        }
    }

    /// Reads on until a line is as it should be.
    #[track_caller]
    pub(crate) fn until(&mut self, is: impl Fn(&Value) -> bool) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let wait = async move {
            while let Some(line) = self.next().await {
                if is(&line) {
                    return line;
                }
            }
            panic!("{caller}: the answer ended before");
        };
        within("a line that is as it should be", wait)
    }

    /// The rest, to the end.
    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
