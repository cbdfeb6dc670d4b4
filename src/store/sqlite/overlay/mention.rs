//! Mentions: the table `mention`.

use rusqlite::{Connection, params};

use super::super::rows::{self, int, number};
use crate::{
    id::{EntryId, RoomId, UserId},
    model::Mention,
};

pub(in super::super) const MENTIONS: &str = "SELECT message, room, seq FROM mention
     WHERE whom = ?1 AND message < ?2 ORDER BY message DESC LIMIT ?3";

/// Where a user, and everyone in these rooms, was mentioned, the newest first.
pub(in super::super) fn mentions(
    conn: &Connection,
    user: UserId,
    rooms: &[RoomId],
    before: Option<EntryId>,
    limit: usize,
) -> rusqlite::Result<Vec<Mention>> {
    let before = before.unwrap_or(EntryId::from_bytes([0xff; 16]));
    let mut found = Vec::new();
    let mut statement = conn.prepare_cached(MENTIONS)?;
    let mut take = |whom: &[u8; 16], user: Option<UserId>| -> rusqlite::Result<()> {
        let of = params![whom, before.as_bytes(), rows::limit(limit)];
        for mention in statement.query_map(of, |row| {
            Ok(Mention {
                user,
                message: EntryId::from_bytes(row.get(0)?),
                room: RoomId::from_bytes(row.get(1)?),
                seq: number(row, 2)?,
            })
        })? {
            found.push(mention?);
        }
        // No more than are asked for, however many rooms there are.
        if found.len() > limit {
            found.sort_unstable_by_key(|m: &Mention| std::cmp::Reverse(m.message));
            found.truncate(limit);
        }
        Ok(())
    };
    take(user.as_bytes(), Some(user))?;
    for room in rooms {
        take(room.as_bytes(), None)?;
    }
    found.sort_unstable_by_key(|m| std::cmp::Reverse(m.message));
    Ok(found)
}

/// Notes that a message mentions somebody.
pub(super) fn mention(conn: &Connection, new: &Mention) -> rusqlite::Result<()> {
    let whom = new
        .user
        .as_ref()
        .map_or(new.room.as_bytes(), UserId::as_bytes);
    conn.prepare_cached(
        "INSERT INTO mention (whom, message, room, seq) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (whom, message) DO NOTHING",
    )?
    .execute(params![
        whom,
        new.message.as_bytes(),
        new.room.as_bytes(),
        int(new.seq)
    ])?;
    Ok(())
}
