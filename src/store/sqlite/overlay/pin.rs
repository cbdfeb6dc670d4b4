//! Pins: columns of `overlay`.

use rusqlite::{Connection, Row, params};

use super::{
    super::rows::{self, int, number},
    bare, laid_over,
};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
    model::{Pin, Pinned},
};

pub(in super::super) const PINS: &str = "SELECT target FROM overlay INDEXED BY overlay_pin
     WHERE room = ?1 AND pin_seq IS NOT NULL ORDER BY pin_seq DESC LIMIT ?2";

/// The pinned messages of a room, the one that was pinned last first.
pub(in super::super) fn pins(conn: &Connection, room: RoomId) -> rusqlite::Result<Vec<u64>> {
    conn.prepare_cached(PINS)?
        .query_map(params![room.as_bytes(), rows::limit(Pin::MOST)], |row| {
            number(row, 0)
        })?
        .collect()
}

/// Pins a message; false when it is deleted, or pinned, or too many others are.
pub(super) fn pin(conn: &Connection, pin: &Pin) -> rusqlite::Result<bool> {
    let known = laid_over(conn, pin.room, pin.target, pin.target)?;
    let known = known.into_values().next().unwrap_or_default();
    if known.deleted || known.pinned.is_some() || pins(conn, pin.room)?.len() >= Pin::MOST {
        return Ok(false);
    }
    conn.prepare_cached(
        "INSERT INTO overlay (room, target, pin_seq, pinned_by, pinned_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (room, target) DO UPDATE SET pin_seq = excluded.pin_seq,
         pinned_by = excluded.pinned_by, pinned_at = excluded.pinned_at",
    )?
    .execute(params![
        pin.room.as_bytes(),
        int(pin.target),
        int(pin.pinned.seq),
        pin.pinned.by.as_bytes(),
        pin.pinned.at.0,
    ])?;
    Ok(true)
}

/// Takes a message down; false when it is not pinned.
pub(super) fn unpin(conn: &Connection, room: RoomId, target: u64) -> rusqlite::Result<bool> {
    let done = take_down(conn, room, target, target)?;
    bare(conn, room, target, target)?;
    Ok(done > 0)
}

/// Takes all messages of a range down; answers how many.
pub(super) fn take_down(
    conn: &Connection,
    room: RoomId,
    first: u64,
    last: u64,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "UPDATE overlay SET pin_seq = NULL, pinned_by = NULL, pinned_at = NULL
         WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND pin_seq IS NOT NULL",
    )?
    .execute(params![room.as_bytes(), int(first), int(last)])
}

/// That the message is pinned, from this column on.
pub(super) fn pinned(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Pinned>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(Pinned {
        seq: number(row, column)?,
        by: UserId::from_bytes(row.get(column + 1)?),
        at: Millis(row.get(column + 2)?),
    }))
}
