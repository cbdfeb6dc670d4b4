//! Changing the index: batches, each of which happens whole or not at all, together with up to where its rooms are
//! indexed by it. So a process that ends in the middle has nothing to mend: it reads on from there.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{merge::Merging, tag, tag::Tag, words};
use crate::{clock::Millis, id::RoomId};

/// How many bits of a message's place are for those of one millisecond: a commit has a thousand of one at most
/// (`log::appender`), and there are a few commits in a millisecond at most. With 41 for the millisecond there is room.
const SAME: u32 = 12;
/// How many messages of a range are taken out at a time.
const SLICE: i64 = 500;

/// Some rooms as they are from now on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What changes, in order.
    pub changes: Vec<(RoomId, Change)>,
    /// Up to which entry rooms are indexed by it.
    pub upto: HashMap<RoomId, u64>,
    /// Rooms that are gone.
    pub gone: Vec<RoomId>,
}

/// A message as it is from now on.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is to be found, new or not.
    Put(Doc),
    /// It has another text.
    Text(u64, String),
    /// It is something more, or no more.
    Tag(u64, Tag, bool),
    /// It is not to be found.
    Remove(u64),
    /// None of these are.
    RemoveRange(u64, u64),
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    /// Its number in the room.
    pub seq: u64,
    /// When it was said.
    pub at: Millis,
    /// What it says.
    pub text: String,
    /// What it is beside that; that it is of its room is added.
    pub tags: Vec<Tag>,
}

impl Batch {
    /// How much it is, in bytes of text.
    pub fn bytes(&self) -> usize {
        let of = |change: &Change| match change {
            Change::Put(doc) => doc.text.len(),
            Change::Text(_, text) => text.len(),
            _ => 0,
        };
        self.changes.iter().map(|(_, change)| of(change)).sum()
    }

    /// Whether texts leave the index by it.
    pub fn takes_out(&self) -> bool {
        let out = |change: &Change| !matches!(change, Change::Put(_));
        !self.gone.is_empty() || self.changes.iter().any(|(_, change)| out(change))
    }

    /// Writes it down. Ranges and rooms that are gone go before, in slices of their own: taking them out twice does
    /// no harm. False where `over` said to end in between: then it is to be handed in again.
    pub(super) fn write(
        &self,
        conn: &mut Connection,
        merging: &mut Merging,
        over: &dyn Fn() -> bool,
    ) -> rusqlite::Result<bool> {
        merging.before(conn, self.taken_out(conn)?, over)?;
        for room in &self.gone {
            // Ahead of whatever its log is, until it is gone: where this ends in between, nobody reads on in it.
            let ahead = "UPDATE room SET upto = ?2 WHERE id = ?1";
            conn.execute(ahead, params![room.as_bytes(), i64::MAX])?;
            if !remove_range(conn, *room, 0, i64::MAX, over)? {
                return Ok(false);
            }
            conn.execute("DELETE FROM room WHERE id = ?1", [room.as_bytes()])?;
        }
        let mut rest: &[(RoomId, Change)] = &self.changes;
        // Never in front of what comes before it.
        while let Some(at) = rest
            .iter()
            .position(|(_, c)| matches!(c, Change::RemoveRange(..)))
        {
            write_all(conn, &rest[..at], &HashMap::new())?;
            if let (room, Change::RemoveRange(first, last)) = &rest[at]
                && !remove_range(conn, *room, int(*first), int(*last), over)?
            {
                return Ok(false);
            }
            rest = &rest[at + 1..];
        }
        write_all(conn, rest, &self.upto)?;
        Ok(true)
    }

    /// How many messages are taken out of the index by it, some to be put in again.
    fn taken_out(&self, conn: &Connection) -> rusqlite::Result<u64> {
        let mut all = 0;
        for room in &self.gone {
            all += count(conn, *room, 0, i64::MAX)?;
        }
        for (room, change) in &self.changes {
            all += match change {
                Change::Put(_) => 0,
                Change::Text(..) | Change::Tag(..) | Change::Remove(_) => 1,
                Change::RemoveRange(first, last) => count(conn, *room, int(*first), int(*last))?,
            };
        }
        Ok(all)
    }
}

/// How many messages of a range there are.
fn count(conn: &Connection, room: RoomId, first: i64, last: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM doc
               WHERE room = (SELECT num FROM room WHERE id = ?1) AND seq BETWEEN ?2 AND ?3";
    let mut sought = conn.prepare_cached(sql)?;
    let all: i64 = sought.query_row(params![room.as_bytes(), first, last], |row| row.get(0))?;
    Ok(u64::try_from(all).unwrap_or(0))
}

fn write_all(
    conn: &mut Connection,
    changes: &[(RoomId, Change)],
    upto: &HashMap<RoomId, u64>,
) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let (mut rooms, mut last) = (HashMap::new(), None);
        for (room, change) in changes {
            let num = match rooms.get(room) {
                Some(num) => *num,
                None => *rooms.entry(*room).or_insert(number(&tx, *room)?),
            };
            change.write(&tx, (*room, num), &mut last)?;
        }
        for (room, upto) in upto {
            number(&tx, *room)?;
            let mut moved = tx.prepare_cached("UPDATE room SET upto = ?2 WHERE id = ?1")?;
            moved.execute(params![room.as_bytes(), int(*upto)])?;
        }
    }
    tx.commit()
}

impl Change {
    fn write(
        &self,
        tx: &Transaction<'_>,
        (room, num): (RoomId, i64),
        last: &mut Option<Placed>,
    ) -> rusqlite::Result<()> {
        match self {
            Self::Put(doc) => put(tx, (room, num), doc, last),
            Self::Text(seq, text) => change(tx, num, *seq, |row| {
                row.words = words::line(text);
                row.tags = tag::with(&row.tags, Tag::Edited, true);
            }),
            Self::Tag(seq, tag, on) => change(tx, num, *seq, |row| {
                row.tags = tag::with(&row.tags, *tag, *on);
            }),
            Self::Remove(seq) => match find(tx, num, *seq)? {
                Some(row) => row.remove(tx),
                None => Ok(()),
            },
            // Taken out before, in slices.
            Self::RemoveRange(..) => Ok(()),
        }
    }
}

/// A message as it lies there.
struct Row {
    id: i64,
    words: String,
    tags: String,
}

impl Row {
    fn index(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO found (rowid, words, tags) VALUES (?1, ?2, ?3)";
        let (words, tags) = (&self.words, &self.tags);
        tx.prepare_cached(sql)?
            .execute(params![self.id, words, tags])?;
        Ok(())
    }

    /// Out of the index, which needs to be told what it was given.
    fn unindex(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO found (found, rowid, words, tags) VALUES ('delete', ?1, ?2, ?3)";
        let (words, tags) = (&self.words, &self.tags);
        tx.prepare_cached(sql)?
            .execute(params![self.id, words, tags])?;
        Ok(())
    }

    fn remove(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.unindex(tx)?;
        tx.prepare_cached("DELETE FROM doc WHERE id = ?1")?
            .execute([self.id])?;
        Ok(())
    }
}

fn find(tx: &Transaction<'_>, num: i64, seq: u64) -> rusqlite::Result<Option<Row>> {
    let sql = "SELECT id, words, tags FROM doc WHERE room = ?1 AND seq = ?2";
    let mut sought = tx.prepare_cached(sql)?;
    let found = sought.query_row(params![num, int(seq)], |row| {
        let (id, words, tags) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Row { id, words, tags })
    });
    found.optional()
}

fn put(
    tx: &Transaction<'_>,
    (room, num): (RoomId, i64),
    doc: &Doc,
    last: &mut Option<Placed>,
) -> rusqlite::Result<()> {
    let id = match find(tx, num, doc.seq)? {
        Some(row) => {
            row.remove(tx)?;
            row.id
        }
        None => place(tx, doc.at, last)?,
    };
    let tags: Vec<Tag> = std::iter::once(Tag::In(room))
        .chain(doc.tags.iter().copied())
        .collect();
    let row = Row {
        id,
        words: words::line(&doc.text),
        tags: tag::line(&tags),
    };
    let sql = "INSERT INTO doc (id, room, seq, words, tags) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut put = tx.prepare_cached(sql)?;
    put.execute(params![id, num, int(doc.seq), row.words, row.tags])?;
    row.index(tx)
}

fn change(
    tx: &Transaction<'_>,
    num: i64,
    seq: u64,
    make: impl FnOnce(&mut Row),
) -> rusqlite::Result<()> {
    let Some(mut row) = find(tx, num, seq)? else {
        // Deleted since: its entry comes.
        return Ok(());
    };
    row.unindex(tx)?;
    make(&mut row);
    let sql = "UPDATE doc SET words = ?2, tags = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?
        .execute(params![row.id, row.words, row.tags])?;
    row.index(tx)
}

/// The message that was placed last in a transaction: its moment, and where it came to lie.
type Placed = (Millis, i64);

/// The place of a new message: by the moment it was said, and among those of one millisecond by which came first.
/// So the newest are found without sorting, a time is a range, and a place stays what it is.
fn place(tx: &Transaction<'_>, at: Millis, last: &mut Option<Placed>) -> rusqlite::Result<i64> {
    let id = match *last {
        // A commit has up to a thousand of one millisecond: the next is beside the last, without looking where they end.
        Some((of, id)) if of == at && is_free(tx, id + 1)? => id + 1,
        _ => look_for_place(tx, at)?,
    };
    *last = Some((at, id));
    Ok(id)
}

fn is_free(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM doc WHERE id = ?1)";
    tx.prepare_cached(sql)?.query_row([id], |row| row.get(0))
}

fn look_for_place(tx: &Transaction<'_>, at: Millis) -> rusqlite::Result<i64> {
    let first = floor(at);
    let sql = "SELECT max(id) FROM doc WHERE id >= ?1 AND id < ?2";
    let mut sought = tx.prepare_cached(sql)?;
    let taken: Option<i64> =
        sought.query_row(params![first, floor(at) + (1 << SAME)], |row| row.get(0))?;
    let Some(taken) = taken else {
        return Ok(first);
    };
    // Where a millisecond has more messages than places, they go into the next ones.
    let sql = "SELECT id + 1 FROM doc AS here WHERE id >= ?1
               AND NOT EXISTS (SELECT 1 FROM doc WHERE id = here.id + 1) ORDER BY id LIMIT 1";
    tx.prepare_cached(sql)?.query_row([taken], |row| row.get(0))
}

/// The first place of a moment.
pub(super) fn floor(at: Millis) -> i64 {
    at.0.clamp(0, i64::MAX >> SAME) << SAME
}

/// The number of a room here; makes one for a new room.
fn number(tx: &Transaction<'_>, room: RoomId) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO room (id, upto) VALUES (?1, 0) ON CONFLICT (id) DO NOTHING";
    tx.prepare_cached(sql)?.execute([room.as_bytes()])?;
    let mut sought = tx.prepare_cached("SELECT num FROM room WHERE id = ?1")?;
    sought.query_row([room.as_bytes()], |row| row.get(0))
}

/// Takes out a range of a room, slice by slice. False where `over` said to end in between.
fn remove_range(
    conn: &mut Connection,
    room: RoomId,
    first: i64,
    last: i64,
    over: &dyn Fn() -> bool,
) -> rusqlite::Result<bool> {
    while !over() {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows: Vec<Row> = {
            let sql = "SELECT id, words, tags FROM doc
                       WHERE room = (SELECT num FROM room WHERE id = ?1) AND seq BETWEEN ?2 AND ?3
                       LIMIT ?4";
            let mut sought = tx.prepare_cached(sql)?;
            let rows = sought.query_map(params![room.as_bytes(), first, last, SLICE], |row| {
                let (id, words, tags) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Row { id, words, tags })
            })?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for row in &rows {
            row.remove(&tx)?;
        }
        tx.commit()?;
        if rows.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A number as SQLite has them.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
