//! Reactions: the table `reaction`, and the sums in `overlay`.

use rusqlite::{Connection, Params, Row, params, types::Type};

use super::{
    super::rows::{self, int, number},
    bare, laid_over,
};
use crate::{
    clock::Millis,
    id::{RoomId, UserId},
    model::{Emoji, Reaction, Tally},
};

/// The columns [`reaction_row`] reads, in its order.
macro_rules! reaction_columns {
    () => {
        "room, target, emoji, seq, user, at"
    };
}

pub(in super::super) const REACTIONS: &str = concat!(
    "SELECT ",
    reaction_columns!(),
    " FROM reaction WHERE room = ?1 AND target = ?2 AND (emoji, seq) > (?3, ?4)
      ORDER BY emoji, seq LIMIT ?5"
);

pub(in super::super) const REACTIONS_WITH: &str = concat!(
    "SELECT ",
    reaction_columns!(),
    " FROM reaction WHERE room = ?1 AND target = ?2 AND emoji = ?3 AND seq > ?4
      ORDER BY seq LIMIT ?5"
);

pub(in super::super) const REACTIONS_OF: &str = concat!(
    "SELECT ",
    reaction_columns!(),
    " FROM reaction INDEXED BY reaction_user WHERE room = ?1 AND user = ?2 AND target = ?3
      ORDER BY emoji"
);

/// Reactions to a message by emoji and `seq`, from the first after `after`; with `emoji`, those with it alone.
pub(in super::super) fn reactions(
    conn: &Connection,
    (room, target): (RoomId, u64),
    emoji: Option<&Emoji>,
    after: Option<(&Emoji, u64)>,
    limit: usize,
) -> rusqlite::Result<Vec<Reaction>> {
    let (room, target, limit) = (room.as_bytes(), int(target), rows::limit(limit));
    let seq = after.map_or(0, |(_, seq)| int(seq));
    if let Some(emoji) = emoji {
        let of = params![room, target, emoji.as_str(), seq, limit];
        all(conn, REACTIONS_WITH, of)
    } else {
        let emoji = after.map_or("", |(emoji, _)| emoji.as_str());
        let of = params![room, target, emoji, seq, limit];
        all(conn, REACTIONS, of)
    }
}

/// How somebody reacts to these messages.
pub(in super::super) fn reactions_of(
    conn: &Connection,
    room: RoomId,
    user: UserId,
    targets: &[u64],
) -> rusqlite::Result<Vec<Reaction>> {
    let mut found = Vec::new();
    for target in targets {
        let of = params![room.as_bytes(), user.as_bytes(), int(*target)];
        found.extend(all(conn, REACTIONS_OF, of)?);
    }
    Ok(found)
}

/// Adds a reaction; false when the message is deleted, or has it already, or too many.
pub(super) fn react(conn: &Connection, new: &Reaction) -> rusqlite::Result<bool> {
    let known = laid_over(conn, new.room, new.target, new.target)?;
    let known = known.into_values().next().unwrap_or_default();
    let mine = reactions_of(conn, new.room, new.user, &[new.target])?;
    let mut sums = known.reactions;
    if known.deleted
        || mine.len() >= Reaction::EACH
        || mine.iter().any(|r| r.emoji == new.emoji)
        || !Tally::add(&mut sums, &new.emoji, new.user)
    {
        return Ok(false);
    }
    conn.prepare_cached(
        "INSERT INTO reaction (room, target, emoji, seq, user, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        new.room.as_bytes(),
        int(new.target),
        new.emoji.as_str(),
        int(new.seq),
        new.user.as_bytes(),
        new.at.0,
    ])?;
    put_sums(conn, (new.room, new.target), &sums)?;
    Ok(true)
}

/// Takes back a reaction of somebody, or with no emoji all of theirs to the message; false when there is none.
pub(super) fn unreact(
    conn: &Connection,
    (room, target): (RoomId, u64),
    user: UserId,
    emoji: Option<&Emoji>,
) -> rusqlite::Result<bool> {
    let mut mine = reactions_of(conn, room, user, &[target])?;
    mine.retain(|r| emoji.is_none_or(|e| r.emoji == *e));
    let known = laid_over(conn, room, target, target)?;
    let mut sums = known.into_values().next().unwrap_or_default().reactions;
    for reaction in &mine {
        conn.prepare_cached(
            "DELETE FROM reaction WHERE room = ?1 AND target = ?2 AND emoji = ?3 AND seq = ?4",
        )?
        .execute(params![
            room.as_bytes(),
            int(target),
            reaction.emoji.as_str(),
            int(reaction.seq),
        ])?;
        let emoji = &reaction.emoji;
        let left = reactions(conn, (room, target), Some(emoji), None, Reaction::SHOWN)?;
        Tally::take(&mut sums, emoji, left.iter().map(|r| r.user).collect());
    }
    if !mine.is_empty() {
        put_sums(conn, (room, target), &sums)?;
    }
    Ok(!mine.is_empty())
}

/// Takes out all reactions to messages of a range.
pub(super) fn forget(
    conn: &Connection,
    room: RoomId,
    first: u64,
    last: u64,
) -> rusqlite::Result<()> {
    let range = params![room.as_bytes(), int(first), int(last)];
    conn.prepare_cached("DELETE FROM reaction WHERE room = ?1 AND target >= ?2 AND target <= ?3")?
        .execute(range)?;
    conn.prepare_cached(
        "UPDATE overlay SET reactions = NULL
         WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND reactions IS NOT NULL",
    )?
    .execute(range)?;
    Ok(())
}

/// Lays sums over a message.
fn put_sums(
    conn: &Connection,
    (room, target): (RoomId, u64),
    sums: &[Tally],
) -> rusqlite::Result<()> {
    let json = (!sums.is_empty()).then(|| rows::json(&sums)).transpose()?;
    conn.prepare_cached(
        "INSERT INTO overlay (room, target, reactions) VALUES (?1, ?2, ?3)
         ON CONFLICT (room, target) DO UPDATE SET reactions = excluded.reactions",
    )?
    .execute(params![room.as_bytes(), int(target), json])?;
    bare(conn, room, target, target)
}

/// The sums as they lie over a message.
pub(super) fn sums(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Tally>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(json) => serde_json::from_str(json).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e))
        }),
        None => Ok(Vec::new()),
    }
}

fn all(conn: &Connection, sql: &str, of: impl Params) -> rusqlite::Result<Vec<Reaction>> {
    conn.prepare_cached(sql)?
        .query_map(of, reaction_row)?
        .collect()
}

fn reaction_row(row: &Row<'_>) -> rusqlite::Result<Reaction> {
    let emoji = row.get_ref(2)?.as_str()?;
    let emoji = Emoji::parse(emoji)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, Box::new(e)))?;
    Ok(Reaction {
        room: RoomId::from_bytes(row.get(0)?),
        target: number(row, 1)?,
        emoji,
        seq: number(row, 3)?,
        user: UserId::from_bytes(row.get(4)?),
        at: Millis(row.get(5)?),
    })
}
