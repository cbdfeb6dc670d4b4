//! Reading and loading all of it: one statement for every table, made from its description.

mod entries;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    Sqlite,
    checkpoint::checkpoint,
    rows::{limit, number, store_error},
    schema::{self, Purpose},
    txns,
};
use crate::{
    id::Epoch,
    store::{
        Error,
        raw::{Glance, Load, PAGE_BYTES, Row, Scan, Table, Value},
    },
};

/// Where the note of a copy that is under way is, in `meta`.
pub(super) const MARK: &str = "SELECT value FROM meta WHERE name = 'copy'";

/// What `PRAGMA integrity_check` says at most.
const FAULTS: &str = "PRAGMA integrity_check(100)";

/// A checkpoint comes after so many pages of a connection that loads; nobody else keeps the log short then.
const CHECKPOINT: &str = "PRAGMA wal_autocheckpoint = 4096";

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[async_trait]
impl Scan for Sqlite {
    async fn scan(
        &self,
        table: Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let after = after.map(<[Value]>::to_vec);
        self.readers
            .read(move |conn| match table {
                Table::Entries => entries::scan(conn, after.as_deref(), limit),
                _ => scan(conn, table, after.as_deref(), limit),
            })
            .await
    }

    async fn count(&self, table: Table) -> Result<u64, Error> {
        self.readers.read(move |conn| count(conn, table)).await
    }

    async fn faults(&self) -> Result<Vec<String>, Error> {
        // On a connection of its own: it takes long, and the readers are for people who wait.
        let path = self.path.clone();
        blocking(move || {
            let conn = schema::connect(&path, Purpose::Read)?;
            let mut faults = schema::missing(&conn)?;
            if faults.is_empty() {
                faults = txns::faults(&conn)?;
            }
            let mut check = conn.prepare(FAULTS)?;
            let lines = check.query_map([], |row| row.get::<_, String>(0))?;
            for line in lines {
                faults.push(line?);
            }
            faults.retain(|line| line != "ok");
            Ok(faults)
        })
        .await
    }
}

#[async_trait]
impl Load for Sqlite {
    async fn load(&self, table: Table, rows: Vec<Row>) -> Result<(), Error> {
        self.alone(move |conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if table == Table::Entries {
                entries::load(&tx, &rows)?;
            } else {
                let mut put = tx.prepare(&upsert(table))?;
                for row in &rows {
                    put.execute(params_from_iter(&row.0))?;
                }
            }
            tx.commit()
        })
        .await
    }

    async fn last(&self, table: Table) -> Result<Option<Row>, Error> {
        self.readers
            .read(move |conn| {
                if table == Table::Entries {
                    return entries::last(conn);
                }
                let sql = format!(
                    "SELECT {} FROM {} ORDER BY {} DESC LIMIT 1",
                    columns(table),
                    table.spec().sqlite,
                    key(table, " DESC, ")
                );
                conn.prepare_cached(&sql)?
                    .query_row([], |row| read(table, row))
                    .optional()
            })
            .await
    }

    async fn clear(&self, table: Table) -> Result<(), Error> {
        self.alone(move |conn| {
            if table == Table::Entries {
                let all =
                    "BEGIN IMMEDIATE; DELETE FROM entry; DELETE FROM txn; DELETE FROM log; COMMIT";
                return conn.execute_batch(all);
            }
            conn.execute(&format!("DELETE FROM {}", table.spec().sqlite), [])
                .map(drop)
        })
        .await
    }

    async fn identify(&self, epoch: Epoch, secret: [u8; 32]) -> Result<(), Error> {
        self.alone(move |conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            put_meta(&tx, "epoch", epoch.as_bytes())?;
            put_meta(&tx, "secret", &secret)?;
            tx.commit()
        })
        .await
    }

    async fn mark(&self) -> Result<Option<String>, Error> {
        self.readers.read(mark).await
    }

    async fn set_mark(&self, mark: Option<&str>) -> Result<(), Error> {
        let mark = mark.map(str::to_owned);
        self.alone(move |conn| match mark {
            Some(mark) => put_meta(conn, "copy", mark.as_bytes()),
            None => conn
                .execute("DELETE FROM meta WHERE name = 'copy'", [])
                .map(drop),
        })
        .await
    }
}

impl Sqlite {
    /// Writes beside the writer, which has nothing to do while a store is loaded.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.jobs()?;
        let path = self.path.clone();
        blocking(move || {
            let mut conn = schema::connect(&path, Purpose::Write(None))?;
            conn.query_row(CHECKPOINT, [], |_| Ok(()))?;
            work(&mut conn)
        })
        .await
    }

    /// Moves what a process that was killed left in the write-ahead log into the file, which may be of any schema.
    /// Blocks.
    pub fn settle(path: &Path) -> Result<(), Error> {
        // Whoever closes last takes the log away.
        let conn = schema::connect(path, Purpose::Checkpoint);
        let settled = conn.and_then(|conn| checkpoint(&conn, "TRUNCATE"));
        settled.map(drop).map_err(store_error)
    }

    /// What the file is, without making, changing or locking anything; none when there is none.
    pub async fn glance(path: &Path) -> Result<Option<Glance>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let path = path.to_owned();
        blocking(move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = Connection::open_with_flags(&path, flags)?;
            conn.busy_timeout(schema::BUSY)?;
            let there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
            let mut counts = Vec::new();
            for table in Table::ALL {
                let there = conn.prepare(there)?.exists([table.spec().sqlite])?;
                counts.push((*table, if there { count(&conn, *table)? } else { 0 }));
            }
            let meta = conn.prepare(there)?.exists(["meta"])?;
            let epoch = "SELECT value FROM meta WHERE name = 'epoch'";
            Ok(Some(Glance {
                schema: schema::found(&conn)?,
                epoch: if meta {
                    conn.query_row(epoch, [], |row| row.get(0).map(Epoch::from_bytes))
                        .optional()?
                } else {
                    None
                },
                mark: if meta { mark(&conn)? } else { None },
                counts,
            }))
        })
        .await
    }
}

pub(super) fn mark(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mark = conn
        .query_row(MARK, [], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    Ok(mark.map(|mark| String::from_utf8_lossy(&mark).into_owned()))
}

fn put_meta(conn: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )
    .map(drop)
}

fn scan(
    conn: &Connection,
    table: Table,
    after: Option<&[Value]>,
    most: usize,
) -> rusqlite::Result<Vec<Row>> {
    let (columns, key) = (columns(table), key(table, ", "));
    let from = table.spec().sqlite;
    let beyond = match after {
        Some(after) => format!("WHERE ({key}) > ({})", places(after.len())),
        None => String::new(),
    };
    // Here the limit is ours, and not a parameter: the number of the others differs.
    let sql = format!(
        "SELECT {columns} FROM {from} {beyond} ORDER BY {key} LIMIT {}",
        limit(most)
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(after.unwrap_or_default()))?;
    let (mut rows, mut size) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let row = read(table, row)?;
        size += row.size();
        rows.push(row);
        if size > PAGE_BYTES {
            break;
        }
    }
    Ok(rows)
}

fn count(conn: &Connection, table: Table) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM {}", table.spec().sqlite);
    conn.prepare_cached(&sql)?
        .query_row([], |row| number(row, 0))
}

fn read(table: Table, row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let values = (0..table.spec().fields.len()).map(|i| value(row.get_ref(i)?));
    values.collect::<rusqlite::Result<_>>().map(Row)
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Integer(n) => Value::Int(n),
        // The tables are strict, and no column is for such numbers.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        text @ ValueRef::Text(_) => Value::Text(text.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}

fn columns(table: Table) -> String {
    let names = table.spec().fields.iter().map(|field| field.sqlite);
    names.collect::<Vec<_>>().join(", ")
}

fn key(table: Table, between: &str) -> String {
    let spec = table.spec();
    let names = spec.fields[..spec.key].iter().map(|field| field.sqlite);
    names.collect::<Vec<_>>().join(between)
}

fn places(many: usize) -> String {
    let places = (1..=many).map(|i| format!("?{i}"));
    places.collect::<Vec<_>>().join(", ")
}

/// A record as it is from now on, new or not.
fn upsert(table: Table) -> String {
    let spec = table.spec();
    let rest = spec.fields[spec.key..].iter().map(|field| field.sqlite);
    let set: Vec<_> = rest
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    // Of some there is nothing but the key.
    let known = if set.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", set.join(", "))
    };
    format!(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {known}",
        spec.sqlite,
        columns(table),
        places(spec.fields.len()),
        key(table, ", ")
    )
}

/// Runs something on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(move || work().map_err(store_error))
        .await
        .map_err(|e| Error::Unavailable(format!("it did not finish: {e}")))?
}
