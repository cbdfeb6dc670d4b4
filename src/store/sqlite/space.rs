//! Whether there is room for messages.
//!
//! Messages are refused a little before nothing fits any more, so that logging in, removing people and
//! archiving still can be done, which is what helps.

use std::path::PathBuf;

use rusqlite::Connection;

use super::{
    rows::{number, store_error},
    schema::PAGE_BYTES,
};
use crate::{
    clock::{Clock, Millis},
    store::{Change, Error},
};

/// Free disk space is looked at once in so many milliseconds.
const CHECK_MILLIS: i64 = 1_000;

/// Of `store.max_size`, one part in so many is kept from messages, …
const RESERVED_PART: u64 = 16;

/// … but no more than so many pages (16 MiB).
const RESERVED_PAGES: u64 = 4_096;

pub(super) struct Space {
    dir: PathBuf,
    /// Bytes that stay free on the disk; 0 when that is not our concern.
    min_free: u64,
    /// Pages that messages may fill.
    pages: Option<u64>,
    clock: Clock,
    /// When the disk was looked at, and whether it had room.
    looked: Option<(Millis, bool)>,
}

impl Space {
    pub(super) fn new(dir: PathBuf, min_free: u64, max_size: Option<u64>, clock: Clock) -> Self {
        let pages = max_size.map(|bytes| {
            let pages = bytes / PAGE_BYTES;
            pages - (pages / RESERVED_PART).min(RESERVED_PAGES)
        });
        Self {
            dir,
            min_free,
            pages,
            clock,
            looked: None,
        }
    }

    /// [`Error::Full`] when the batch has messages and there is no room for them.
    pub(super) fn check(&mut self, conn: &Connection, batch: &[Change]) -> Result<(), Error> {
        let mut entries = batch.iter().flat_map(|change| &change.entries);
        if !entries.any(|entry| entry.payload.is_message()) {
            return Ok(());
        }
        if !self.disk_has_room() {
            return Err(Error::Full);
        }
        if let Some(pages) = self.pages {
            let count = |sql| {
                conn.prepare_cached(sql)?
                    .query_row([], |row| number(row, 0))
            };
            let used = count("PRAGMA page_count").map_err(store_error)?;
            let free = count("PRAGMA freelist_count").map_err(store_error)?;
            if used.saturating_sub(free) >= pages {
                return Err(Error::Full);
            }
        }
        Ok(())
    }

    fn disk_has_room(&mut self) -> bool {
        if self.min_free == 0 {
            return true;
        }
        let now = self.clock.now();
        match self.looked {
            Some((at, room)) if (0..CHECK_MILLIS).contains(&(now.0 - at.0)) => room,
            _ => {
                // A disk that does not tell is left to say so when it is written to.
                let room = rustix::fs::statvfs(&self.dir).map_or(true, |fs| {
                    fs.f_bavail.saturating_mul(fs.f_frsize) >= self.min_free
                });
                self.looked = Some((now, room));
                room
            }
        }
    }
}
