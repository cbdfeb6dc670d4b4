//! What happens on the server, as it happens.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    api::{EventLine, Kind},
    lines::{self, Lines, write_line},
};
use crate::{
    desk::Desk,
    door::{Problem, QueryOf},
    feed::Feeds,
    model::Refusal,
};

/// How many events are read at a time.
const BATCH: usize = 512;

/// From where on, and which.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// What comes after this number.
    after: u64,
    /// Only of these kinds, with commas between; all when none.
    kinds: Option<String>,
    /// Whether to go on with what is yet to come.
    follow: bool,
}

struct Reader {
    feeds: Arc<Feeds>,
    stopping: CancellationToken,
    after: u64,
    kinds: Vec<Kind>,
    follow: bool,
}

/// `GET /v1/events`: a line for each, and a line for what is missing.
pub(super) async fn events(
    State(desk): State<Arc<Desk>>,
    QueryOf(asked): QueryOf<Asked>,
) -> Result<Response, Problem> {
    let kinds = match asked.kinds.as_deref() {
        None | Some("") => Kind::ALL.to_vec(),
        Some(words) => words.split(',').map(kind).collect::<Result<_, _>>()?,
    };
    Ok(lines::answer(Reader {
        feeds: Arc::clone(&desk.ops.feeds),
        stopping: desk.archive.stopping.clone(),
        after: asked.after,
        kinds,
        follow: asked.follow,
    }))
}

fn kind(word: &str) -> Result<Kind, Refusal> {
    let found = Kind::ALL.into_iter().find(|k| k.as_str() == word.trim());
    found.ok_or_else(|| {
        let all = Kind::ALL.map(Kind::as_str).join(" ");
        Refusal::field("kinds", format!("there is no {word:?}; there are: {all}"))
    })
}

impl Lines for Reader {
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let lines = self.read();
            if !lines.is_empty() {
                return Some(lines);
            }
            if !self.follow || self.stopping.is_cancelled() {
                return None;
            }
            tokio::select! {
                biased;
                () = self.feeds.events.changed(self.after) => {}
                // Once more: the last thing that happens is that it stops.
                () = self.stopping.cancelled() => {}
            }
        }
    }
}

impl Reader {
    /// The next lines that there are; empty when there are none.
    fn read(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        loop {
            let batch = self.feeds.events.next(self.after, BATCH);
            let boot = &self.feeds.boot;
            if batch.missed > 0 {
                let gap = EventLine::Gap {
                    boot: boot.clone(),
                    gap: batch.missed,
                };
                write_line(&mut lines, &gap);
            }
            let more = batch.items.len() == BATCH;
            self.after = batch.last;
            let wanted = batch.items.into_iter();
            for numbered in wanted.filter(|n| self.kinds.contains(&n.item.kind)) {
                let event = EventLine::Event {
                    boot: boot.clone(),
                    seq: numbered.seq,
                    what: numbered.item,
                };
                write_line(&mut lines, &event);
            }
            // What is not asked for is passed over without waiting.
            if !lines.is_empty() || !more {
                return lines;
            }
        }
    }
}
