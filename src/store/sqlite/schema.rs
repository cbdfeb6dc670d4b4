//! The database file: how a connection to it is set up, its tables, and how older ones become these.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{
    raw,
    rows::store_error,
    writer::{free_pages, give_back},
};
use crate::{
    clock::Millis,
    id::Epoch,
    store::{Error, copy, raw::Use},
};

/// Older SQLite can lose a commit in WAL mode when a checkpoint resets the log at the wrong moment.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for a lock. Inside one chatd nobody waits for anybody; this is for a backup
/// tool or a database shell beside it.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// What a page is; SQLite's default, said so that sizes can be reckoned.
pub(super) const PAGE_BYTES: u64 = 4096;

/// Statement caches hold every statement we have.
const STATEMENTS: usize = 128;

/// The schema, version by version: the database at version `n` has had the first `n` of these.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/overlay.sql"),
    include_str!("schema/archive.sql"),
    include_str!("schema/edits.sql"),
    include_str!("schema/read.sql"),
    include_str!("schema/presence.sql"),
    include_str!("schema/reactions.sql"),
    include_str!("schema/pins.sql"),
    include_str!("schema/replies.sql"),
    include_str!("schema/direct.sql"),
    include_str!("schema/mentions.sql"),
    include_str!("schema/files.sql"),
    include_str!("schema/unread_mentions.sql"),
    include_str!("schema/file_sizes.sql"),
    include_str!("schema/txns.sql"),
    include_str!("schema/places.sql"),
];

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Committing; there is one at a time. With the most bytes the file may have.
    Write(Option<u64>),
    /// Reading; cannot write.
    Read,
    /// Moving the write-ahead log into the database.
    Checkpoint,
}

/// What was made with the store and stays with it.
pub(super) struct Identity {
    pub(super) epoch: Epoch,
    pub(super) secret: [u8; 32],
}

/// The schema this code knows.
pub(super) fn version() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Makes the file if there is none and brings it to the newest schema.
pub(super) fn prepare(path: &Path, now: Millis, what: Use) -> Result<Identity, Error> {
    let open_error = |why: String| Error::Open {
        path: path.display().to_string(),
        why,
    };
    if rusqlite::version_number() < OLDEST_SQLITE {
        let version = rusqlite::version();
        return Err(open_error(format!(
            "SQLite {version} is older than 3.51.3, which is needed to not lose data"
        )));
    }
    create(path).map_err(|e| open_error(e.to_string()))?;
    let mut conn = connect(path, Purpose::Write(None)).map_err(|e| open_error(e.to_string()))?;
    let mode: String = conn
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(|e| open_error(e.to_string()))?;
    if mode != "wal" {
        return Err(open_error(format!(
            "it cannot have a write-ahead log here (mode {mode}): use a local disk"
        )));
    }
    migrate(&mut conn)?;
    if what == Use::Serve
        && let Some(mark) = raw::mark(&conn).map_err(store_error)?
    {
        return Err(copy::unfinished(
            &format!("sqlite:{}", path.display()),
            &mark,
        ));
    }
    identity(&mut conn, now)
}

/// Brings the file to the newest schema, and does nothing else to it.
pub(super) fn upgrade(path: &Path) -> Result<(), Error> {
    let mut conn = connect(path, Purpose::Write(None)).map_err(store_error)?;
    migrate(&mut conn)
}

/// The schema's version; 0 for a file that is none of ours yet.
pub(super) fn found(conn: &Connection) -> rusqlite::Result<u32> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// The tables and indexes that a database of the newest schema has and this one has not.
pub(super) fn missing(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let whole = Connection::open_in_memory()?;
    for step in MIGRATIONS {
        whole.execute_batch(step)?;
    }
    let mut all = whole.prepare("SELECT type, name FROM sqlite_schema ORDER BY type, name")?;
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut missing = Vec::new();
    for object in all {
        let (kind, name): (String, String) = object?;
        let there = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2";
        if !conn.prepare(there)?.exists([&kind, &name])? {
            missing.push(format!("the {kind} {name} is missing"));
        }
    }
    Ok(missing)
}

/// Opens a connection of an existing file.
pub(super) fn connect(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Space that archiving frees can be given back; only possible from the first table on.
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")?;
    // FULL: a commit is on the disk when it answers. Checkpoints have their own thread. No memory map: an
    // error of the disk would be a signal that ends the process instead of an error that is answered.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF;",
    )?;
    match purpose {
        Purpose::Write(max) => {
            // The tails of many rooms stay in memory. What is deleted is overwritten: erased texts are gone
            // from the file, not only from the tables.
            conn.execute_batch("PRAGMA cache_size = -8192; PRAGMA secure_delete = ON")?;
            if let Some(max) = max {
                let pages = (max / PAGE_BYTES).clamp(1, u64::from(u32::MAX) - 1);
                conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            }
        }
        Purpose::Read => {
            conn.execute_batch("PRAGMA cache_size = -4096; PRAGMA query_only = ON")?;
        }
        Purpose::Checkpoint => {}
    }
    Ok(conn)
}

/// Makes an empty file that only we may read; SQLite gives its other files the same rights.
fn create(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Runs what is missing, each step in a transaction of its own.
fn migrate(conn: &mut Connection) -> Result<(), Error> {
    let known = version();
    let found = found(conn).map_err(store_error)?;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for (step, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        let run = |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let free = free_pages(&tx)?;
            tx.execute_batch(sql)?;
            // Of what it took out nothing stays behind but what is needed again.
            let more = free_pages(&tx)?.saturating_sub(free);
            if more > 0 {
                give_back(&tx, more)?;
            }
            tx.pragma_update(None, "user_version", step)?;
            tx.commit()
        };
        run(conn).map_err(store_error)?;
        if found > 0 {
            tracing::info!(schema = step, "the store's schema was brought up to date");
        }
    }
    Ok(())
}

/// Reads the store's identity; makes one for a new store.
fn identity(conn: &mut Connection, now: Millis) -> Result<Identity, Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| Error::Unavailable(format!("no randomness: {e}")))?;
    let run = |conn: &mut Connection| {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let put = "INSERT OR IGNORE INTO meta (name, value) VALUES (?1, ?2)";
        tx.execute(put, params!["epoch", Epoch::new(now).as_bytes()])?;
        tx.execute(put, params!["secret", secret])?;
        let get = "SELECT value FROM meta WHERE name = ?1";
        let identity = Identity {
            epoch: Epoch::from_bytes(tx.query_row(get, ["epoch"], |row| row.get(0))?),
            secret: tx.query_row(get, ["secret"], |row| row.get(0))?,
        };
        tx.commit()?;
        Ok(identity)
    };
    run(conn).map_err(store_error)
}
