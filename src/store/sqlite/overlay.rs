//! What lies over messages, and redactions: the tables `overlay` and `redaction`.

mod erase;
mod mention;
mod pin;
mod react;
mod reply;

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

pub(super) use self::{
    erase::purge,
    mention::{mentions, mentions_from},
    pin::pins,
    react::{reactions, reactions_of},
    reply::replies,
};
use self::{
    erase::{erase, erase_edit, erase_reaction},
    pin::{pin, pinned, unpin},
    react::{react, sums, unreact},
    reply::{reply, thread},
};
#[cfg(test)]
pub(super) use self::{
    mention::{MENTIONS, MENTIONS_FROM},
    pin::PINS,
    react::{REACTIONS, REACTIONS_OF, REACTIONS_WITH},
    reply::REPLIES,
};
use super::rows::{self, int, number};
use crate::{
    clock::Millis,
    id::{RedactionId, RoomId, UserId},
    model::{Deletion, Edit, Entry, Laid, Redaction},
    store::{Write, overlay},
};

/// The columns [`deletion_row`] reads, in its order.
macro_rules! deletion_columns {
    () => {
        "room, target, deleted_at, deleted_by, seq, redaction, erased_at"
    };
}

pub(super) const DELETED: &str = "SELECT target FROM overlay
     WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND deleted_at IS NOT NULL";

pub(super) const LAID_OVER: &str =
    "SELECT target, deleted_at IS NOT NULL, body, edited_at, edits, reactions,
     pin_seq, pinned_by, pinned_at, replies, last_reply, last_reply_at FROM overlay WHERE room = ?1 AND target >= ?2 AND target <= ?3";

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
    if let Some(reach) = overlay::reach(entries) {
        let between = (reach.first, reach.last);
        overlay::hide(entries, &deleted(conn, reach.room, between, &reach.beside)?);
    }
    Ok(())
}

/// Makes messages of a log what they are now.
pub(super) fn lay(conn: &Connection, messages: &mut [Entry]) -> rusqlite::Result<()> {
    if let Some(reach) = overlay::reach(messages) {
        let over = laid_over(conn, reach.room, reach.first, reach.last)?;
        overlay::lay(messages, over);
    }
    Ok(())
}

pub(super) fn deleted(
    conn: &Connection,
    room: RoomId,
    between: (u64, u64),
    beside: &[u64],
) -> rusqlite::Result<HashSet<u64>> {
    let mut statement = conn.prepare_cached(DELETED)?;
    let mut deleted = HashSet::new();
    for (first, last) in beside.iter().map(|t| (*t, *t)).chain([between]) {
        let of = params![room.as_bytes(), int(first), int(last)];
        for target in statement.query_map(of, |row| number(row, 0))? {
            deleted.insert(target?);
        }
    }
    Ok(deleted)
}

pub(super) fn laid_over(
    conn: &Connection,
    room: RoomId,
    first: u64,
    last: u64,
) -> rusqlite::Result<BTreeMap<u64, Laid>> {
    let of = params![room.as_bytes(), int(first), int(last)];
    conn.prepare_cached(LAID_OVER)?
        .query_map(of, |row| Ok((number(row, 0)?, laid_row(row)?)))?
        .collect()
}

pub(super) fn laid_over_at(
    conn: &Connection,
    room: RoomId,
    targets: &[u64],
) -> rusqlite::Result<BTreeMap<u64, Laid>> {
    let mut over = BTreeMap::new();
    for target in targets {
        over.extend(laid_over(conn, room, *target, *target)?);
    }
    Ok(over)
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
        Write::Edit(new) => edit(conn, new),
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
            edits,
        } => erase(conn, (*room, *target), *at, *generation, *edits),
        Write::EraseEdit {
            room,
            target,
            seq,
            at,
            generation,
        } => erase_edit(conn, (*room, *target), *seq, *at, *generation),
        Write::React(reaction) => react(conn, reaction),
        Write::Unreact {
            room,
            target,
            user,
            emoji,
        } => unreact(conn, (*room, *target), *user, emoji.as_ref()),
        Write::Reply {
            room,
            target,
            seq,
            at,
        } => reply(conn, (*room, *target), *seq, *at),
        Write::Mention(new) => mention::mention(conn, new).map(|()| true),
        Write::Pin(new) => pin(conn, new),
        Write::Unpin { room, target } => unpin(conn, *room, *target),
        Write::EraseReaction {
            room,
            target,
            on,
            seq,
            at,
            generation,
        } => erase_reaction(conn, (*room, *target, *on), *seq, *at, *generation),
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
             erased_at = excluded.erased_at, pin_seq = NULL, pinned_by = NULL, pinned_at = NULL
             WHERE deleted_at IS NULL",
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

/// Lays a new text over a message; false when it is deleted, or was edited too often.
fn edit(conn: &Connection, edit: &Edit) -> rusqlite::Result<bool> {
    let known = laid_over(conn, edit.room, edit.target, edit.target)?;
    let known = known.into_values().next().unwrap_or_default();
    if known.deleted || known.edits.len() >= Edit::MOST {
        return Ok(false);
    }
    let mut edits = known.edits;
    edits.push(edit.seq);
    conn.prepare_cached(
        "INSERT INTO overlay (room, target, body, edited_at, edits) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (room, target) DO UPDATE SET body = excluded.body, edited_at = excluded.edited_at,
         edits = excluded.edits",
    )?
    .execute(params![
        edit.room.as_bytes(),
        int(edit.target),
        edit.body,
        edit.at.0,
        rows::json(&edits)?,
    ])?;
    Ok(true)
}

/// Takes a deletion back; false when there is none of this redaction, or the text is gone. The row goes with
/// it where nothing else lies over the message.
fn restore(
    conn: &Connection,
    room: RoomId,
    target: u64,
    redaction: Option<RedactionId>,
) -> rusqlite::Result<bool> {
    let done = conn
        .prepare_cached(
            "UPDATE overlay SET deleted_at = NULL, deleted_by = NULL, seq = NULL, redaction = NULL
             WHERE room = ?1 AND target = ?2 AND redaction IS ?3 AND deleted_at IS NOT NULL
             AND erased_at IS NULL",
        )?
        .execute(params![
            room.as_bytes(),
            int(target),
            redaction.as_ref().map(RedactionId::as_bytes),
        ])?;
    bare(conn, room, target, target)?;
    Ok(done > 0)
}

/// Takes out the rows of a range that lay nothing over their message any more.
fn bare(conn: &Connection, room: RoomId, first: u64, last: u64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "DELETE FROM overlay WHERE room = ?1 AND target >= ?2 AND target <= ?3
         AND deleted_at IS NULL AND erased_at IS NULL AND edits IS NULL AND reactions IS NULL
         AND pin_seq IS NULL AND replies IS NULL",
    )?
    .execute(params![room.as_bytes(), int(first), int(last)])?;
    Ok(())
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

fn laid_row(row: &Row<'_>) -> rusqlite::Result<Laid> {
    let edits = match row.get_ref(4)?.as_str_or_null()? {
        Some(list) => serde_json::from_str(list)
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(e)))?,
        None => Vec::new(),
    };
    Ok(Laid {
        deleted: row.get(1)?,
        body: row.get(2)?,
        edited_at: row.get::<_, Option<_>>(3)?.map(Millis),
        edits,
        reactions: sums(row, 5)?,
        pinned: pinned(row, 6)?,
        thread: thread(row, 9)?,
    })
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
