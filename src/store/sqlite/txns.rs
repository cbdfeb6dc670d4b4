//! Finding what is repeated: which entry of a log was made under somebody's `txn`.
//!
//! Entries lie by room, so that a message changes the page at the end of its room. An index of txns changes another, at
//! the place of who sent it, and with hundreds of rooms that was half of what a message cost. So the txns of a log are
//! written to their table a block of entries at a time, with the last entry of the block, in its transaction. Those of the block that is not finished are in `entry` alone, and the writer keeps in mind
//! which they are. A txn is in the table or in the unfinished block, or in both; there is nothing to catch up with after a
//! crash.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    logs,
    rows::{entry_columns, int, log_key, number},
};
use crate::{
    id::{LogId, UserId},
    model::{Entry, Txn},
    store::raw::{Row, Table},
};

/// How many entries a block has, in a log of fewer than [`LONG`]. A page has 60 txns, and those of a block are spread
/// over all that their senders have: in a short log a few pages are changed for all of them.
const BLOCK: u64 = 64;

/// The same from there on, where they are spread over more. It is what is read when a log is written to for the first time.
const LONG_BLOCK: u64 = 512;

/// From how many entries on a log is long: where a block of either ends.
const LONG: u64 = 1_024;

/// Which entry of a finished block.
pub(super) const FINISHED: &str = "SELECT seq FROM txn WHERE log = ?1 AND sender = ?2 AND txn = ?3";

/// The entry, where it is one of the unfinished block, which begins after `?4`.
pub(super) const UNFINISHED: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE log = ?1 AND seq > ?4 AND sender = ?2 AND txn = ?3"
);

/// The txns of the unfinished block.
pub(super) const TAIL: &str = "SELECT sender, txn FROM entry
    WHERE log = ?1 AND seq > ?2 AND txn IS NOT NULL AND sender IS NOT NULL";

/// Writes the txns of entries after `?2`, up to `?3`.
pub(super) const FINISH: &str = "INSERT OR IGNORE INTO txn (log, sender, txn, seq)
    SELECT log, sender, txn, seq FROM entry
    WHERE log = ?1 AND seq > ?2 AND seq <= ?3 AND txn IS NOT NULL AND sender IS NOT NULL";

/// Takes out the txns of entries up to `?2`.
pub(super) const FORGET: &str = "DELETE FROM txn WHERE (log, sender, txn) IN
    (SELECT log, sender, txn FROM entry WHERE log = ?1 AND seq <= ?2 AND txn IS NOT NULL AND sender IS NOT NULL)";

/// Where the unfinished block of a log begins whose last entry is this: after which entry.
const fn after(head: u64) -> u64 {
    let block = if head < LONG { BLOCK } else { LONG_BLOCK };
    head / block * block
}

/// The end of a log, as the writer keeps it in mind.
pub(super) struct Tail {
    /// The last `seq`.
    pub(super) seq: u64,
    /// The txns of the unfinished block, as hashes.
    recent: Vec<u32>,
}

impl Tail {
    /// That of a log as it is in the database.
    pub(super) fn read(conn: &Connection, log: LogId) -> rusqlite::Result<Self> {
        let seq = logs::head(conn, log)?.seq;
        let mut recent = Vec::new();
        let mut statement = conn.prepare_cached(TAIL)?;
        let mut found = statement.query(params![log_key(log).as_bytes(), int(after(seq))])?;
        while let Some(row) = found.next()? {
            recent.push(hash(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_str()?));
        }
        Ok(Self { seq, recent })
    }

    /// Whether an entry of the log was made under the `txn` of this one already.
    pub(super) fn has(&self, conn: &Connection, entry: &Entry) -> rusqlite::Result<bool> {
        let (Some(from), Some(txn)) = (entry.from, &entry.txn) else {
            return Ok(false);
        };
        let key = log_key(entry.log);
        let of = params![key.as_bytes(), from.as_bytes(), txn.as_str()];
        if conn.prepare_cached(FINISHED)?.exists(of)? {
            return Ok(true);
        }
        let maybe = self.recent.contains(&hash(from.as_bytes(), txn.as_str()));
        Ok(maybe && unfinished(conn, entry.log, from, txn)?.is_some())
    }

    /// The log has one entry more.
    pub(super) fn grow(&mut self, conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
        self.seq = entry.seq;
        if let (Some(from), Some(txn)) = (entry.from, &entry.txn) {
            self.recent.push(hash(from.as_bytes(), txn.as_str()));
        }
        if after(self.seq) == self.seq {
            if !self.recent.is_empty() {
                let key = log_key(entry.log);
                let block = params![key.as_bytes(), int(after(self.seq - 1)), int(self.seq)];
                conn.prepare_cached(FINISH)?.execute(block)?;
            }
            self.recent = Vec::new();
        }
        Ok(())
    }
}

/// What is the same of two is looked up, so it may be short.
#[expect(clippy::cast_possible_truncation, reason = "a part of it will do")]
fn hash(from: &[u8], txn: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    (from, txn).hash(&mut hasher);
    hasher.finish() as u32
}

/// The entry that somebody made under this `txn`.
pub(super) fn find(
    conn: &Connection,
    log: LogId,
    from: UserId,
    txn: &Txn,
) -> rusqlite::Result<Option<Entry>> {
    // In this order: while this is read, a block may be finished, and none is ever unfinished again.
    if let Some(entry) = unfinished(conn, log, from, txn)? {
        return Ok(Some(entry));
    }
    let key = log_key(log);
    let of = params![key.as_bytes(), from.as_bytes(), txn.as_str()];
    let seq = conn
        .prepare_cached(FINISHED)?
        .query_row(of, |row| number(row, 0))
        .optional()?;
    match seq {
        Some(seq) => logs::entry(conn, log, seq),
        None => Ok(None),
    }
}

fn unfinished(
    conn: &Connection,
    log: LogId,
    from: UserId,
    txn: &Txn,
) -> rusqlite::Result<Option<Entry>> {
    let after = int(after(logs::head(conn, log)?.seq));
    let key = log_key(log);
    let of = params![key.as_bytes(), from.as_bytes(), txn.as_str(), after];
    logs::one(conn, UNFINISHED, log, of)
}

/// Takes out the txns of the entries up to one that are about to be taken out.
pub(super) fn forget(conn: &Connection, log: LogId, upto: u64) -> rusqlite::Result<()> {
    let key = log_key(log);
    let of = params![key.as_bytes(), int(upto)];
    conn.prepare_cached(FORGET)?.execute(of).map(drop)
}

/// Writes the txns of entries that were loaded as rows.
pub(super) fn note(conn: &Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let spec = Table::Entries.spec();
    let at = |name| spec.fields.iter().position(|field| field.sqlite == name);
    let (Some(log), Some(sender), Some(txn), Some(seq)) =
        (at("log"), at("sender"), at("txn"), at("seq"))
    else {
        return Ok(());
    };
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO txn (log, sender, txn, seq)
         SELECT ?1, ?2, ?3, ?4 WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL",
    )?;
    for Row(row) in rows {
        put.execute(params![row[log], row[sender], row[txn], row[seq]])?;
    }
    Ok(())
}

/// What is wrong with the table: what it should have and has not, and what it has that is not there.
pub(super) fn faults(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let missing = format!(
        "SELECT COUNT(*) FROM entry e
         WHERE e.txn IS NOT NULL AND e.sender IS NOT NULL
         AND e.seq <= (SELECT CASE WHEN MAX(h.seq) < {LONG} THEN MAX(h.seq) / {BLOCK} * {BLOCK}
                 ELSE MAX(h.seq) / {LONG_BLOCK} * {LONG_BLOCK} END
             FROM entry h WHERE h.log = e.log)
         AND NOT EXISTS (SELECT 1 FROM txn t
             WHERE t.log = e.log AND t.sender = e.sender AND t.txn = e.txn AND t.seq = e.seq)"
    );
    let left = "SELECT COUNT(*) FROM txn t WHERE NOT EXISTS
        (SELECT 1 FROM entry e WHERE e.log = t.log AND e.seq = t.seq AND e.sender = t.sender AND e.txn = t.txn)";
    let mut faults = Vec::new();
    for (sql, what) in [
        (
            missing.as_str(),
            "entries whose txn is not in the table txn",
        ),
        (left, "rows of the table txn whose entry is not there"),
    ] {
        let count = conn.query_row(sql, [], |row| number(row, 0))?;
        if count > 0 {
            faults.push(format!("{count} {what}"));
        }
    }
    Ok(faults)
}
