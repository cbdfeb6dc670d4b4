//! Merging the index before much is taken out of it.
//!
//! FTS5 keeps words in segments: a new one for each transaction, merged now and then into larger ones, a dozen or
//! two of all sizes. A message that is taken out is looked for in each of them, word by word, and reading on to it
//! from where a word begins is most of what that takes; only in large segments there is a way to jump. So it takes
//! about 80 µs more for each further segment, 1.5–2.2 ms with eighteen, 0.3–0.5 ms with one (`docs/benchmarks.md`).
//! Merging all of them takes 3.4 µs for each message there is, which is soon made up for.

use std::time::Instant;

use rusqlite::Connection;

/// Fewer messages than this are taken out as it is.
const FEW: u64 = 50;
/// How many bytes are merged in the time in which a message is looked for in one more segment. By the processor
/// it would be ten thousand; as the bytes have to be read and written too, less.
const WORTH: u64 = 4096;
/// How many pages are written in one transaction.
const STEP: i32 = 500;

/// When all of the index is to be merged.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// How much of taking out could have been spared since it was last merged: messages, times the segments beside
    /// the first.
    spent: u64,
}

impl Merging {
    /// Says that so many `messages` are taken out next. Merges before that once not having done so would have cost as
    /// much as doing it. False where `over` said to end in between, which does no harm.
    pub(super) fn before(
        &mut self,
        conn: &Connection,
        messages: u64,
        over: &dyn Fn() -> bool,
    ) -> rusqlite::Result<bool> {
        if messages < FEW {
            return Ok(true);
        }
        let more = segments(conn)?.saturating_sub(1);
        self.spent = self.spent.saturating_add(messages.saturating_mul(more));
        if self.spent.saturating_mul(WORTH) < bytes(conn)? {
            return Ok(true);
        }
        self.spent = 0;
        let began = Instant::now();
        // A negative number begins with all there is, and a positive one goes on with what has begun; no other does
        // anything between.
        let mut pages = -STEP;
        while step(conn, pages)? {
            if over() {
                return Ok(false);
            }
            pages = STEP;
        }
        tracing::debug!(took = ?began.elapsed(), messages, "the search index is merged");
        Ok(true)
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
fn segments(conn: &Connection) -> rusqlite::Result<u64> {
    // From one to the next by the key, not over all of it.
    let sql = "WITH RECURSIVE segment (id) AS (
                   SELECT min(segid) FROM found_idx
                   UNION ALL
                   SELECT (SELECT min(segid) FROM found_idx WHERE segid > id) FROM segment WHERE id IS NOT NULL
               ) SELECT count(id) FROM segment";
    let all: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(all).unwrap_or(0))
}

fn bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let all: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(all).unwrap_or(0))
}
