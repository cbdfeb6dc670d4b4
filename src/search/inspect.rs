//! Looking at the file itself, beside whoever feeds it: whether it is whole, and what it has of which message.
//!
//! It reads and changes nothing. Each answer is of one moment.

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::task;

use super::{
    Error,
    apply::{Doc, int},
    file,
    tag::Tag,
    words,
};
use crate::id::{Epoch, RoomId};

/// How many faults of the file are told.
const FAULTS: usize = 20;

/// The file, as it is looked at.
#[derive(Debug)]
pub struct Inspection {
    conn: Arc<Mutex<Connection>>,
}

/// A message as it lies in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Its number in the room.
    pub seq: u64,
    words: String,
    tags: String,
}

impl Indexed {
    /// Whether that is how this message is indexed.
    pub fn is(&self, room: RoomId, doc: &Doc) -> bool {
        let mut tags: Vec<&str> = self.tags.split(' ').collect();
        let known: Vec<String> = std::iter::once(Tag::In(room))
            .chain(doc.tags.iter().copied())
            .map(Tag::word)
            .collect();
        let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
        // They come in the order in which they were given.
        tags.sort_unstable();
        known.sort_unstable();
        self.seq == doc.seq && tags == known && self.words == words::line(&doc.text)
    }
}

impl Inspection {
    /// The index in this file; none where there is none of this incarnation of the store and this version, which is
    /// made anew when somebody feeds it.
    pub(super) async fn open(path: &Path, epoch: Epoch) -> Result<Option<Self>, Error> {
        let path = path.to_owned();
        let opened = blocking(move || {
            if !path.exists() {
                return Ok(None);
            }
            let conn = file::connect_to_read(&path)?;
            let ours = file::is_ours(&conn, epoch)?;
            Ok(ours.then_some(conn))
        });
        let conn = opened.await?;
        Ok(conn.map(|conn| Self {
            conn: Arc::new(Mutex::new(conn)),
        }))
    }

    /// What SQLite finds to be wrong with the file, its index of words included.
    pub async fn faults(&self) -> Result<Vec<String>, Error> {
        self.ask(|conn| {
            let mut check = conn.prepare(&format!("PRAGMA integrity_check({FAULTS})"))?;
            let told = check.query_map([], |row| row.get::<_, String>(0))?;
            let mut told = told.collect::<rusqlite::Result<Vec<_>>>()?;
            told.retain(|fault| fault != "ok");
            Ok(told)
        })
        .await
    }

    /// Up to which entry each room is indexed.
    pub async fn rooms(&self) -> Result<Vec<(RoomId, u64)>, Error> {
        self.ask(file::rooms).await
    }

    /// How many messages are in it.
    pub async fn messages(&self) -> Result<u64, Error> {
        self.ask(|conn| {
            let all = conn.query_row("SELECT count(*) FROM doc", [], |row| row.get::<_, i64>(0))?;
            Ok(u64::try_from(all).unwrap_or(0))
        })
        .await
    }

    /// The numbers of a room's messages, in order: the first after `after`.
    pub async fn seqs(&self, room: RoomId, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
        self.ask(move |conn| {
            let sql = "SELECT seq FROM doc
                       WHERE room = (SELECT num FROM room WHERE id = ?1) AND seq > ?2
                       ORDER BY seq LIMIT ?3";
            let mut sought = conn.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let wanted = params![room.as_bytes(), int(after), limit];
            let found = sought.query_map(wanted, |row| row.get::<_, i64>(0))?;
            found
                .map(|seq| Ok(u64::try_from(seq?).unwrap_or(0)))
                .collect()
        })
        .await
    }

    /// Messages of a room with `after < seq <= upto`.
    pub async fn between(
        &self,
        room: RoomId,
        after: u64,
        upto: u64,
    ) -> Result<Vec<Indexed>, Error> {
        self.ask(move |conn| {
            let sql = "SELECT seq, words, tags FROM doc
                       WHERE room = (SELECT num FROM room WHERE id = ?1) AND seq > ?2 AND seq <= ?3";
            let mut sought = conn.prepare_cached(sql)?;
            let wanted = params![room.as_bytes(), int(after), int(upto)];
            let found = sought.query_map(wanted, indexed)?;
            found.collect()
        })
        .await
    }

    /// One message, if it is in there, and up to which entry its room is indexed.
    pub async fn one(&self, room: RoomId, seq: u64) -> Result<(u64, Option<Indexed>), Error> {
        self.ask(move |conn| {
            let tx = conn.unchecked_transaction()?;
            let upto = "SELECT upto FROM room WHERE id = ?1";
            let upto: Option<i64> = tx
                .query_row(upto, [room.as_bytes()], |row| row.get(0))
                .optional()?;
            let sql = "SELECT seq, words, tags FROM doc
                       WHERE room = (SELECT num FROM room WHERE id = ?1) AND seq = ?2";
            let found = tx
                .query_row(sql, params![room.as_bytes(), int(seq)], indexed)
                .optional()?;
            Ok((u64::try_from(upto.unwrap_or(0)).unwrap_or(0), found))
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let conn = Arc::clone(&self.conn);
        blocking(move || look(&conn.lock())).await
    }
}

fn indexed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Indexed> {
    let seq: i64 = row.get(0)?;
    Ok(Indexed {
        seq: u64::try_from(seq).unwrap_or(0),
        words: row.get(1)?,
        tags: row.get(2)?,
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = task::spawn_blocking(work).await;
    let done = done.map_err(|e| Error::Unavailable(format!("it was not looked at: {e}")))?;
    done.map_err(file::error)
}
