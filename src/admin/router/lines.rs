//! Answers that go on: a line of JSON after the other, each made when the one before it has been taken. So somebody
//! who reads slowly gets fewer, and nothing piles up.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::oneshot;

/// What makes the lines.
pub(super) trait Lines: Send + 'static {
    /// The next ones, each with its end; none at the end of the answer.
    fn next(&mut self) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// Bytes on their way; dropped once they are written.
struct Piece {
    bytes: Vec<u8>,
    _written: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Adds one line.
pub(super) fn write_line(lines: &mut Vec<u8>, line: &impl Serialize) {
    // Writing to memory does not fail, and what is written are our own types with string keys.
    let _infallible = serde_json::to_writer(&mut *lines, line);
    lines.push(b'\n');
}

/// The answer.
pub(super) fn answer(lines: impl Lines) -> Response {
    let last: Option<oneshot::Receiver<()>> = None;
    let pieces = stream::unfold((lines, last), |(mut lines, last)| async move {
        if let Some(last) = last {
            let _written_or_given_up = last.await;
        }
        let bytes = lines.next().await?;
        let (written, last) = oneshot::channel();
        let piece = Bytes::from_owner(Piece {
            bytes,
            _written: written,
        });
        Some((Ok::<_, Infallible>(piece), (lines, Some(last))))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(pieces)).into_response()
}
