//! Entries, which do not lie as they are described: by log and `seq`, where their table has a number for both.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params, types::FromSqlError};

use super::{
    super::{
        place::{Place, seq},
        txns,
    },
    value,
};
use crate::store::raw::{PAGE_BYTES, Row, Value};

/// The next log.
const NEXT: &str = "SELECT no, key FROM log WHERE key >= ?1 ORDER BY key LIMIT 1";
/// The next but that one.
const BEHIND: &str = "SELECT no, key FROM log WHERE key > ?1 ORDER BY key LIMIT 1";

const PAGE: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at, id, sender, txn, digest, v, kind, data FROM entry
     WHERE pos > ?1 AND pos <= ?2 ORDER BY pos LIMIT ?3"
);

const LAST: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at, id, sender, txn, digest, v, kind, data FROM entry
     WHERE pos >= ?1 AND pos <= ?2 ORDER BY pos DESC LIMIT 1"
);

/// Those behind one, by log and `seq`.
pub(super) fn scan(
    conn: &Connection,
    after: Option<&[Value]>,
    most: usize,
) -> rusqlite::Result<Vec<Row>> {
    let snapshot = conn.unchecked_transaction()?;
    let (key, mut after) = match after {
        Some([Value::Bytes(key), Value::Int(seq), ..]) => (key.clone(), *seq),
        _ => (Vec::new(), 0),
    };
    let mut log = logs(&snapshot, NEXT, &key)?;
    // Its own log may be gone.
    if log.as_ref().is_some_and(|(_, found)| *found != key) {
        after = 0;
    }
    let (mut rows, mut size) = (Vec::new(), 0);
    while let Some((place, key)) = log {
        let mut page = snapshot.prepare_cached(PAGE)?;
        let left = super::limit(most - rows.len());
        let from = place.at(u64::try_from(after).unwrap_or_default());
        let mut found = page.query(params![from, place.ends().1, left])?;
        while let Some(row) = found.next()? {
            let row = read(&key, row)?;
            size += row.size();
            rows.push(row);
            if rows.len() >= most || size > PAGE_BYTES {
                return Ok(rows);
            }
        }
        after = 0;
        log = logs(&snapshot, BEHIND, &key)?;
    }
    Ok(rows)
}

/// The last by log and `seq`.
pub(super) fn last(conn: &Connection) -> rusqlite::Result<Option<Row>> {
    let snapshot = conn.unchecked_transaction()?;
    let mut logs = snapshot.prepare_cached("SELECT no, key FROM log ORDER BY key DESC")?;
    let mut logs = logs.query([])?;
    while let Some(log) = logs.next()? {
        let (place, key) = (Place { log: log.get(0)? }, log.get::<_, Vec<u8>>(1)?);
        let mut last = snapshot.prepare_cached(LAST)?;
        let found = last.query_row(place.ends(), |row| read(&key, row));
        if let Some(row) = found.optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Puts entries where they lie, new or not, and their txns.
pub(super) fn load(conn: &Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let mut places: HashMap<&[u8], Place> = HashMap::new();
    let mut put = conn.prepare_cached(
        "INSERT INTO entry (pos, n, at, id, sender, txn, digest, v, kind, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (pos) DO UPDATE SET n = excluded.n, at = excluded.at, id = excluded.id,
         sender = excluded.sender, txn = excluded.txn, digest = excluded.digest, v = excluded.v,
         kind = excluded.kind, data = excluded.data",
    )?;
    for Row(row) in rows {
        let [
            Value::Bytes(key),
            Value::Int(number),
            n,
            at,
            id,
            sender,
            txn,
            digest,
            v,
            kind,
            data,
        ] = &row[..]
        else {
            return Err(FromSqlError::InvalidType.into());
        };
        let place = match places.get(&key[..]) {
            Some(place) => *place,
            None => Place::made(conn, key)?,
        };
        places.insert(key, place);
        let pos = place.at(u64::try_from(*number).unwrap_or_default());
        put.execute(params![pos, n, at, id, sender, txn, digest, v, kind, data])?;
        txns::note(conn, place.log, (sender, txn, &row[1]))?;
    }
    Ok(())
}

fn logs(conn: &Connection, sql: &str, key: &[u8]) -> rusqlite::Result<Option<(Place, Vec<u8>)>> {
    let found = conn
        .prepare_cached(sql)?
        .query_row([key], |row| Ok((Place { log: row.get(0)? }, row.get(1)?)));
    found.optional()
}

fn read(key: &[u8], row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let mut values = vec![Value::Bytes(key.to_vec())];
    for i in 0..10 {
        values.push(value(row.get_ref(i)?)?);
    }
    Ok(Row(values))
}
