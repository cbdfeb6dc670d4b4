//! Taking texts out: of entries, and of what lies over them.

use rusqlite::{Connection, params};

use super::{
    super::{archive, files, place::Place, rows::int},
    bare, deletion, laid_over, pin, react, reply,
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId},
    store::payload::{ERASED, erased_edit, erased_reaction},
};

/// Takes a deleted message's text, and its digest, out of its entry, and what it was edited to. What was there
/// is overwritten (`secure_delete`), so that no page of the file has it. False when a segment still has it, or
/// it was edited more or less often.
pub(super) fn erase(
    conn: &Connection,
    (room, target): (RoomId, u64),
    at: Millis,
    generation: Option<u32>,
    edits: usize,
) -> rusqlite::Result<bool> {
    let known = laid_over(conn, room, target, target)?;
    let others = known
        .get(&target)
        .is_some_and(|l| l.deleted && l.edits.len() != edits);
    if others || !archive::is_of(conn, room, target, generation)? {
        return Ok(false);
    }
    let marked = conn
        .prepare_cached(
            "UPDATE overlay SET erased_at = ?3, body = NULL
             WHERE room = ?1 AND target = ?2 AND deleted_at IS NOT NULL AND erased_at IS NULL",
        )?
        .execute(params![room.as_bytes(), int(target), at.0])?;
    if marked > 0 {
        empty(conn, room, target, "message", ERASED)?;
        react::forget(conn, room, target, target)?;
        files::drop_attached(conn, room, (target, target), at)?;
    }
    Ok(true)
}

/// The same with the text of an edit. That it is erased is noted under its own number.
pub(super) fn erase_edit(
    conn: &Connection,
    (room, target): (RoomId, u64),
    seq: u64,
    at: Millis,
    generation: Option<u32>,
) -> rusqlite::Result<bool> {
    if !archive::is_of(conn, room, seq, generation)? {
        return Ok(false);
    }
    if deletion(conn, room, target)?.is_some() {
        note(conn, room, seq, at)?;
        empty(conn, room, seq, "edit", &erased_edit(target))?;
    }
    Ok(true)
}

/// Takes what somebody reacted with out of an entry, for good. That it is gone is noted under its own number.
pub(super) fn erase_reaction(
    conn: &Connection,
    (room, target, on): (RoomId, u64, bool),
    seq: u64,
    at: Millis,
    generation: Option<u32>,
) -> rusqlite::Result<bool> {
    if !archive::is_of(conn, room, seq, generation)? {
        return Ok(false);
    }
    note(conn, room, seq, at)?;
    empty(conn, room, seq, "reaction", &erased_reaction(target, on))?;
    Ok(true)
}

/// Notes under the number of an entry that is no message that its text is gone.
fn note(conn: &Connection, room: RoomId, seq: u64, at: Millis) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO overlay (room, target, erased_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (room, target) DO NOTHING",
    )?
    .execute(params![room.as_bytes(), int(seq), at.0])?;
    Ok(())
}

/// Puts what is left of an entry in its place, where it is live.
fn empty(
    conn: &Connection,
    room: RoomId,
    seq: u64,
    kind: &str,
    data: &str,
) -> rusqlite::Result<()> {
    if let Some(place) = Place::of(conn, LogId::Room(room))? {
        conn.prepare_cached(
            "UPDATE entry SET data = ?3, digest = NULL WHERE pos = ?1 AND kind = ?2",
        )?
        .execute(params![place.at(seq), kind, data])?;
    }
    Ok(())
}

/// Takes out what the messages of a range that was purged were edited to, the reactions to them, their pins and threads;
/// their files are to go.
pub(in super::super) fn purge(
    conn: &Connection,
    room: RoomId,
    (first, last): (u64, u64),
    at: Millis,
) -> rusqlite::Result<()> {
    files::drop_attached(conn, room, (first, last), at)?;
    conn.prepare_cached(
        "UPDATE overlay SET body = NULL
         WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND body IS NOT NULL",
    )?
    .execute(params![room.as_bytes(), int(first), int(last)])?;
    react::forget(conn, room, first, last)?;
    pin::take_down(conn, room, first, last)?;
    reply::forget(conn, room, first, last)?;
    bare(conn, room, first, last)
}
