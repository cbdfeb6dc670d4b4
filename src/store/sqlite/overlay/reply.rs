//! Threads: the table `reply`, and columns of `overlay`.

use rusqlite::{Connection, Row, params};

use super::super::rows::{self, int, number};
use crate::{clock::Millis, id::RoomId, model::Thread};

pub(in super::super) const REPLIES: &str =
    "SELECT seq FROM reply WHERE room = ?1 AND target = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";

/// The answers to a message, from the first after `after`.
pub(in super::super) fn replies(
    conn: &Connection,
    (room, target): (RoomId, u64),
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let of = params![room.as_bytes(), int(target), int(after), rows::limit(limit)];
    conn.prepare_cached(REPLIES)?
        .query_map(of, |row| number(row, 0))?
        .collect()
}

/// Adds an answer; false when the message is deleted.
pub(super) fn reply(
    conn: &Connection,
    (room, target): (RoomId, u64),
    seq: u64,
    at: Millis,
) -> rusqlite::Result<bool> {
    let laid = conn
        .prepare_cached(
            "INSERT INTO overlay (room, target, replies, last_reply, last_reply_at)
             VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (room, target) DO UPDATE SET replies = coalesce(replies, 0) + 1,
             last_reply = excluded.last_reply, last_reply_at = excluded.last_reply_at
             WHERE deleted_at IS NULL",
        )?
        .execute(params![room.as_bytes(), int(target), int(seq), at.0])?;
    if laid == 0 {
        return Ok(false);
    }
    conn.prepare_cached("INSERT INTO reply (room, target, seq) VALUES (?1, ?2, ?3)")?
        .execute(params![room.as_bytes(), int(target), int(seq)])?;
    Ok(true)
}

/// Takes out which answers there are to messages of a range. The answers themselves stay.
pub(super) fn forget(
    conn: &Connection,
    room: RoomId,
    first: u64,
    last: u64,
) -> rusqlite::Result<()> {
    let range = params![room.as_bytes(), int(first), int(last)];
    conn.prepare_cached("DELETE FROM reply WHERE room = ?1 AND target >= ?2 AND target <= ?3")?
        .execute(range)?;
    conn.prepare_cached(
        "UPDATE overlay SET replies = NULL, last_reply = NULL, last_reply_at = NULL
         WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND replies IS NOT NULL",
    )?
    .execute(range)?;
    Ok(())
}

/// The answers to the message, from this column on.
pub(super) fn thread(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Thread>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(Thread {
        count: number(row, column)?,
        last: number(row, column + 1)?,
        at: Millis(row.get(column + 2)?),
    }))
}
