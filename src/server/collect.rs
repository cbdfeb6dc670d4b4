//! Taking out the bytes of files: of those that are to go, of uploads that nobody used, and, more seldom, those that no
//! record knows.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Error;
use crate::{files::Files, shelf};

/// How often is looked; more often where files have to go sooner than that …
const EVERY: Duration = Duration::from_mins(1);
/// … but no more often than this.
const SELDOM: Duration = Duration::from_secs(1);
/// How often all that lies there is compared with what is known.
const SWEEP: Duration = Duration::from_hours(6);

/// How long a start waits for an object store to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at where the bytes lie before anybody comes in. Refuses to start where they can be kept only once somebody has
/// changed something; without an object store that does not answer, people talk, and send no files.
pub(super) async fn begin(files: &Files) -> Result<(), Error> {
    let checked = timeout(PATIENCE, files.shelf.check()).await;
    let place = files.shelf.place();
    match checked {
        Ok(Ok(false)) => tracing::warn!(
            "{place} has the files of another store; those that this one does not know stay there"
        ),
        Ok(Err(shelf::Error::Remote {
            what,
            lasting: true,
        })) => {
            return Err(Error::Config(format!("{what} (files.url)")));
        }
        // What is wrong is in the log by now.
        Ok(Ok(true) | Err(_)) => {}
        Err(_) => tracing::error!(
            "{place} does not answer; files are not stored or read until it does, and chat goes on"
        ),
    }
    Ok(())
}

/// Runs until the server stops.
pub(super) async fn run(files: Files) {
    let (mut pause, mut swept) = (Duration::ZERO, None::<Instant>);
    loop {
        tokio::select! {
            biased;
            () = files.stopping.cancelled() => return,
            () = sleep(pause) => {}
        }
        pause = {
            let config = files.config.get();
            let (unused, erase) = (config.files.unused, config.messages.erase_within);
            unused.get().min(erase.get()).clamp(SELDOM, EVERY)
        };
        if files.shelf.check().await.is_err() {
            // In the log since when; tried again as often as ever.
            continue;
        }
        match files.collect().await {
            Ok(done) if done.files == 0 => {}
            Ok(done) => tracing::info!(
                files = done.files,
                bytes = done.bytes,
                "files were taken out"
            ),
            Err(e) => tracing::warn!(error = %e, "files could not be taken out yet; trying again"),
        }
        if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            swept = Some(Instant::now());
            match files.sweep().await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "bytes of no known file were taken out"),
                Err(e) => {
                    tracing::warn!(error = %e, "not all that lies among the files was looked at");
                }
            }
        }
    }
}
