//! Reading around what does not read: one row that is damaged must not hide all that lies behind it.

use super::{Entry, Error, LogId, Span, Store};

/// How many rows that do not read are told of at once.
const MOST: usize = 100;

/// Entries, and the rows among them that do not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readable {
    /// What reads, in order.
    pub entries: Vec<Entry>,
    /// The numbers of live rows that do not.
    pub damaged: Vec<u64>,
    /// How far this goes; none when nothing comes after it.
    pub next: Option<u64>,
}

pub(super) async fn readable<S: Store + ?Sized>(
    store: &S,
    log: LogId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> Result<Readable, Error> {
    let mut found = Readable::default();
    let mut after = after;
    while found.damaged.len() < MOST {
        let why = match store.entries(log, after, upto, limit, bytes).await {
            Ok(entries) => {
                found.next = entries.last().map(|e| e.seq).or(found.next);
                found.entries = entries;
                return Ok(found);
            }
            Err(why @ Error::Damaged(_)) => why,
            Err(other) => return Err(other),
        };
        let Some(bad) = first_damaged(store, log, (after, upto), limit, bytes).await? else {
            // It is no row of this log that does not read.
            return Err(why);
        };
        let before = store.entries(log, after, bad - 1, limit, bytes).await?;
        if let Some(last) = before.last() {
            // The one that does not read is told of when its turn comes.
            found.next = Some(last.seq);
            found.entries = before;
            return Ok(found);
        }
        found.damaged.push(bad);
        found.next = Some(bad);
        after = bad;
    }
    Ok(found)
}

/// The first live row of a span that does not read, found by halving.
async fn first_damaged<S: Store + ?Sized>(
    store: &S,
    log: LogId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> Result<Option<u64>, Error> {
    let span = Span {
        after,
        upto,
        newest_first: false,
    };
    let rows = store.raw_entries(log, span, limit, bytes).await?;
    let seqs: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    // Up to `low` all read; up to `high` not all.
    let (mut low, mut high) = (0, seqs.len());
    if high == 0 || reads(store, log, after, seqs[high - 1], limit).await? {
        return Ok(None);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if reads(store, log, after, seqs[middle - 1], limit).await? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(seqs[high - 1]))
}

async fn reads<S: Store + ?Sized>(
    store: &S,
    log: LogId,
    after: u64,
    upto: u64,
    limit: usize,
) -> Result<bool, Error> {
    match store
        .live_entries(log, after, upto, limit, usize::MAX)
        .await
    {
        Ok(_) => Ok(true),
        Err(Error::Damaged(_)) => Ok(false),
        Err(other) => Err(other),
    }
}
