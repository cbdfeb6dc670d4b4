//! Answers that come line by line, while something takes its time.

use std::{ops::ControlFlow, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::Method;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Client, Error};

/// How long a line may be.
const LONGEST: usize = 1024 * 1024;
/// How much longer a line may take than an answer: a database may be gone through before the first.
const TIMES: u32 = 60;

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
    /// that may last as long as it likes. Whoever stops in the middle drops this client: it is of no use any more.
    pub async fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        silence: Option<Duration>,
        mut each: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let late = || self.unreachable("it says nothing any more".into());
        let mut sender = self.sender.lock().await;
        let asked = self.send(&mut sender, Method::GET, path, Body::empty());
        let response = timeout(self.patience, asked).await.map_err(|_| late())??;
        let ok = response.status().is_success();
        let mut body = response.into_body();
        let mut text = Vec::new();
        loop {
            let frame = match silence {
                Some(silence) => timeout(silence, body.frame()).await.map_err(|_| late())?,
                None => body.frame().await,
            };
            let Some(frame) = frame else {
                break;
            };
            let frame = frame.map_err(|e| self.unreachable(e.to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            text.extend_from_slice(&data);
            while let Some(end) = text.iter().position(|b| *b == b'\n').filter(|_| ok) {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = serde_json::from_slice(&line).map_err(|e| Error::Odd(e.to_string()))?;
                if each(line).is_break() {
                    return Ok(());
                }
            }
            if text.len() > LONGEST {
                return Err(Error::Odd("a line without an end".into()));
            }
        }
        match serde_json::from_slice(&text) {
            _ if ok && text.is_empty() => Ok(()),
            Ok(refused) if !ok => Err(Error::Refused(refused)),
            Ok(_) => Err(self.unreachable("the answer ends in the middle of a line".into())),
            Err(e) => Err(Error::Odd(e.to_string())),
        }
    }
}
