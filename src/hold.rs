//! Hooks for the tests that look at what is so in the middle of something. Only in debug builds.

#[cfg(debug_assertions)]
use std::{path::PathBuf, time::Duration};

#[cfg(debug_assertions)]
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};

/// How often it is looked whether one may go on.
#[cfg(debug_assertions)]
const LOOK: Duration = Duration::from_millis(5);

/// `NAME=FILE` in the environment: as long as FILE is there, it does not go on, and FILE with `.held` behind it says so.
#[cfg(debug_assertions)]
pub(crate) async fn held(name: &str) {
    let Some(file) = asked(name) else { return };
    while file.exists() {
        tokio::time::sleep(LOOK).await;
    }
}

/// The same for what does not wait otherwise, on whatever thread it is.
#[cfg(debug_assertions)]
pub(crate) fn held_blocking(name: &str) {
    let Some(file) = asked(name) else { return };
    let wait = || {
        while file.exists() {
            std::thread::sleep(LOOK);
        }
    };
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(wait),
        _ => wait(),
    }
}

#[cfg(debug_assertions)]
fn asked(name: &str) -> Option<PathBuf> {
    let file = PathBuf::from(std::env::var_os(name)?);
    if file.exists() {
        // Who waits for it waits in vain without it, and says so.
        let _told = std::fs::write(file.with_added_extension("held"), "");
    }
    Some(file)
}

/// Nothing holds it.
#[cfg(not(debug_assertions))]
pub(crate) async fn held(_: &str) {}

/// Nothing holds it.
#[cfg(not(debug_assertions))]
pub(crate) fn held_blocking(_: &str) {}
