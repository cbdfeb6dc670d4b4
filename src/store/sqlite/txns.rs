//! Finding what is repeated: which entry of a log was made under somebody's `txn`.
//!
//! Entries lie by room, so that a message changes the page at the end of its room. An index of txns changes another, at
//! the place of who sent it, and with hundreds of rooms that was half of what a message cost. So the txns of a log are
//! written to their table a block of entries at a time, with the last entry of the block, in its transaction. Those of the
//! block that is not finished are in `entry` alone, and the writer keeps in mind which they are. A txn is in the table or in
//! the unfinished block, or in both; there is nothing to catch up with after a crash.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    logs,
    place::{LAST, Place, SEQ_BITS, log_no, seq},
    rows::{entry_columns, log_key, number},
};
use crate::{
    id::{LogId, UserId},
    model::{Entry, Txn},
    store::raw::Value,
};

/// How many entries a block has, in a log of fewer than [`LONG`]. A page has 60 txns, and those of a block are spread
/// over all that their senders have: in a short log a few pages are changed for all of them.
const BLOCK: u64 = 64;

/// The same from there on, where they are spread over more. It is what is read when a log is written to for the first time.
const LONG_BLOCK: u64 = 512;

/// From how many entries on a log is long: where a block of either ends.
const LONG: u64 = 1_024;

/// Which entry of a finished block; `?1` is the log's number.
pub(super) const FINISHED: &str = "SELECT seq FROM txn WHERE log = ?1 AND sender = ?2 AND txn = ?3";

/// The entry, where it is one of the unfinished block, which lies from `?1`, not with it, to `?2`.
pub(super) const UNFINISHED: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE pos > ?1 AND pos <= ?2 AND sender = ?3 AND txn = ?4"
);

/// The txns of the unfinished block.
pub(super) const TAIL: &str = "SELECT sender, txn FROM entry
    WHERE pos > ?1 AND pos <= ?2 AND txn IS NOT NULL AND sender IS NOT NULL";

/// Writes the txns of the entries that lie behind `?1`, up to `?2`.
pub(super) const FINISH: &str = concat!(
    "INSERT OR IGNORE INTO txn (log, sender, txn, seq) SELECT ",
    log_no!(),
    ", sender, txn, ",
    seq!(),
    " FROM entry WHERE pos > ?1 AND pos <= ?2 AND txn IS NOT NULL AND sender IS NOT NULL"
);

/// Takes out the txns of the entries of the log `?3` that lie from `?1` to `?2`.
pub(super) const FORGET: &str = "DELETE FROM txn WHERE log = ?3 AND (sender, txn) IN
    (SELECT sender, txn FROM entry WHERE pos >= ?1 AND pos <= ?2 AND txn IS NOT NULL AND sender IS NOT NULL)";

/// Where the unfinished block of a log begins whose last entry is this: after which entry.
const fn after(head: u64) -> u64 {
    let block = if head < LONG { BLOCK } else { LONG_BLOCK };
    head / block * block
}

/// The end of a log, as the writer keeps it in mind.
pub(super) struct Tail {
    /// Where it lies.
    pub(super) place: Place,
    /// The last `seq`.
    pub(super) seq: u64,
    /// The txns of the unfinished block, as hashes.
    recent: Vec<u32>,
}

impl Tail {
    /// That of a log as it is in the database; a log without entries gets its place.
    pub(super) fn read(conn: &Connection, log: LogId) -> rusqlite::Result<Self> {
        let place = Place::made(conn, log_key(log).as_bytes())?;
        let seq = logs::head_at(conn, place)?.seq;
        let mut recent = Vec::new();
        let mut statement = conn.prepare_cached(TAIL)?;
        let mut found = statement.query([place.at(after(seq)), place.at(LAST)])?;
        while let Some(row) = found.next()? {
            recent.push(hash(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_str()?));
        }
        Ok(Self { place, seq, recent })
    }

    /// Whether an entry of the log was made under the `txn` of this one already.
    pub(super) fn has(&self, conn: &Connection, entry: &Entry) -> rusqlite::Result<bool> {
        let (Some(from), Some(txn)) = (entry.from, &entry.txn) else {
            return Ok(false);
        };
        let of = params![self.place.log, from.as_bytes(), txn.as_str()];
        if conn.prepare_cached(FINISHED)?.exists(of)? {
            return Ok(true);
        }
        let maybe = self.recent.contains(&hash(from.as_bytes(), txn.as_str()));
        Ok(maybe && unfinished(conn, self.place, entry.log, from, txn)?.is_some())
    }

    /// The log has one entry more.
    pub(super) fn grow(&mut self, conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
        self.seq = entry.seq;
        if let (Some(from), Some(txn)) = (entry.from, &entry.txn) {
            self.recent.push(hash(from.as_bytes(), txn.as_str()));
        }
        if after(self.seq) == self.seq {
            if !self.recent.is_empty() {
                let block = [self.place.at(after(self.seq - 1)), self.place.at(self.seq)];
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
    let Some(place) = Place::of(conn, log)? else {
        return Ok(None);
    };
    // In this order: while this is read, a block may be finished, and none is ever unfinished again.
    if let Some(entry) = unfinished(conn, place, log, from, txn)? {
        return Ok(Some(entry));
    }
    let of = params![place.log, from.as_bytes(), txn.as_str()];
    let seq = conn
        .prepare_cached(FINISHED)?
        .query_row(of, |row| number(row, 0))
        .optional()?;
    match seq {
        Some(seq) => logs::one(conn, logs::ENTRY, log, [place.at(seq)]),
        None => Ok(None),
    }
}

fn unfinished(
    conn: &Connection,
    place: Place,
    log: LogId,
    from: UserId,
    txn: &Txn,
) -> rusqlite::Result<Option<Entry>> {
    let after = after(logs::head_at(conn, place)?.seq);
    let of = params![
        place.at(after),
        place.at(LAST),
        from.as_bytes(),
        txn.as_str()
    ];
    logs::one(conn, UNFINISHED, log, of)
}

/// Takes out the txns of the entries up to one that are about to be taken out.
pub(super) fn forget(conn: &Connection, place: Place, upto: u64) -> rusqlite::Result<()> {
    let of = [place.at(0), place.at(upto), place.log];
    conn.prepare_cached(FORGET)?.execute(of).map(drop)
}

/// Writes the txn of an entry that was loaded as a row.
pub(super) fn note(
    conn: &Connection,
    log: i64,
    (sender, txn, seq): (&Value, &Value, &Value),
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO txn (log, sender, txn, seq)
         SELECT ?1, ?2, ?3, ?4 WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL",
    )?
    .execute(params![log, sender, txn, seq])
    .map(drop)
}

/// What is wrong with the table: what it should have and has not, and what it has that is not there.
pub(super) fn faults(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let missing = format!(
        "SELECT COUNT(*) FROM entry e
         WHERE e.txn IS NOT NULL AND e.sender IS NOT NULL
         AND (e.pos & {LAST}) <= (SELECT CASE WHEN last < {LONG} THEN last / {BLOCK} * {BLOCK}
                 ELSE last / {LONG_BLOCK} * {LONG_BLOCK} END
             FROM (SELECT MAX(h.pos) & {LAST} AS last FROM entry h
                 WHERE h.pos >= e.pos AND h.pos <= (e.pos | {LAST})))
         AND NOT EXISTS (SELECT 1 FROM txn t WHERE t.log = e.{log}
             AND t.sender = e.sender AND t.txn = e.txn AND t.seq = (e.pos & {LAST}))",
        log = log_no!(),
    );
    let left = format!(
        "SELECT COUNT(*) FROM txn t WHERE NOT EXISTS (SELECT 1 FROM entry e
             WHERE e.pos = (t.log << {SEQ_BITS} | t.seq) AND e.sender = t.sender AND e.txn = t.txn)"
    );
    let lost = concat!(
        "SELECT COUNT(*) FROM entry WHERE NOT EXISTS (SELECT 1 FROM log WHERE no = ",
        log_no!(),
        ")"
    );
    let mut faults = Vec::new();
    for (sql, what) in [
        (
            missing.as_str(),
            "entries whose txn is not in the table txn",
        ),
        (
            left.as_str(),
            "rows of the table txn whose entry is not there",
        ),
        (lost, "entries of a log that is not in the table log"),
    ] {
        let count = conn.query_row(sql, [], |row| number(row, 0))?;
        if count > 0 {
            faults.push(format!("{count} {what}"));
        }
    }
    Ok(faults)
}
