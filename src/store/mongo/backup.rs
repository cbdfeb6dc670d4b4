//! Reading all of it as of one moment: in a transaction that only reads.
//!
//! The server keeps that moment as long as `transactionLifetimeLimitSeconds` says (a minute, unless it is told
//! otherwise). What takes longer ends with an error that says so.

use std::fmt;

use async_trait::async_trait;
use mongodb::{ClientSession, Database, bson::doc, error::Error as Fault};
use tokio::sync::Mutex;

use super::{
    fault::{code, store_error, within},
    logs::by,
    raw::{all, beyond, order, read},
    schema::Collections,
    transact,
};
use crate::store::{
    Error,
    raw::{PAGE_BYTES, Row, Scan, Table, Value},
};

/// The server's codes for a transaction that it gave up: unknown, aborted, its snapshot too old, too long.
const GIVEN_UP: [i32; 4] = [251, 263, 239, 290];

/// All of the store at one moment.
pub(super) struct Snapshot {
    database: Database,
    session: Mutex<ClientSession>,
}

impl Snapshot {
    /// Of this moment: it is that of the first read, which this does.
    pub(super) async fn take(db: &Collections) -> Result<Self, Error> {
        let session = within(db.client.start_session()).await;
        let mut session = session.map_err(store_error)?;
        transact::begin(&mut session).await.map_err(store_error)?;
        let snapshot = Self {
            database: db.database.clone(),
            session: Mutex::new(session),
        };
        snapshot.count(Table::Settings).await?;
        Ok(snapshot)
    }

    /// Lets it go.
    pub(super) async fn end(self) {
        // The server does so by itself, later.
        let _ended = within(self.session.into_inner().abort_transaction()).await;
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}

#[async_trait]
impl Scan for Snapshot {
    async fn scan(
        &self,
        table: Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let mut session = self.session.lock().await;
        let collection = all(&self.database, table);
        let (mut rows, mut size) = (Vec::new(), 0);
        for filter in beyond(table, after) {
            let left = i64::try_from(limit - rows.len()).unwrap_or(i64::MAX);
            let find = collection
                .find(filter)
                .sort(order(table, 1))
                .limit(left)
                .hint(by(table.spec().index))
                .session(&mut *session)
                .into_future();
            let mut cursor = within(find).await.map_err(lost)?;
            while let Some(doc) = within(async { cursor.next(&mut session).await.transpose() })
                .await
                .map_err(lost)?
            {
                let row = read(table, doc)?;
                size += row.size();
                rows.push(row);
                if size > PAGE_BYTES {
                    return Ok(rows);
                }
            }
            if rows.len() >= limit {
                break;
            }
        }
        Ok(rows)
    }

    async fn count(&self, table: Table) -> Result<u64, Error> {
        let mut session = self.session.lock().await;
        let collection = all(&self.database, table);
        let count = collection
            .count_documents(doc! {})
            .session(&mut *session)
            .into_future();
        within(count).await.map_err(lost)
    }

    async fn faults(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// Says of a snapshot that the server gave up what to do about it.
fn lost(fault: Fault) -> Error {
    if code(&fault).is_some_and(|code| GIVEN_UP.contains(&code)) {
        return Error::Unavailable(
            "the database gave up the snapshot before all of it was read: raise its parameter \
             transactionLifetimeLimitSeconds, or stop chatd and use `chatd store copy` instead"
                .into(),
        );
    }
    store_error(fault)
}
