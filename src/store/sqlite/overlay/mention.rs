//! Mentions: the table `mention`.

use std::collections::BinaryHeap;

use rusqlite::{CachedStatement, Connection, params};

use super::super::rows::{self, int, number};
use crate::{
    id::{EntryId, RoomId, UserId},
    model::{Mention, Mentioned, MentionsFrom},
};

pub(in super::super) const MENTIONS: &str = "SELECT message, room, seq, author FROM mention
     WHERE whom = ?1 AND message < ?2 ORDER BY message DESC LIMIT ?3";

/// Of a segment that was purged there is a row, so that what lies in it is known to be gone.
pub(in super::super) const MENTIONS_FROM: &str =
    "SELECT m.seq, EXISTS (SELECT 1 FROM overlay o WHERE o.room = m.room AND o.target = m.seq
         AND o.deleted_at IS NOT NULL)
     FROM mention m WHERE m.whom = ?1 AND m.room = ?2 AND m.seq >= ?3 AND m.author IS NOT ?4
     AND (SELECT s.first <= m.seq AND s.purged_at IS NOT NULL FROM segment s
         WHERE s.room = m.room AND s.last >= m.seq ORDER BY s.last LIMIT 1) IS NOT 1
     ORDER BY m.seq DESC LIMIT ?5";

/// How many are read of one of the lists at a time.
const PIECE: usize = 4;

/// Mentions of somebody, or of everyone in a room, as far as they were read.
struct List {
    whom: [u8; 16],
    user: Option<UserId>,
    /// The newest at the end.
    read: Vec<Mention>,
}

impl List {
    /// Reads on when there is nothing left; answers the newest that is left.
    fn newest(
        &mut self,
        statement: &mut CachedStatement<'_>,
        before: EntryId,
    ) -> rusqlite::Result<Option<EntryId>> {
        if self.read.is_empty() {
            let of = params![self.whom, before.as_bytes(), rows::limit(PIECE)];
            let user = self.user;
            let read = statement.query_map(of, |row| {
                Ok(Mention {
                    user,
                    message: EntryId::from_bytes(row.get(0)?),
                    room: RoomId::from_bytes(row.get(1)?),
                    seq: number(row, 2)?,
                    by: row.get::<_, Option<_>>(3)?.map(UserId::from_bytes),
                })
            })?;
            self.read = read.collect::<rusqlite::Result<_>>()?;
            self.read.reverse();
        }
        Ok(self.read.last().map(|m| m.message))
    }
}

/// Where a user, and everyone in these rooms, was mentioned, the newest first. Somebody may be in many rooms with many
/// mentions each, so of each room no more is read than is needed.
pub(in super::super) fn mentions(
    conn: &Connection,
    user: UserId,
    rooms: &[RoomId],
    before: Option<EntryId>,
    limit: usize,
) -> rusqlite::Result<Vec<Mention>> {
    let before = before.unwrap_or(EntryId::from_bytes([0xff; 16]));
    let mut statement = conn.prepare_cached(MENTIONS)?;
    let list = |whom: [u8; 16], user| List {
        whom,
        user,
        read: Vec::new(),
    };
    let mut lists = vec![list(*user.as_bytes(), Some(user))];
    lists.extend(rooms.iter().map(|room| list(*room.as_bytes(), None)));
    let mut newest = BinaryHeap::new();
    for (at, list) in lists.iter_mut().enumerate() {
        let first = list.newest(&mut statement, before)?;
        newest.extend(first.map(|message| (message, at)));
    }
    let mut found = Vec::new();
    while found.len() < limit
        && let Some((message, at)) = newest.pop()
    {
        let list = &mut lists[at];
        found.extend(list.read.pop());
        let next = list.newest(&mut statement, message)?;
        newest.extend(next.map(|message| (message, at)));
    }
    Ok(found)
}

/// The messages of others that mention a user from these places on.
pub(in super::super) fn mentions_from(
    conn: &Connection,
    user: UserId,
    from: &[MentionsFrom],
    most: usize,
) -> rusqlite::Result<Vec<Mentioned>> {
    let mut statement = conn.prepare_cached(MENTIONS_FROM)?;
    let mut all = Vec::new();
    for MentionsFrom {
        room,
        named,
        everyone,
    } in from
    {
        for (whom, first) in [(user.as_bytes(), named), (room.as_bytes(), everyone)] {
            let (me, room_key) = (user.as_bytes(), room.as_bytes());
            let of = params![whom, room_key, int(*first), me, rows::limit(most)];
            let read = statement.query_map(of, |row| {
                Ok(Mentioned {
                    room: *room,
                    seq: number(row, 0)?,
                    deleted: row.get(1)?,
                })
            })?;
            for mentioned in read {
                all.push(mentioned?);
            }
        }
    }
    Ok(all)
}

/// Notes that a message mentions somebody.
pub(super) fn mention(conn: &Connection, new: &Mention) -> rusqlite::Result<()> {
    let whom = new
        .user
        .as_ref()
        .map_or(new.room.as_bytes(), UserId::as_bytes);
    conn.prepare_cached(
        "INSERT INTO mention (whom, message, room, seq, author) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (whom, message) DO NOTHING",
    )?
    .execute(params![
        whom,
        new.message.as_bytes(),
        new.room.as_bytes(),
        int(new.seq),
        new.by.as_ref().map(UserId::as_bytes),
    ])?;
    Ok(())
}
