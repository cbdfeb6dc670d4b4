//! Answers that come line by line, while something takes its time.

use std::{marker::PhantomData, ops::ControlFlow, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Method, Response, body::Incoming};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{Client, Error};
use crate::admin::api::{Frame, Watch};

/// How long a line may be: a frame with as many rows and events as there may be takes a quarter of it.
const LONGEST: usize = 4 * 1024 * 1024;
/// How much longer a line may take than an answer: a database may be gone through before the first.
const TIMES: u32 = 60;

/// An answer in lines of JSON that is being read. Dropped before its end, it ends the connection.
#[derive(Debug)]
pub struct Lines<T> {
    body: Incoming,
    text: Vec<u8>,
    client: Client,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// The next line; none at the end. `silence` is how long nothing may come; without one that may last as long as it
    /// likes.
    pub async fn next(&mut self, silence: Option<Duration>) -> Result<Option<T>, Error> {
        let odd = |e: serde_json::Error| Error::Odd(e.to_string());
        loop {
            if let Some(end) = self.text.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(odd);
            }
            if self.text.len() > LONGEST {
                return Err(Error::Odd("a line without an end".into()));
            }
            if self.more(silence).await? {
                continue;
            }
            if self.text.is_empty() {
                return Ok(None);
            }
            let cut = "the answer ends in the middle of a line";
            return Err(self.client.unreachable(cut.into()));
        }
    }

    /// Reads a piece; false at the end.
    async fn more(&mut self, silence: Option<Duration>) -> Result<bool, Error> {
        let piece = match silence {
            Some(silence) => {
                let piece = timeout(silence, self.body.frame()).await;
                let why = || format!("it says nothing for {silence:?}");
                piece.map_err(|_| self.client.unreachable(why()))?
            }
            None => self.body.frame().await,
        };
        let Some(piece) = piece else {
            return Ok(false);
        };
        let piece = piece.map_err(|e| self.client.unreachable(e.to_string()))?;
        if let Ok(data) = piece.into_data() {
            self.text.extend_from_slice(&data);
        }
        Ok(true)
    }

    /// A refusal instead of lines.
    async fn refusal(mut self) -> Error {
        loop {
            match self.more(Some(self.client.patience)).await {
                Ok(true) if self.text.len() <= LONGEST => {}
                Ok(_) => break,
                Err(e) => return e,
            }
        }
        match serde_json::from_slice(&self.text) {
            Ok(refused) => Error::Refused(refused),
            Err(e) => Error::Odd(e.to_string()),
        }
    }
}

impl Client {
    /// Asks for something that is answered in lines of JSON, and hands each on as it comes.
    pub async fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
        mut each: impl FnMut(T),
    ) -> Result<(), Error> {
        let each = |line| {
            each(line);
            ControlFlow::Continue(())
        };
        self.follow(path, Some(self.patience * TIMES), each).await
    }

    /// The same, until `each` has had enough or the answer ends. `silence` is how long nothing may come; without one
    /// that may last as long as it likes.
    pub async fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        silence: Option<Duration>,
        mut each: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut lines = self.open_lines(path).await?;
        while let Some(line) = lines.next(silence).await? {
            if each(line).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Has something done that is answered in lines of JSON, and hands each on as it comes. Dropped before its
    /// end, it ends the connection, and what is being done with it.
    pub async fn post_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        mut each: impl FnMut(T),
    ) -> Result<(), Error> {
        let body = serde_json::to_vec(body).map_err(|e| Error::Odd(e.to_string()))?;
        let mut lines = self.ask_lines(Method::POST, path, Body::from(body)).await?;
        while let Some(line) = lines.next(Some(self.patience * TIMES)).await? {
            each(line);
        }
        Ok(())
    }

    /// Watches the server: a frame a line, until the answer is dropped. Takes the connection for itself.
    pub async fn watch(&self, watch: &Watch) -> Result<Lines<Frame>, Error> {
        let query = query(watch).map_err(|e| Error::Odd(e.to_string()))?;
        self.open_lines(&format!("/v1/watch?{query}")).await
    }

    /// Asks for something that is answered in lines of JSON, to be read at leisure. What else is asked of this
    /// client waits until they are read or dropped.
    pub async fn open_lines<T: DeserializeOwned>(&self, path: &str) -> Result<Lines<T>, Error> {
        self.ask_lines(Method::GET, path, Body::empty()).await
    }

    async fn ask_lines<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Lines<T>, Error> {
        let late = |_| self.unreachable(format!("no answer within {:?}", self.patience));
        let mut sender = self.sender.lock().await;
        let asked = self.send(&mut sender, method, path, body);
        let response: Response<Incoming> = timeout(self.patience, asked).await.map_err(late)??;
        drop(sender);
        let ok = response.status().is_success();
        let lines = Lines {
            body: response.into_body(),
            text: Vec::new(),
            client: self.clone(),
            of: PhantomData,
        };
        if ok {
            Ok(lines)
        } else {
            Err(lines.refusal().await)
        }
    }
}

/// What of a question is not left open, as a query.
fn query(watch: &Watch) -> serde_json::Result<String> {
    let fields = serde_json::to_value(watch)?;
    let said = fields.as_object().into_iter().flatten();
    let pairs = said.filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(format!("{name}={}", quote(text))),
        other => Some(format!("{name}={other}")),
    });
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

/// A text as one value of a query, or one segment of a path.
pub fn quote(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_query() {
        let watch = Watch {
            every_ms: Some(500),
            rooms_filter: Some("room:eng* lag>50ms".into()),
            ..Watch::default()
        };
        assert_eq!(
            query(&watch).unwrap(),
            "every_ms=500&rooms_filter=room%3Aeng%2A%20lag%3E50ms"
        );
    }
}
