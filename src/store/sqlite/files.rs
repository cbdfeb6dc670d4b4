//! What is known of files: the table `file`.

mod list;

use rusqlite::{Connection, Row, params, types::ValueRef};

#[cfg(test)]
pub(super) use self::list::kinds;
pub(super) use self::list::{Query, list, sum};
use super::{
    records::{all, one},
    rows::{self, int, named, number},
};
use crate::{
    clock::Millis,
    id::{FileId, RoomId, UserId},
    model::{File, Usage},
    store::Write,
};

pub(super) const FILE: &str = "SELECT * FROM file WHERE id = ?1";
pub(super) const FILES: &str = "SELECT * FROM file WHERE id > ?1 ORDER BY id LIMIT ?2";
pub(super) const FILES_OF: &str = "SELECT * FROM file INDEXED BY file_owner
     WHERE owner = ?1 AND id > ?2 AND gone_at IS NULL ORDER BY id LIMIT ?3";
pub(super) const USAGE: &str =
    "SELECT count(*), coalesce(sum(size), 0) FROM file INDEXED BY file_owner
     WHERE owner = ?1 AND gone_at IS NULL";
pub(super) const UNUSED: &str = "SELECT * FROM file INDEXED BY file_unused
     WHERE room IS NULL AND gone_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2";
pub(super) const GONE: &str = "SELECT * FROM file INDEXED BY file_gone
     WHERE gone_at IS NOT NULL AND (gone_at, id) > (?1, ?2) ORDER BY gone_at, id LIMIT ?3";

/// No file has this id.
const NONE: [u8; 16] = [0; 16];

pub(super) fn file(conn: &Connection, id: FileId) -> rusqlite::Result<Option<File>> {
    one(conn, FILE, [id.as_bytes()], file_row)
}

pub(super) fn files(conn: &Connection, ids: &[FileId]) -> rusqlite::Result<Vec<File>> {
    let snapshot = conn.unchecked_transaction()?;
    let found = ids.iter().filter_map(|id| file(&snapshot, *id).transpose());
    found.collect()
}

pub(super) fn all_files(
    conn: &Connection,
    after: Option<FileId>,
    limit: usize,
) -> rusqlite::Result<Vec<File>> {
    let after = after.unwrap_or(FileId::from_bytes(NONE));
    all(
        conn,
        FILES,
        params![after.as_bytes(), rows::limit(limit)],
        file_row,
    )
}

pub(super) fn files_of(
    conn: &Connection,
    owner: UserId,
    after: Option<FileId>,
    limit: usize,
) -> rusqlite::Result<Vec<File>> {
    let after = after.unwrap_or(FileId::from_bytes(NONE));
    let of = params![owner.as_bytes(), after.as_bytes(), rows::limit(limit)];
    all(conn, FILES_OF, of, file_row)
}

pub(super) fn usage(conn: &Connection, owner: UserId) -> rusqlite::Result<Usage> {
    conn.prepare_cached(USAGE)?
        .query_row([owner.as_bytes()], usage_row)
}

pub(super) fn unused(
    conn: &Connection,
    after: Option<FileId>,
    limit: usize,
) -> rusqlite::Result<Vec<File>> {
    let after = after.unwrap_or(FileId::from_bytes(NONE));
    let of = params![after.as_bytes(), rows::limit(limit)];
    all(conn, UNUSED, of, file_row)
}

pub(super) fn gone(
    conn: &Connection,
    after: Option<(Millis, FileId)>,
    limit: usize,
) -> rusqlite::Result<Vec<File>> {
    let (at, id) = after.unwrap_or((Millis(i64::MIN), FileId::from_bytes(NONE)));
    let of = params![at.0, id.as_bytes(), rows::limit(limit)];
    all(conn, GONE, of, file_row)
}

/// Makes one of the writes that are about files; answers how many rows were as it expected.
pub(super) fn write(conn: &Connection, write: &Write) -> rusqlite::Result<usize> {
    match write {
        Write::InsertFile(file) => insert(conn, file),
        Write::AttachFile {
            id,
            owner,
            room,
            seq,
        } => attach(conn, *id, *owner, (*room, *seq)),
        Write::DropFile { id, place, at } => drop_one(conn, *id, *place, *at),
        Write::DeleteFile(id) => delete(conn, *id).map(|()| 1),
        _ => Ok(1),
    }
}

fn insert(conn: &Connection, file: &File) -> rusqlite::Result<usize> {
    let (width, height) = file.pixels.unzip();
    let (room, seq) = file.place.unzip();
    conn.prepare_cached(
        "INSERT INTO file (id, owner, name, type, size, sha256, width, height, at, room, seq, gone_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        file.id.as_bytes(),
        file.owner.as_bytes(),
        file.name.as_str(),
        file.media,
        int(file.size),
        file.sha256,
        width,
        height,
        file.at.0,
        room.as_ref().map(RoomId::as_bytes),
        seq.map(int),
        file.gone_at.map(|at| at.0),
    ])
}

/// Attaches an unused file of somebody to a message; answers how many.
fn attach(
    conn: &Connection,
    id: FileId,
    owner: UserId,
    (room, seq): (RoomId, u64),
) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "UPDATE file SET room = ?3, seq = ?4
         WHERE id = ?1 AND owner = ?2 AND room IS NULL AND gone_at IS NULL",
    )?
    .execute(params![
        id.as_bytes(),
        owner.as_bytes(),
        room.as_bytes(),
        int(seq)
    ])
}

/// Notes that a file is to go that is in this place, or unused; answers how many.
fn drop_one(
    conn: &Connection,
    id: FileId,
    place: Option<(RoomId, u64)>,
    at: Millis,
) -> rusqlite::Result<usize> {
    let (room, seq) = place.unzip();
    conn.prepare_cached(
        "UPDATE file SET gone_at = ?2 WHERE id = ?1 AND room IS ?3 AND seq IS ?4 AND gone_at IS NULL",
    )?
    .execute(params![
        id.as_bytes(),
        at.0,
        room.as_ref().map(RoomId::as_bytes),
        seq.map(int)
    ])
}

/// Notes that the files of the messages of a range are to go.
pub(super) fn drop_attached(
    conn: &Connection,
    room: RoomId,
    (first, last): (u64, u64),
    at: Millis,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE file SET gone_at = ?4 WHERE room = ?1 AND seq >= ?2 AND seq <= ?3 AND gone_at IS NULL",
    )?
    .execute(params![room.as_bytes(), int(first), int(last), at.0])?;
    Ok(())
}

/// Takes out the row of a file that was to go.
fn delete(conn: &Connection, id: FileId) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM file WHERE id = ?1 AND gone_at IS NOT NULL")?
        .execute([id.as_bytes()])?;
    Ok(())
}

fn usage_row(row: &Row<'_>) -> rusqlite::Result<Usage> {
    Ok(Usage {
        files: number(row, 0)?,
        bytes: number(row, 1)?,
    })
}

fn file_row(row: &Row<'_>) -> rusqlite::Result<File> {
    let (width, height): (Option<u32>, Option<u32>) = (row.get("width")?, row.get("height")?);
    let room = row.get::<_, Option<_>>("room")?.map(RoomId::from_bytes);
    let seq = match row.get_ref("seq")? {
        ValueRef::Null => None,
        _ => Some(number(row, 10)?),
    };
    Ok(File {
        id: FileId::from_bytes(row.get("id")?),
        owner: UserId::from_bytes(row.get("owner")?),
        name: named(row, "name")?,
        media: row.get("type")?,
        size: number(row, 4)?,
        sha256: row.get("sha256")?,
        pixels: width.zip(height),
        at: Millis(row.get("at")?),
        place: room.zip(seq),
        gone_at: row.get::<_, Option<_>>("gone_at")?.map(Millis),
    })
}
