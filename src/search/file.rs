//! The file: how a connection to it is set up, and when it is one to go on with.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::Error;
use crate::id::{Epoch, RoomId};

/// What is in it and how: a file of another version begins anew. Goes up with every change of the tables, of what
/// a word is, and of what is indexed.
const VERSION: u32 = 2;
/// How long a connection waits for another. Inside one chatd that is for as long as a batch is being copied.
const BUSY: Duration = Duration::from_secs(5);
/// How often a search asks whether it may go on, in steps of the database.
const STEPS: i32 = 10_000;
/// How much of the file the one who writes keeps in memory, in KiB. Four times as much makes no difference, with 600,000
/// messages (`docs/benchmarks.md`).
const CACHE: u32 = 4 * 1024;

/// Opens the file to write; makes it anew when it is not one to go on with.
pub(super) fn open(path: &Path, epoch: Epoch) -> Result<Connection, Error> {
    match open_as_is(path, epoch) {
        Ok(Some(conn)) => return Ok(conn),
        Ok(None) => {}
        Err(e) if is_damage(&e) => {
            tracing::warn!(error = %e, "the search index is damaged; it begins anew");
        }
        Err(e) => return Err(error(e)),
    }
    remove(path).map_err(|e| Error::Unavailable(format!("{}: {e}", path.display())))?;
    create(path, epoch)
}

/// The file as it is; none when there is none, or it is of something else.
fn open_as_is(path: &Path, epoch: Epoch) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let conn = connect(path)?;
    let ours = is_ours(&conn, epoch)?;
    Ok(ours.then_some(conn))
}

/// Whether the file is of this version, and of this incarnation of the store.
pub(super) fn is_ours(conn: &Connection, epoch: Epoch) -> rusqlite::Result<bool> {
    let sql = "SELECT (SELECT value FROM meta WHERE name = 'version'),
                      (SELECT value FROM meta WHERE name = 'epoch')";
    let read: rusqlite::Result<(u32, Vec<u8>)> =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    match read {
        Ok((version, of)) => Ok(version == VERSION && of == epoch.as_bytes()),
        Err(e) if is_damage(&e) => Err(e),
        // Made by nobody, or not to the end.
        Err(_) => Ok(false),
    }
}

/// A new file, which only we may read; SQLite gives its other files the same rights.
fn create(path: &Path, epoch: Epoch) -> Result<Connection, Error> {
    let made = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    made.map_err(|e| Error::Unavailable(format!("{}: {e}", path.display())))?;
    fill(path, epoch).map_err(error)
}

fn fill(path: &Path, epoch: Epoch) -> rusqlite::Result<Connection> {
    let mut conn = connect(path)?;
    let tx = conn.transaction()?;
    tx.execute_batch(include_str!("schema.sql"))?;
    let put = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
    tx.execute(put, params!["version", VERSION])?;
    tx.execute(put, params!["epoch", epoch.as_bytes()])?;
    tx.commit()?;
    Ok(conn)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")?;
    // NORMAL: what is lost with the power is read from the store again. What is taken out is overwritten.
    conn.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cache_size = -{CACHE};"
    ))?;
    Ok(conn)
}

/// A connection to search with, which asks `may` now and then whether to go on.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.execute_batch(
        "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(conn)
}

/// Ends what a connection does once `over` says so.
pub(super) fn end_when(
    conn: &mut Connection,
    over: impl Fn() -> bool + Send + 'static,
) -> rusqlite::Result<()> {
    conn.progress_handler(STEPS, Some(over))
}

/// Lets a connection take as long as it does.
pub(super) fn never_end(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.progress_handler(0, None::<fn() -> bool>)
}

/// Takes the file away, with those that belong to it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(path, end)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// How many bytes it has on the disk, with those that belong to it.
pub(super) fn bytes(path: &Path) -> u64 {
    let of = |end| fs::metadata(beside(path, end)).map_or(0, |m| m.len());
    ["", "-wal"].into_iter().map(of).sum()
}

/// How large the write-ahead log of a connection's file is.
pub(super) fn log_bytes(conn: &Connection) -> u64 {
    let log = conn.path().map(|path| beside(Path::new(path), "-wal"));
    log.map_or(0, |log| fs::metadata(log).map_or(0, |m| m.len()))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Up to which entry each room is indexed.
pub(super) fn rooms(conn: &Connection) -> rusqlite::Result<Vec<(RoomId, u64)>> {
    let mut all = conn.prepare("SELECT id, upto FROM room")?;
    let all = all.query_map([], |row| {
        let (id, upto): ([u8; 16], i64) = (row.get(0)?, row.get(1)?);
        Ok((RoomId::from_bytes(id), u64::try_from(upto).unwrap_or(0)))
    })?;
    all.collect()
}

/// Whether the file is no good, rather than out of reach.
pub(super) fn is_damage(e: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match e {
        E::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ),
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => true,
        _ => false,
    }
}

/// What an error of SQLite means.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err(error)`")]
pub(super) fn error(e: rusqlite::Error) -> Error {
    match e.sqlite_error_code() {
        _ if is_damage(&e) => Error::Anew(e.to_string()),
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::OperationInterrupted) => Error::TooLong,
        _ => Error::Unavailable(e.to_string()),
    }
}
