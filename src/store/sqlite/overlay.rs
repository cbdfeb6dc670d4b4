//! Deletions and redactions: the tables `overlay` and `redaction`.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{
    archive,
    rows::{self, int, log_key, number},
};
use crate::{
    clock::Millis,
    id::{LogId, RedactionId, RoomId, UserId},
    model::{Deletion, Entry, Redaction},
    store::{Write, overlay, payload::ERASED},
};

/// The columns [`deletion_row`] reads, in its order.
macro_rules! deletion_columns {
    () => {
        "room, target, deleted_at, deleted_by, seq, redaction, erased_at"
    };
}

pub(super) const DELETED: &str = "SELECT target FROM overlay
     WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND deleted_at IS NOT NULL";

pub(super) const DELETION: &str = concat!(
    "SELECT ",
    deletion_columns!(),
    " FROM overlay WHERE room = ?1 AND target = ?2 AND deleted_at IS NOT NULL"
);

pub(super) const UNERASED: &str = concat!(
    "SELECT ",
    deletion_columns!(),
    " FROM overlay WHERE deleted_at IS NOT NULL AND erased_at IS NULL AND deleted_at >= ?1
      AND deleted_at <= ?2 ORDER BY deleted_at LIMIT ?3"
);

pub(super) const DELETIONS_OF: &str = concat!(
    "SELECT ",
    deletion_columns!(),
    " FROM overlay WHERE redaction = ?1 AND (room, target) > (?2, ?3) AND deleted_at IS NOT NULL
      ORDER BY room, target LIMIT ?4"
);

pub(super) const REDACTION: &str =
    "SELECT id, user, at, finished_at, undone_at, detail FROM redaction WHERE id = ?1";

pub(super) const REDACTIONS: &str =
    "SELECT id, user, at, finished_at, undone_at, detail FROM redaction
     WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

/// Takes the text from those of a log's entries that are deleted.
pub(super) fn hide(conn: &Connection, entries: &mut [Entry]) -> rusqlite::Result<()> {
    let Some((room, first, last)) = overlay::span(entries) else {
        return Ok(());
    };
    overlay::hide(entries, &deleted(conn, room, first, last)?);
    Ok(())
}

pub(super) fn deleted(
    conn: &Connection,
    room: RoomId,
    first: u64,
    last: u64,
) -> rusqlite::Result<HashSet<u64>> {
    let of = params![room.as_bytes(), int(first), int(last)];
    conn.prepare_cached(DELETED)?
        .query_map(of, |row| number(row, 0))?
        .collect()
}

pub(super) fn deletion(
    conn: &Connection,
    room: RoomId,
    target: u64,
) -> rusqlite::Result<Option<Deletion>> {
    conn.prepare_cached(DELETION)?
        .query_row(params![room.as_bytes(), int(target)], deletion_row)
        .optional()
}

pub(super) fn unerased(
    conn: &Connection,
    since: Millis,
    upto: Millis,
    limit: usize,
) -> rusqlite::Result<Vec<Deletion>> {
    conn.prepare_cached(UNERASED)?
        .query_map(params![since.0, upto.0, rows::limit(limit)], deletion_row)?
        .collect()
}

pub(super) fn deletions_of(
    conn: &Connection,
    redaction: RedactionId,
    after: Option<(RoomId, u64)>,
    limit: usize,
) -> rusqlite::Result<Vec<Deletion>> {
    // No room has an id of zeros, nor an entry 0.
    let (room, target) = after.unwrap_or((RoomId::from_bytes([0; 16]), 0));
    let found = params![
        redaction.as_bytes(),
        room.as_bytes(),
        int(target),
        rows::limit(limit)
    ];
    conn.prepare_cached(DELETIONS_OF)?
        .query_map(found, deletion_row)?
        .collect()
}

pub(super) fn redaction(conn: &Connection, id: RedactionId) -> rusqlite::Result<Option<Redaction>> {
    conn.prepare_cached(REDACTION)?
        .query_row([id.as_bytes()], redaction_row)
        .optional()
}

pub(super) fn redactions(
    conn: &Connection,
    before: Option<RedactionId>,
    limit: usize,
) -> rusqlite::Result<Vec<Redaction>> {
    let before = before.unwrap_or(RedactionId::from_bytes([0xff; 16]));
    conn.prepare_cached(REDACTIONS)?
        .query_map(
            params![before.as_bytes(), rows::limit(limit)],
            redaction_row,
        )?
        .collect()
}

/// Makes one of the writes that are about the overlay; false when what it changes is not as it expected.
pub(super) fn write(conn: &Connection, write: &Write) -> rusqlite::Result<bool> {
    match write {
        Write::Delete(deletion) => delete(conn, deletion),
        Write::Restore {
            room,
            target,
            redaction,
        } => restore(conn, *room, *target, *redaction),
        Write::Erase {
            room,
            target,
            at,
            generation,
        } => erase(conn, *room, *target, *at, *generation),
        Write::PutRedaction(redaction) => put_redaction(conn, redaction).map(|()| true),
        _ => Ok(true),
    }
}

/// Marks a message as deleted; false when it was before.
fn delete(conn: &Connection, deletion: &Deletion) -> rusqlite::Result<bool> {
    let done = conn
        .prepare_cached(
            "INSERT INTO overlay (room, target, deleted_at, deleted_by, seq, redaction, erased_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (room, target) DO UPDATE SET deleted_at = excluded.deleted_at,
             deleted_by = excluded.deleted_by, seq = excluded.seq, redaction = excluded.redaction,
             erased_at = excluded.erased_at WHERE deleted_at IS NULL",
        )?
        .execute(params![
            deletion.room.as_bytes(),
            int(deletion.target),
            deletion.at.0,
            deletion.by.as_ref().map(UserId::as_bytes),
            int(deletion.seq),
            deletion.redaction.as_ref().map(RedactionId::as_bytes),
            deletion.erased_at.map(|at| at.0),
        ])?;
    Ok(done > 0)
}

/// Takes a deletion back; false when there is none of this redaction, or the text is gone. The row goes with
/// it: nothing else lies over a message yet.
fn restore(
    conn: &Connection,
    room: RoomId,
    target: u64,
    redaction: Option<RedactionId>,
) -> rusqlite::Result<bool> {
    let done = conn
        .prepare_cached(
            "DELETE FROM overlay WHERE room = ?1 AND target = ?2 AND redaction IS ?3
             AND deleted_at IS NOT NULL AND erased_at IS NULL",
        )?
        .execute(params![
            room.as_bytes(),
            int(target),
            redaction.as_ref().map(RedactionId::as_bytes),
        ])?;
    Ok(done > 0)
}

/// Takes a deleted message's text, and its digest, out of its entry. What was there is overwritten
/// (`secure_delete`), so that no page of the file has it. False when a segment still has it.
fn erase(
    conn: &Connection,
    room: RoomId,
    target: u64,
    at: Millis,
    generation: Option<u32>,
) -> rusqlite::Result<bool> {
    if !archive::is_of(conn, room, target, generation)? {
        return Ok(false);
    }
    let marked = conn
        .prepare_cached(
            "UPDATE overlay SET erased_at = ?3
             WHERE room = ?1 AND target = ?2 AND deleted_at IS NOT NULL AND erased_at IS NULL",
        )?
        .execute(params![room.as_bytes(), int(target), at.0])?;
    if marked > 0 {
        let key = log_key(LogId::Room(room));
        conn.prepare_cached(
            "UPDATE entry SET data = ?3, digest = NULL
             WHERE log = ?1 AND seq = ?2 AND kind = 'message'",
        )?
        .execute(params![key.as_bytes(), int(target), ERASED])?;
    }
    Ok(true)
}

fn put_redaction(conn: &Connection, redaction: &Redaction) -> rusqlite::Result<()> {
    let detail = serde_json::to_string(&redaction.detail)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    conn.prepare_cached(
        "INSERT INTO redaction (id, user, at, finished_at, undone_at, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET user = excluded.user, at = excluded.at,
         finished_at = excluded.finished_at, undone_at = excluded.undone_at, detail = excluded.detail",
    )?
    .execute(params![
        redaction.id.as_bytes(),
        redaction.user.as_bytes(),
        redaction.at.0,
        redaction.finished_at.map(|at| at.0),
        redaction.undone_at.map(|at| at.0),
        detail,
    ])?;
    Ok(())
}

fn deletion_row(row: &Row<'_>) -> rusqlite::Result<Deletion> {
    Ok(Deletion {
        room: RoomId::from_bytes(row.get(0)?),
        target: number(row, 1)?,
        at: Millis(row.get(2)?),
        by: row.get::<_, Option<_>>(3)?.map(UserId::from_bytes),
        seq: number(row, 4)?,
        redaction: row.get::<_, Option<_>>(5)?.map(RedactionId::from_bytes),
        erased_at: row.get::<_, Option<_>>(6)?.map(Millis),
    })
}

fn redaction_row(row: &Row<'_>) -> rusqlite::Result<Redaction> {
    let detail = row.get_ref(5)?.as_str()?;
    let detail = serde_json::from_str(detail)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(5, Type::Text, Box::new(e)))?;
    Ok(Redaction {
        id: RedactionId::from_bytes(row.get(0)?),
        user: UserId::from_bytes(row.get(1)?),
        at: Millis(row.get(2)?),
        finished_at: row.get::<_, Option<_>>(3)?.map(Millis),
        undone_at: row.get::<_, Option<_>>(4)?.map(Millis),
        detail,
    })
}
