//! Copying the database while it is written to: page by page, as of one moment.
//!
//! A reading transaction holds the snapshot, so the copy begins once and never begins anew, however much is
//! written meanwhile; and what is written goes into the write-ahead log, which is not begun anew as long as
//! the snapshot is held (`checkpoint`). Small steps, each on the disk before the next, and a rest after each:
//! what the writer syncs never waits for much of ours. Measured against `VACUUM INTO`, which leaves all of it
//! to one sync at the end: commits beside it waited a fifth of the time at most.

use std::{
    fs::{File, OpenOptions},
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{
    checkpoint::Snapshots,
    rows::store_error,
    schema::{self, Purpose},
};
use crate::store::{Error, backup::Tell};

/// How many pages are copied at a time (1 MiB).
const PAGES: i32 = 256;
/// How often a step is tried again that somebody kept from being taken.
const TRIES: u32 = 100;
/// The longest rest between two steps; otherwise it is as long as the step was.
const REST: Duration = Duration::from_millis(50);

/// Copies the database at `from` to the new file `to`.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    snapshots: &Snapshots,
    tell: &Tell,
) -> Result<ControlFlow<()>, Error> {
    let _held = snapshots.hold();
    let file = create(to).map_err(|e| Error::Open {
        path: to.display().to_string(),
        why: e.to_string(),
    })?;
    let source = schema::connect(from, Purpose::Read).map_err(store_error)?;
    // The transaction begins with the first read.
    let look = "BEGIN; SELECT count(*) FROM meta";
    source.execute_batch(look).map_err(store_error)?;
    let mut target = Connection::open(to).map_err(store_error)?;
    let backup = Backup::new(&source, &mut target).map_err(store_error)?;
    let mut kept_waiting = 0;
    loop {
        let began = Instant::now();
        let step = backup.step(PAGES).map_err(store_error)?;
        if matches!(step, StepResult::Busy | StepResult::Locked) {
            kept_waiting += 1;
            if kept_waiting > TRIES {
                return Err(Error::Unavailable("the copy is locked by somebody".into()));
            }
        }
        if let Err(e) = file.sync_data() {
            return Err(Error::Unavailable(format!(
                "the copy cannot be synced: {e}"
            )));
        }
        let at = backup.progress();
        let count = |pages: i32| u64::try_from(pages).unwrap_or(0) * schema::PAGE_BYTES;
        let of = count(at.pagecount);
        if tell(of - count(at.remaining).min(of), of).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if step == StepResult::Done {
            return Ok(ControlFlow::Continue(()));
        }
        thread::sleep(began.elapsed().clamp(Duration::from_millis(1), REST));
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
