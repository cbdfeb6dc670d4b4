//! Reading rows as they lie there, and records in one go: for the audit and for imports.

use rusqlite::{Connection, Row, params, types::ValueRef};

use super::{
    place::{Place, seq},
    records,
    rows::{self, number},
};
use crate::{
    id::{LogId, RoomId, UserId},
    model::{Email, Room, User, Username},
    store::{RawEntry, Span, plain::hex},
};

pub(super) const OLDEST: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at, sender, v, kind, data FROM entry WHERE pos > ?1 AND pos <= ?2 ORDER BY pos LIMIT ?3"
);

pub(super) const NEWEST: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at, sender, v, kind, data FROM entry WHERE pos > ?1 AND pos <= ?2 ORDER BY pos DESC LIMIT ?3"
);

pub(super) fn entries(
    conn: &Connection,
    log: LogId,
    span: Span,
    limit: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<RawEntry>> {
    let Some(place) = Place::of(conn, log)? else {
        return Ok(Vec::new());
    };
    let sql = if span.newest_first { NEWEST } else { OLDEST };
    let mut statement = conn.prepare_cached(sql)?;
    let (after, upto) = (place.at(span.after), place.at(span.upto));
    let mut found = statement.query(params![after, upto, rows::limit(limit)])?;
    let mut entries = Vec::new();
    let mut size = 0;
    while let Some(row) = found.next()? {
        let entry = raw(row)?;
        size += entry.data.len();
        entries.push(entry);
        if size > bytes {
            break;
        }
    }
    Ok(entries)
}

fn raw(row: &Row<'_>) -> rusqlite::Result<RawEntry> {
    let whole = |column| match row.get_ref(column)? {
        ValueRef::Integer(n) => Ok::<_, rusqlite::Error>(Some(n)),
        _ => Ok(None),
    };
    let from = match row.get_ref(3)? {
        ValueRef::Blob(bytes) => Some(match <[u8; 16]>::try_from(bytes) {
            Ok(id) => UserId::from_bytes(id).to_string(),
            Err(_) => hex(bytes),
        }),
        _ => None,
    };
    Ok(RawEntry {
        seq: number(row, 0)?,
        n: whole(1)?,
        at: whole(2)?,
        from,
        version: whole(4)?,
        kind: text(row.get_ref(5)?),
        data: text(row.get_ref(6)?),
    })
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Null => String::new(),
    }
}

pub(super) fn rooms(conn: &Connection, ids: &[RoomId]) -> rusqlite::Result<Vec<Room>> {
    let snapshot = conn.unchecked_transaction()?;
    ids.iter()
        .filter_map(|id| records::room(&snapshot, *id).transpose())
        .collect()
}

pub(super) fn users_named(conn: &Connection, names: &[Username]) -> rusqlite::Result<Vec<User>> {
    let snapshot = conn.unchecked_transaction()?;
    names
        .iter()
        .filter_map(|name| records::user_by_name(&snapshot, name).transpose())
        .collect()
}

pub(super) fn users_by_email(conn: &Connection, emails: &[Email]) -> rusqlite::Result<Vec<User>> {
    let snapshot = conn.unchecked_transaction()?;
    emails
        .iter()
        .filter_map(|email| records::user_by_email(&snapshot, email).transpose())
        .collect()
}
