//! A hook at each step of a run or of a restore, for the tests that end the process there. Only in debug builds.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a run is.
#[cfg(debug_assertions)]
pub(crate) fn reached(step: &str) {
    /// How often the step was reached. Static, as the end of a process is nobody else's.
    static TIMES: AtomicU32 = AtomicU32::new(0);
    // `TEST_CRASH_CHATD=inserted:2`: at the second segment that is inserted.
    let Ok(wanted) = std::env::var("TEST_CRASH_CHATD") else {
        return;
    };
    let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if name == step && TIMES.fetch_add(1, Ordering::Relaxed) + 1 == times.parse().unwrap_or(1) {
        std::process::abort();
    }
}

/// Where a run is.
#[cfg(not(debug_assertions))]
pub(crate) fn reached(_: &str) {}
