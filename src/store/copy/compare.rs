//! Comparing two stores, record by record.

use std::{cmp::Ordering, collections::VecDeque, fmt};

use serde::Serialize;

use super::{Error, PAGE, Step, Tell};
use crate::store::{
    self,
    raw::{Digest, Row, Scan, Table, Value},
};

/// A table of two stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Which.
    pub table: Table,
    /// How many records the source has.
    pub records: u64,
    /// SHA-256 over them, where they were read; the destination's is the same unless they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The first record that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// How a table differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub table: Table,
    /// The first record that differs; nothing where records were only counted.
    pub record: Option<String>,
    /// How.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.record {
            Some(record) => write!(f, "{record}: {}", self.what),
            None => write!(f, "{}: {}", self.table, self.what),
        }
    }
}

/// Counts both sides.
pub(super) async fn counts(
    source: &dyn Scan,
    destination: &dyn Scan,
) -> Result<Vec<Compared>, Error> {
    let mut tables = Vec::new();
    for &table in Table::ALL {
        let records = source.count(table).await.map_err(Error::Source)?;
        let copied = destination.count(table).await;
        let copied = copied.map_err(Error::Destination)?;
        let difference = (copied != records).then(|| Difference {
            table,
            record: None,
            what: format!("the source has {records} records, the destination {copied}"),
        });
        tables.push(Compared {
            table,
            records,
            sha256: None,
            difference,
        });
    }
    Ok(tables)
}

/// Reads both sides whole and compares them.
pub async fn compare(
    source: &dyn Scan,
    destination: &dyn Scan,
    tell: Tell<'_>,
) -> Result<Vec<Compared>, Error> {
    let mut tables = Vec::new();
    for &table in Table::ALL {
        let of = source.count(table).await.map_err(Error::Source)?;
        tables.push(one(source, destination, table, of, tell).await?);
    }
    Ok(tables)
}

async fn one(
    source: &dyn Scan,
    destination: &dyn Scan,
    table: Table,
    of: u64,
    tell: Tell<'_>,
) -> Result<Compared, Error> {
    let (mut left, mut right) = (Side::new(source, table), Side::new(destination, table));
    let mut difference = None;
    let mut said = 0;
    loop {
        let (one, other) = tokio::join!(left.peek(), right.peek());
        let (one, other) = (
            one.map_err(Error::Source)?,
            other.map_err(Error::Destination)?,
        );
        if one.is_none() && other.is_none() {
            break;
        }
        let order = order(table, one, other);
        if difference.is_none() {
            difference = differ(table, one, other, order);
        }
        if order != Ordering::Greater {
            left.take();
        }
        if order != Ordering::Less {
            right.take();
        }
        let done = left.digest.records();
        if done >= said + PAGE as u64 {
            said = done;
            tell(Step::Compared { table, done, of });
        }
    }
    let (done, copied) = (left.digest.records(), right.digest.records());
    tell(Step::Compared { table, done, of });
    let (sum, other) = (left.digest.finish(), right.digest.finish());
    // The records were all alike, so this can be only if this code is wrong.
    if difference.is_none() && (sum != other || done != copied) {
        difference = Some(Difference {
            table,
            record: None,
            what: format!("the checksums are {sum} and {other}"),
        });
    }
    Ok(Compared {
        table,
        records: done,
        sha256: Some(sum),
        difference,
    })
}

/// Which of two records comes first.
fn order(table: Table, one: Option<&Row>, other: Option<&Row>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.key(table).cmp(other.key(table)),
        (Some(_), None) => Ordering::Less,
        (None, _) => Ordering::Greater,
    }
}

fn differ(
    table: Table,
    one: Option<&Row>,
    other: Option<&Row>,
    order: Ordering,
) -> Option<Difference> {
    let (row, what) = match order {
        Ordering::Less => (one?, "it is in the source only".to_owned()),
        Ordering::Greater => (other?, "it is in the destination only".to_owned()),
        Ordering::Equal => {
            let (one, other) = (one?, other?);
            let fields = table.spec().fields.iter().zip(one.0.iter().zip(&other.0));
            let mut fields = fields.filter(|(_, (one, other))| one != other);
            let names: Vec<_> = fields.by_ref().map(|(field, _)| field.sqlite).collect();
            if names.is_empty() {
                return None;
            }
            (one, format!("its {} is another", names.join(", ")))
        }
    };
    Some(Difference {
        table,
        record: Some(row.place(table)),
        what,
    })
}

/// One of two stores, read page by page.
struct Side<'a> {
    store: &'a dyn Scan,
    table: Table,
    page: VecDeque<Row>,
    after: Option<Vec<Value>>,
    ended: bool,
    digest: Digest,
}

impl<'a> Side<'a> {
    fn new(store: &'a dyn Scan, table: Table) -> Self {
        Self {
            store,
            table,
            page: VecDeque::new(),
            after: None,
            ended: false,
            digest: Digest::default(),
        }
    }

    /// The next record.
    async fn peek(&mut self) -> Result<Option<&Row>, store::Error> {
        if self.page.is_empty() && !self.ended {
            let after = self.after.as_deref();
            let page = self.store.scan(self.table, after, PAGE).await?;
            self.ended = page.is_empty();
            self.page = page.into();
            if let Some(last) = self.page.back() {
                self.after = Some(last.key(self.table).to_vec());
            }
        }
        Ok(self.page.front())
    }

    fn take(&mut self) {
        if let Some(row) = self.page.pop_front() {
            self.digest.add(&row);
        }
    }
}
