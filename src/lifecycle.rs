//! Signals, and stopping: what is under way is finished, everyone is told, nothing acknowledged is lost.

use std::{io, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    door::App,
    hub::{Close, CloseCode},
};

/// Waits for SIGTERM or SIGINT. From then on a second one ends the process at once.
pub async fn stop_requested() -> io::Result<()> {
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let which = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    };
    tracing::info!(signal = which, "stopping; a second signal stops at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("stopped at once");
        std::process::exit(1);
    });
    Ok(())
}

/// Ends what the doors are doing: takes nothing new in, lets requests finish, tells every connection when to
/// be back, and waits for all of them as long as `server.drain` says.
pub async fn drain(app: &App) {
    app.stopping.cancel();
    let spread = app.config.server.reconnect_spread.get();
    app.hub.close_all(|| Close {
        code: CloseCode::ShuttingDown,
        reconnect: Some(spread.mul_f64(fraction())),
    });
    app.tasks.close();
    let most: Duration = app.config.server.drain.into();
    if tokio::time::timeout(most, app.tasks.wait()).await.is_err() {
        tracing::warn!(
            left = app.tasks.len(),
            "some connections did not end in time"
        );
    }
}

/// A random number from 0 up to 1.
fn fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness everyone comes back at once, which is no worse than no advice.
    let _filled = getrandom::fill(&mut bytes);
    f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
