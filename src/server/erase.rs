//! Erasing the texts of deleted messages when their time is over: at the start, for what came due while no
//! server ran, and then again and again.

use std::time::Duration;

use tokio::time::sleep;

use crate::redact::Redact;

/// How often is looked; more often where texts have to go sooner than that …
const EVERY: Duration = Duration::from_mins(1);
/// … but no more often than this.
const SELDOM: Duration = Duration::from_secs(1);

/// Runs until the server stops.
pub(super) async fn run(redact: Redact) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = redact.stopping.cancelled() => return,
            () = sleep(pause) => {}
        }
        let within: Duration = redact.config.get().messages.erase_within.into();
        pause = within.clamp(SELDOM, EVERY);
        match redact.erase().await {
            Ok(0) => {}
            Ok(texts) => tracing::info!(texts, "the texts of deleted messages were erased"),
            Err(e) => tracing::warn!(error = %e, "texts could not be erased yet; trying again"),
        }
    }
}
