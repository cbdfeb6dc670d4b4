//! Making of one store another: everything it holds, its identity included, from any backend to any other.
//!
//! Records go over table by table in the order of their keys, so what is there when a copy is interrupted is
//! all up to some record, and the same copy goes on after it. From its beginning to its end the destination
//! has a [`Mark`], with which it is not served. What the source was at the beginning is in the mark: a source
//! that was written to since is copied anew, and one that was written to meanwhile is no copy at all.
//!
//! What lies in the data directory stays there: the private halves of the signing keys.

mod compare;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Error as StoreError, Store,
    raw::{Digest, Load, Scan, Table, Value},
};
use crate::clock::Millis;

pub use self::compare::{Compared, Difference, compare};

/// The mark of a backup that is being made.
pub(super) const BACKUP: &str = "a backup that is not finished";

/// What the mark of a store begins with that is being replaced by a backup, whose path follows.
pub(super) const RESTORE: &str = "restore ";

/// How many records are read at a time.
const PAGE: usize = 1_000;

/// Why a copy was not made, or not finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no source.
    #[error("there is no store at {0}")]
    Nothing(String),
    /// The source has an older schema.
    #[error(
        "the source has schema {0}, and this chatd {1}: bring it there first, with `chatd store migrate`"
    )]
    Old(u32, u32),
    /// The source failed.
    #[error("the source: {0}")]
    Source(#[source] StoreError),
    /// The destination failed.
    #[error("the destination: {0}")]
    Destination(#[source] StoreError),
    /// The destination holds something.
    #[error(
        "the destination is not empty: it has {records} records{}",
        if *one { ", and was made of this source" } else { "" }
    )]
    NotEmpty {
        /// How many.
        records: u64,
        /// Whether it is the same incarnation as the source.
        one: bool,
    },
    /// The destination holds an unfinished copy of something else.
    #[error("the destination holds an unfinished copy of another store, {0}")]
    Other(String),
    /// The source was written to meanwhile.
    #[error("the source was written to while it was copied: {0}")]
    Moved(String),
    /// The copy is not what the source is.
    #[error("the stores differ: {0}")]
    Differ(Difference),
}

/// What is noted in the destination while a copy is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The incarnation that is copied.
    pub epoch: String,
    /// Where from, as a URL without credentials.
    pub from: String,
    /// When it began.
    pub began_at: Millis,
    /// What the source was then.
    pub seen: Seen,
}

impl Mark {
    /// The mark that a store holds.
    pub fn parse(mark: &str) -> Option<Self> {
        serde_json::from_str(mark).ok()
    }
}

/// What a source looks like: enough to notice that it was written to. Entries are only counted, and so
/// are segments, since they are only added or, with the overlay, emptied; of everything else each change counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many records each table has.
    pub counts: BTreeMap<String, u64>,
    /// Checksums of all tables but the entries.
    pub sums: BTreeMap<String, String>,
}

/// Something that happened, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Step {
    /// It begins or goes on.
    Begin {
        /// How many records there are in all.
        records: u64,
        /// How many of them are there from a time before.
        there: u64,
        /// Whether what was there was taken out, since the source has changed.
        anew: bool,
    },
    /// More of a table is durable.
    Copied {
        /// Which.
        table: Table,
        /// How many records of it are there.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// More of a table was compared.
    Compared {
        /// Which.
        table: Table,
        /// How many records of it were.
        done: u64,
        /// Of how many.
        of: u64,
    },
}

/// Takes what happens.
pub type Tell<'a> = &'a mut (dyn FnMut(Step) + Send);

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The incarnation that both are now.
    pub epoch: String,
    /// How many records were put this time.
    pub copied: u64,
    /// Whether both were read back and their checksums compared.
    pub verified: bool,
    /// Table by table.
    pub tables: Vec<Compared>,
}

/// What a store is that holds this mark: not to be served.
pub(super) fn unfinished(path: &str, mark: &str) -> StoreError {
    if let Some(from) = mark.strip_prefix(RESTORE) {
        return StoreError::HalfRestored {
            path: path.to_owned(),
            from: from.to_owned(),
        };
    }
    let from = Mark::parse(mark).map_or_else(|| "another store".to_owned(), |mark| mark.from);
    StoreError::Unfinished {
        path: path.to_owned(),
        from,
    }
}

/// Looks at all of a source but the entries, live or sealed.
pub async fn look(store: &dyn Scan) -> Result<Seen, StoreError> {
    let mut seen = Seen {
        counts: BTreeMap::new(),
        sums: BTreeMap::new(),
    };
    for &table in Table::ALL {
        let count = if matches!(table, Table::Entries | Table::Segments) {
            store.count(table).await?
        } else {
            let (count, sum) = sum(store, table).await?;
            seen.sums.insert(table.to_string(), sum);
            count
        };
        seen.counts.insert(table.to_string(), count);
    }
    Ok(seen)
}

async fn sum(store: &dyn Scan, table: Table) -> Result<(u64, String), StoreError> {
    let mut digest = Digest::default();
    let mut after: Option<Vec<Value>> = None;
    loop {
        let page = store.scan(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok((digest.records(), digest.finish()));
        };
        after = Some(last.key(table).to_vec());
        for row in &page {
            digest.add(row);
        }
    }
}

/// Copies, or goes on copying, `source` into `destination`. With `verify` both are read back whole and
/// compared before the destination may be served.
pub async fn copy(
    source: &dyn Store,
    from: &str,
    destination: &dyn Load,
    verify: bool,
    now: Millis,
    tell: Tell<'_>,
) -> Result<Report, Error> {
    let seen = look(source).await.map_err(Error::Source)?;
    let anew = claim(source, from, destination, &seen, now).await?;
    let there = total(destination).await?;
    tell(Step::Begin {
        records: seen.counts.values().sum(),
        there,
        anew,
    });
    for &table in Table::ALL {
        let of = seen.counts.get(table.as_str()).copied().unwrap_or(0);
        fill(source, destination, table, of, tell).await?;
    }
    let tables = if verify {
        compare(source, destination, tell).await?
    } else {
        compare::counts(source, destination).await?
    };
    if let Some(difference) = tables.iter().find_map(|t| t.difference.clone()) {
        // What a copy is not like may have come to the source meanwhile.
        moved(source, &seen).await?;
        return Err(Error::Differ(difference));
    }
    moved(source, &seen).await?;
    let done = destination.set_mark(None).await;
    done.map_err(Error::Destination)?;
    Ok(Report {
        epoch: source.epoch().to_string(),
        copied: total(destination).await?.saturating_sub(there),
        verified: verify,
        tables,
    })
}

/// Compares two stores that are one already.
pub async fn verify(
    source: &dyn Store,
    destination: &dyn Scan,
    tell: Tell<'_>,
) -> Result<Report, Error> {
    let tables = compare(source, destination, tell).await?;
    match tables.iter().find_map(|t| t.difference.clone()) {
        Some(difference) => Err(Error::Differ(difference)),
        None => Ok(Report {
            epoch: source.epoch().to_string(),
            copied: 0,
            verified: true,
            tables,
        }),
    }
}

/// Makes the destination ours: it is empty, or has a part of this copy. Whether such a part was taken out.
async fn claim(
    source: &dyn Store,
    from: &str,
    destination: &dyn Load,
    seen: &Seen,
    now: Millis,
) -> Result<bool, Error> {
    let epoch = source.epoch();
    let found = destination.mark().await.map_err(Error::Destination)?;
    let mut began_at = now;
    let mut anew = false;
    if let Some(found) = found {
        let mark = Mark::parse(&found).filter(|mark| mark.epoch == epoch.to_string());
        let mark = mark.ok_or_else(|| Error::Other(name_of(&found)))?;
        if mark.seen == *seen {
            began_at = mark.began_at;
        } else {
            anew = true;
        }
    } else {
        let records = total(destination).await?;
        if records > 0 {
            let one = false;
            return Err(Error::NotEmpty { records, one });
        }
    }
    let mark = Mark {
        epoch: epoch.to_string(),
        from: from.to_owned(),
        began_at,
        seen: seen.clone(),
    };
    if anew {
        // What is there is no part of this copy; the old mark says so until all of it is gone.
        for &table in Table::ALL {
            destination.clear(table).await.map_err(Error::Destination)?;
        }
    }
    let mark = serde_json::to_string(&mark).map_err(|e| {
        Error::Destination(StoreError::Unavailable(format!("the mark is no JSON: {e}")))
    })?;
    let claimed = async {
        destination.set_mark(Some(&mark)).await?;
        destination.identify(epoch, source.secret()).await
    };
    claimed.await.map_err(Error::Destination)?;
    Ok(anew)
}

/// Of which store a mark is, for people.
pub fn name_of(mark: &str) -> String {
    Mark::parse(mark).map_or_else(
        || "of which nothing can be told".to_owned(),
        |mark| format!("{} (epoch {})", mark.from, mark.epoch),
    )
}

async fn total(destination: &dyn Load) -> Result<u64, Error> {
    let mut total = 0;
    for &table in Table::ALL {
        let count = destination.count(table).await;
        total += count.map_err(Error::Destination)?;
    }
    Ok(total)
}

/// Puts what is missing of a table. The next page is read while one is put.
async fn fill(
    source: &dyn Store,
    destination: &dyn Load,
    table: Table,
    of: u64,
    tell: Tell<'_>,
) -> Result<(), Error> {
    let last = destination.last(table).await.map_err(Error::Destination)?;
    let mut done = match &last {
        Some(_) => destination.count(table).await.map_err(Error::Destination)?,
        None => 0,
    };
    let after = last.map(|row| row.key(table).to_vec());
    let read = source.scan(table, after.as_deref(), PAGE).await;
    let mut page = read.map_err(Error::Source)?;
    while let Some(last) = page.last() {
        let after = last.key(table).to_vec();
        done += page.len() as u64;
        let (put, next) = tokio::join!(
            destination.load(table, page),
            source.scan(table, Some(&after), PAGE)
        );
        put.map_err(Error::Destination)?;
        page = next.map_err(Error::Source)?;
        tell(Step::Copied { table, done, of });
    }
    Ok(())
}

/// Refuses a source that is not what it was.
async fn moved(source: &dyn Store, seen: &Seen) -> Result<(), Error> {
    let now = look(source).await.map_err(Error::Source)?;
    for table in Table::ALL.iter().map(|table| table.as_str()) {
        let (was, is) = (seen.counts.get(table), now.counts.get(table));
        if was != is {
            let (was, is) = (was.unwrap_or(&0), is.unwrap_or(&0));
            return Err(Error::Moved(format!("it had {was} {table}, now {is}")));
        }
        if seen.sums.get(table) != now.sums.get(table) {
            return Err(Error::Moved(format!("its {table} are others")));
        }
    }
    Ok(())
}
