//! Taking out the bytes of files: of those that are to go, of uploads that nobody used, and, more seldom, those that no
//! record knows.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::files::Files;

/// How often is looked; more often where files have to go sooner than that …
const EVERY: Duration = Duration::from_mins(1);
/// … but no more often than this.
const SELDOM: Duration = Duration::from_secs(1);
/// How often all that lies there is compared with what is known.
const SWEEP: Duration = Duration::from_hours(6);

/// Runs until the server stops.
pub(super) async fn run(files: Files) {
    if !files.shelf.is_own() {
        let dir = files.shelf.path().display();
        tracing::warn!(
            "{dir} has the files of another store; those that this one does not know stay there"
        );
    }
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
