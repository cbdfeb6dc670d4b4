//! One change as statements, inside the writer's transaction.
//!
//! A change that does not happen must leave nothing behind while its batch goes on. A single statement
//! that fails undoes itself; only a change of several takes a savepoint.

mod write;

use std::collections::{HashMap, hash_map};

use rusqlite::{Connection, params};

#[cfg(test)]
pub(super) use self::write::{END_SESSIONS, MOVE_ON, MOVE_ONE_ON, READ};
use self::write::{is_constraint, make};
use super::{
    place,
    rows::int,
    txns::{self, Tail},
};
use crate::{
    id::{LogId, UserId},
    model::{Entry, Txn, entry::FORMAT},
    store::{Change, Outcome, payload},
};

/// Of how many logs the end is kept in memory (100 bytes each, and up to 2 KiB of txns); beyond it they are all forgotten,
/// and looked up again by primary key.
const TAILS: usize = 32_768;

/// The ends of the logs lately written to. Right only while nobody else writes.
pub(super) type Tails = HashMap<LogId, Tail>;

/// Why a change does not go on.
enum Halt {
    /// It does not happen; the batch goes on.
    Not(Outcome),
    /// The database failed, and the batch with it.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Halt {
    fn from(e: rusqlite::Error) -> Self {
        Self::Broken(e)
    }
}

/// Makes one change, whole or not at all. An error means that the transaction must be rolled back.
pub(super) fn change(
    conn: &Connection,
    tails: &mut Tails,
    change: &Change,
) -> rusqlite::Result<Outcome> {
    let single = change.entries.len() + change.writes.len() <= 1;
    if !single {
        conn.prepare_cached("SAVEPOINT change")?.execute([])?;
    }
    let outcome = match statements(conn, tails, change) {
        Ok(()) => Outcome::Committed,
        Err(Halt::Not(outcome)) => {
            for entry in &change.entries {
                tails.remove(&entry.log);
            }
            if !single {
                conn.prepare_cached("ROLLBACK TO change")?.execute([])?;
            }
            outcome
        }
        Err(Halt::Broken(e)) => return Err(e),
    };
    if !single {
        conn.prepare_cached("RELEASE change")?.execute([])?;
    }
    Ok(outcome)
}

fn statements(conn: &Connection, tails: &mut Tails, change: &Change) -> Result<(), Halt> {
    for entry in &change.entries {
        append(conn, tails, entry)?;
    }
    change.writes.iter().try_for_each(|w| make(conn, w))
}

fn append(conn: &Connection, tails: &mut Tails, entry: &Entry) -> Result<(), Halt> {
    if tails.len() >= TAILS {
        tails.clear();
    }
    let tail = match tails.entry(entry.log) {
        hash_map::Entry::Occupied(known) => known.into_mut(),
        hash_map::Entry::Vacant(new) => new.insert(Tail::read(conn, entry.log)?),
    };
    if entry.seq != tail.seq + 1 || tail.has(conn, entry)? {
        return Err(repeated(conn, entry)?);
    }
    if entry.seq > place::LAST {
        return Err(place::full("a log has as many entries as it can have").into());
    }
    let data = payload::encode(&entry.payload)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let inserted = conn
        .prepare_cached(
            "INSERT INTO entry (pos, n, at, id, sender, txn, digest, v, kind, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            tail.place.at(entry.seq),
            int(entry.n),
            entry.at.0,
            entry.id.as_bytes(),
            entry.from.as_ref().map(UserId::as_bytes),
            entry.txn.as_ref().map(Txn::as_str),
            entry.digest,
            FORMAT,
            entry.payload.kind(),
            data,
        ]);
    match inserted {
        Ok(_) => Ok(tail.grow(conn, entry)?),
        Err(e) if is_constraint(&e) => Err(repeated(conn, entry)?),
        Err(e) => Err(e.into()),
    }
}

/// What it means that an entry cannot have its place: that it is there already, or that another one is.
fn repeated(conn: &Connection, entry: &Entry) -> rusqlite::Result<Halt> {
    let original = match (entry.from, &entry.txn) {
        (Some(from), Some(txn)) => txns::find(conn, entry.log, from, txn)?,
        _ => None,
    };
    Ok(Halt::Not(original.map_or(Outcome::Conflict, |e| {
        Outcome::Duplicate(Box::new(e))
    })))
}
