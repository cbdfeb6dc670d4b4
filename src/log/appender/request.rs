//! What is handed to the appender.

use std::fmt;

use tokio::sync::oneshot;

use crate::{
    id::LogId,
    log::{Decide, Done, Error, Reply},
    model::Refusal,
    stats::Stamp,
};

/// What the appender is asked.
pub(in crate::log) enum Command {
    Append(Append),
    /// Bring a log into memory.
    Load(LogId, oneshot::Sender<Result<(), Refusal>>),
    /// Say that you are there.
    Alive(oneshot::Sender<()>),
    /// Take nothing more in; the sender is dropped when all is done.
    Stop(oneshot::Sender<()>),
}

/// One request.
pub(in crate::log) struct Append {
    pub(super) touches: Vec<LogId>,
    pub(super) fresh: Option<LogId>,
    pub(super) decide: Decide,
    reply: Reply,
    pub(super) tries: u8,
    /// Whether it only wants to know what would come of it.
    pub(super) rehearsal: bool,
    /// When it was handed in.
    pub(super) at: Stamp,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append")
            .field("touches", &self.touches)
            .finish_non_exhaustive()
    }
}

impl Append {
    pub(in crate::log) fn answer(self, answer: Result<Done, Error>) {
        (self.reply)(answer);
    }
}

impl Command {
    pub(in crate::log) fn append(
        touches: &[LogId],
        fresh: Option<LogId>,
        decide: Decide,
        reply: Reply,
        at: Stamp,
    ) -> Self {
        Self::Append(Append {
            touches: touches.to_vec(),
            fresh,
            decide,
            reply,
            tries: 0,
            rehearsal: false,
            at,
        })
    }

    /// The same, only to know what would come of it.
    pub(in crate::log) fn rehearsal(mut self) -> Self {
        if let Self::Append(append) = &mut self {
            append.rehearsal = true;
        }
        self
    }
}
