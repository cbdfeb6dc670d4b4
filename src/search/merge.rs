//! Merging the index before much is taken out of it.
//!
//! FTS5 keeps words in segments: a new one for each transaction, merged now and then into larger ones, a dozen or
//! two of all sizes. A message that is taken out is looked for in each of them, word by word, and reading on to it
//! from where a word begins is most of what that takes; only in large segments there is a way to jump. So taking out
//! is several times as dear with eighteen segments as with one, and merging all of them is soon made up for
//! (`docs/benchmarks.md`).

use std::time::Instant;

use rusqlite::Connection;

use super::file;

/// Fewer messages than this are taken out as it is, and not counted either.
const FEW: u64 = 50;
/// How many bytes are merged in the time in which a message is looked for in one more segment (80 µs). By the
/// processor alone it would be ten thousand; as the bytes have to be read and written too, less.
const WORTH: u64 = 4096;
/// How many pages are written in one transaction.
const STEP: i32 = 500;
/// How large the write-ahead log may become by it. It cannot be begun anew while somebody reads what was there before.
const LOG: u64 = 64 << 20;

/// When all of the index is to be merged.
#[derive(Debug)]
pub(super) struct Merging {
    /// How much of taking out could have been spared since it was last merged: messages, times the segments beside
    /// the first.
    spent: u64,
    step: i32,
}

impl Default for Merging {
    fn default() -> Self {
        Self::by(STEP)
    }
}

impl Merging {
    /// One that writes so many pages in one transaction.
    pub(super) fn by(step: i32) -> Self {
        Self { spent: 0, step }
    }

    /// Says that so many `messages` are taken out next. Merges first, once the time that was lost by not having merged is
    /// as much as merging takes. It does no harm where that does not come to its end, because `over` says so or the disk
    /// is full.
    pub(super) fn before(
        &mut self,
        conn: &Connection,
        messages: u64,
        over: &dyn Fn() -> bool,
    ) -> rusqlite::Result<()> {
        if messages < FEW {
            return Ok(());
        }
        let more = segments(conn)?.saturating_sub(1);
        self.spent = self.spent.saturating_add(messages.saturating_mul(more));
        if self.spent.saturating_mul(WORTH) < bytes(conn)? {
            return Ok(());
        }
        self.spent = 0;
        let began = Instant::now();
        match self.merge(conn, over) {
            Err(e) if !file::is_damage(&e) => {
                tracing::debug!(error = %e, "the search index is not merged");
                Ok(())
            }
            merged => {
                tracing::debug!(took = ?began.elapsed(), messages, "the search index is merged");
                merged
            }
        }
    }

    fn merge(&self, conn: &Connection, over: &dyn Fn() -> bool) -> rusqlite::Result<()> {
        // A negative number begins with all there is, and a positive one goes on with that: nothing else writes
        // meanwhile.
        let mut pages = -self.step;
        while step(conn, pages)? && !over() && file::log_bytes(conn) < LOG {
            pages = self.step;
        }
        Ok(())
    }
}

/// Merges so many pages; false when there was nothing to do.
fn step(conn: &Connection, pages: i32) -> rusqlite::Result<bool> {
    let before = conn.total_changes();
    let mut merge = conn.prepare_cached("INSERT INTO found (found, rank) VALUES ('merge', ?1)")?;
    merge.execute([pages])?;
    // As FTS5 says it: the row itself is one change.
    Ok(conn.total_changes() - before >= 2)
}

/// How many segments there are.
pub(super) fn segments(conn: &Connection) -> rusqlite::Result<u64> {
    // From one to the next by the key, not over all of it.
    let sql = "WITH RECURSIVE segment (id) AS (
                   SELECT min(segid) FROM found_idx
                   UNION ALL
                   SELECT (SELECT min(segid) FROM found_idx WHERE segid > id) FROM segment WHERE id IS NOT NULL
               ) SELECT count(id) FROM segment";
    count(conn, sql)
}

/// How much of the file is in use.
fn bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    count(conn, sql)
}

fn count(conn: &Connection, sql: &str) -> rusqlite::Result<u64> {
    let all: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(all).unwrap_or(0))
}
