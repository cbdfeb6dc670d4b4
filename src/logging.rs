//! What the server says of itself: where lines go, how they look, and which are said at all.
//!
//! Every line is made once, with what users wrote in it made harmless, and goes to standard error or the
//! journal, and into the feed that dashboards read. It is the only module that knows `tracing-subscriber`;
//! all others only call `tracing`.

mod journal;
mod layer;
mod levels;
mod line;
mod look;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
};

use tracing_subscriber::{
    Registry, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

pub use self::levels::{LevelState, Levels};
use self::{
    journal::Journal,
    layer::{Lines, Output},
    look::{Json, Pretty},
};
use crate::{
    clock::Clock,
    config::{Log, LogFilter, LogFormat},
    feed::{Feed, LogLine},
};

/// The socket of the journal.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Starts logging, and gives what changes the level. The first call of a process decides; what a later one
/// gives changes nothing.
pub fn start(config: &Log, clock: Clock, feed: Arc<Feed<LogLine>>) -> Arc<Levels> {
    // It was checked when the settings were read.
    let filter = LogFilter::parse(&config.level).unwrap_or_else(|_| LogFilter::info());
    let (filtered, handle) = reload::Layer::<_, Registry>::new(filter.targets());
    let (output, fallen_back) = output(config.format);
    let lines = Lines::new(clock.clone(), output, feed);
    let started = tracing_subscriber::registry()
        .with(filtered)
        .with(lines)
        .try_init();
    if let (Ok(()), Some(why)) = (started, fallen_back) {
        tracing::warn!(error = %why, "the journal of systemd cannot be reached; logging to standard error");
    }
    Levels::new(filter, handle, clock)
}

/// Where lines go; and why not to the journal, when it was to be the journal.
fn output(format: LogFormat) -> (Output, Option<io::Error>) {
    let pretty = || Output::Stderr(Box::new(Pretty::new(has_colours())));
    let json = || Output::Stderr(Box::new(Json));
    match format {
        LogFormat::Pretty => (pretty(), None),
        LogFormat::Json => (json(), None),
        LogFormat::Auto if !journal::is_stderr() && io::stderr().is_terminal() => (pretty(), None),
        LogFormat::Auto if !journal::is_stderr() => (json(), None),
        LogFormat::Auto | LogFormat::Journald => match Journal::open(&journal_path()) {
            Ok(journal) => (Output::Journal(journal), None),
            Err(e) => (json(), Some(e)),
        },
    }
}

fn journal_path() -> PathBuf {
    // Tests have no journal.
    std::env::var_os("TEST_JOURNAL").map_or_else(|| JOURNAL.into(), PathBuf::from)
}

fn has_colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !set("NO_COLOR")
}
