//! Reading logs and the states that fold them.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{
    moderation, overlay,
    place::{Place, seq},
    records,
    rows::{self, entry_columns},
};
use crate::{
    id::{LogId, RoomId, UserId},
    model::{Entry, Head},
    store::{ControlState, Page, RoomState, UserState, plain},
};

pub(super) const HEAD: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at FROM entry WHERE pos >= ?1 AND pos <= ?2 ORDER BY pos DESC LIMIT 1"
);

pub(super) const ENTRIES: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE pos > ?1 AND pos <= ?2 ORDER BY pos LIMIT ?3"
);

pub(super) const ENTRY: &str = concat!("SELECT ", entry_columns!(), " FROM entry WHERE pos = ?1");

/// Messages with `?1 <= pos < ?2`, the last first.
pub(super) const MESSAGES_BEFORE: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE pos >= ?1 AND pos < ?2 AND kind = 'message' ORDER BY pos DESC LIMIT ?3"
);

/// Messages with `?1 <= pos <= ?2`, the first first.
pub(super) const MESSAGES_FROM: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE pos >= ?1 AND pos <= ?2 AND kind = 'message' ORDER BY pos LIMIT ?3"
);

pub(super) const LAST_ACT: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entry WHERE pos >= ?1 AND pos <= ?2 AND kind = 'act' ORDER BY pos DESC LIMIT 1"
);

pub(super) fn head(conn: &Connection, log: LogId) -> rusqlite::Result<Head> {
    let place = Place::of(conn, log)?;
    let head = place.map(|place| head_at(conn, place)).transpose()?;
    Ok(head.unwrap_or_default())
}

/// The head of the log that lies there.
pub(super) fn head_at(conn: &Connection, place: Place) -> rusqlite::Result<Head> {
    let head = conn
        .prepare_cached(HEAD)?
        .query_row(place.ends(), rows::head)
        .optional()?;
    Ok(head.unwrap_or_default())
}

pub(super) fn entries(
    conn: &Connection,
    log: LogId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let Some(place) = Place::of(conn, log)? else {
        return Ok(Vec::new());
    };
    let mut statement = conn.prepare_cached(ENTRIES)?;
    let span = params![place.at(after), place.at(upto), rows::limit(limit)];
    let mut found = statement.query(span)?;
    let mut entries = Vec::new();
    let mut size = 0;
    while let Some(row) = found.next()? {
        size += row.get_ref(9)?.as_str()?.len();
        entries.push(rows::entry(log, row)?);
        if size > bytes {
            break;
        }
    }
    overlay::hide(conn, &mut entries)?;
    Ok(entries)
}

pub(super) fn entry(conn: &Connection, log: LogId, seq: u64) -> rusqlite::Result<Option<Entry>> {
    match Place::of(conn, log)? {
        Some(place) => one(conn, ENTRY, log, [place.at(seq)]),
        None => Ok(None),
    }
}

/// Those of these entries that are there, as they lie there.
pub(super) fn entries_at(
    conn: &Connection,
    log: LogId,
    seqs: &[u64],
) -> rusqlite::Result<Vec<Entry>> {
    let Some(place) = Place::of(conn, log)? else {
        return Ok(Vec::new());
    };
    let mut statement = conn.prepare_cached(ENTRY)?;
    let mut found = Vec::new();
    for seq in seqs {
        let entry = statement.query_row([place.at(*seq)], |row| rows::entry(log, row));
        found.extend(entry.optional()?);
    }
    Ok(found)
}

pub(super) fn messages(
    conn: &Connection,
    room: RoomId,
    page: Page,
    floor: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    match page {
        Page::Before(seq) => messages_before(conn, room, seq, floor, limit),
        Page::After(seq) => messages_from(conn, room, seq.saturating_add(1).max(floor), limit),
        Page::Around(seq) => {
            let snapshot = conn.unchecked_transaction()?;
            let mut page = messages_before(&snapshot, room, seq, floor, limit / 2)?;
            let rest = limit - page.len();
            page.extend(messages_from(&snapshot, room, seq.max(floor), rest)?);
            Ok(page)
        }
    }
}

fn messages_before(
    conn: &Connection,
    room: RoomId,
    before: u64,
    floor: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let log = LogId::Room(room);
    let Some(place) = Place::of(conn, log)? else {
        return Ok(Vec::new());
    };
    let span = params![place.at(floor), place.at(before), rows::limit(limit)];
    let mut page = all(conn, MESSAGES_BEFORE, log, span)?;
    page.reverse();
    Ok(page)
}

fn messages_from(
    conn: &Connection,
    room: RoomId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let log = LogId::Room(room);
    let Some(place) = Place::of(conn, log)? else {
        return Ok(Vec::new());
    };
    let span = params![place.at(from), place.ends().1, rows::limit(limit)];
    all(conn, MESSAGES_FROM, log, span)
}

pub(super) fn load_room(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<RoomState>> {
    let snapshot = conn.unchecked_transaction()?;
    let Some(room) = records::room(&snapshot, id)? else {
        return Ok(None);
    };
    let members = records::members(&snapshot, id)?;
    let sanctions = moderation::sanctions_in(&snapshot, id)?;
    let head = head(&snapshot, LogId::Room(id))?;
    Ok(Some(RoomState {
        room,
        members,
        sanctions,
        head,
    }))
}

pub(super) fn load_user(conn: &Connection, id: UserId) -> rusqlite::Result<Option<UserState>> {
    let snapshot = conn.unchecked_transaction()?;
    let Some(user) = records::user(&snapshot, id)? else {
        return Ok(None);
    };
    let sanctions = moderation::sanctions_of(&snapshot, id)?;
    let head = head(&snapshot, LogId::User(id))?;
    Ok(Some(UserState {
        user,
        sanctions,
        head,
    }))
}

pub(super) fn load_control(conn: &Connection) -> rusqlite::Result<ControlState> {
    let log = LogId::Control;
    let snapshot = conn.unchecked_transaction()?;
    let head = head(&snapshot, log)?;
    let last = match Place::of(&snapshot, log)? {
        Some(place) => one(&snapshot, LAST_ACT, log, place.ends()),
        None => Ok(None),
    };
    let hash = match last {
        Ok(last) => plain::hash_of(last),
        Err(e @ rusqlite::Error::FromSqlConversionFailure(..)) => plain::hash_of_damaged(&e),
        Err(e) => return Err(e),
    };
    let policy = moderation::policy(&snapshot)?;
    Ok(ControlState { head, hash, policy })
}

pub(super) fn one(
    conn: &Connection,
    sql: &str,
    log: LogId,
    params: impl Params,
) -> rusqlite::Result<Option<Entry>> {
    let mut found = conn
        .prepare_cached(sql)?
        .query_row(params, |row| rows::entry(log, row))
        .optional()?;
    if let Some(entry) = &mut found {
        overlay::hide(conn, std::slice::from_mut(entry))?;
    }
    Ok(found)
}

/// Messages, as they are now.
fn all(
    conn: &Connection,
    sql: &str,
    log: LogId,
    params: impl Params,
) -> rusqlite::Result<Vec<Entry>> {
    let mut found = conn
        .prepare_cached(sql)?
        .query_map(params, |row| rows::entry(log, row))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    overlay::lay(conn, &mut found)?;
    Ok(found)
}
