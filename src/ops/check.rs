//! Checking a store: that every log is whole and in order, that records are what the model takes and refer to
//! what exists, that the control log's chain is intact, that the bytes of files are those that were uploaded, and
//! what the backend itself finds.
//!
//! It reads the tables as they lie, once, each before those it refers to, so that it can run while the server
//! does: what a record refers to was there before the record was. What can look wrong only because it changed
//! in between is looked at again before it is told.

mod files;
mod logs;
mod references;
mod segments;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::mpsc;

use self::{logs::Logs, references::References, segments::Segments};
use super::Ops;
use crate::{
    id::{LogId, RoomId},
    log::verify::Walk,
    model::{RoomKind, RoomRole},
    shelf::Shelf,
    store::{
        self, Span, Store,
        raw::{self, Row, Table, Value, place},
    },
};

/// How many records are read at a time.
const PAGE: usize = 1_000;
/// How many records of files, since the bytes of each are read, too.
const FILES: usize = 16;
/// How many bytes of the control log.
const SLICE_BYTES: usize = 1 << 20;
/// How many findings may wait for whoever reads them; the check waits for a place.
const QUEUE: usize = 64;
/// How many problems are told one by one.
const TOLD: u64 = 1_000;

/// What a check says as it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is so far.
    Progress {
        /// In which table.
        table: Table,
        /// How many records it has read there.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// Something is wrong.
    Problem {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// It is through.
    Done {
        /// How many records it has read.
        records: u64,
        /// How many problems it has found; of many, only the first are told.
        problems: u64,
    },
    /// It could not go on.
    Failed(String),
}

impl Ops {
    /// Checks the store; its findings, the last of which is [`Finding::Done`] or [`Finding::Failed`]. It
    /// ends when nobody takes them any more.
    pub fn examine(&self) -> mpsc::Receiver<Finding> {
        examine(Arc::clone(&self.store), Some(self.shelf.clone()))
    }
}

/// Checks any store, and, on a shelf, the bytes of its files.
pub fn examine(store: Arc<dyn Store>, shelf: Option<Shelf>) -> mpsc::Receiver<Finding> {
    let (findings, taken) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let mut check = Check {
            store,
            shelf,
            findings,
            records: 0,
            problems: 0,
        };
        match check.run().await {
            Ok(()) => {
                let (records, problems) = (check.records, check.problems);
                let _gone = check.say(Finding::Done { records, problems }).await;
            }
            Err(Stop::Failed(e)) => {
                let _gone = check.say(Finding::Failed(e.to_string())).await;
            }
            Err(Stop::Gone) => {}
        }
    });
    taken
}

/// Why a check ends early.
#[derive(Debug)]
enum Stop {
    /// Nobody takes what it finds.
    Gone,
    /// The store does not answer, or what it answers cannot be read.
    Failed(store::Error),
}

impl From<store::Error> for Stop {
    fn from(e: store::Error) -> Self {
        Self::Failed(e)
    }
}

struct Check {
    store: Arc<dyn Store>,
    /// Where the bytes of its files lie, where those are looked at.
    shelf: Option<Shelf>,
    findings: mpsc::Sender<Finding>,
    records: u64,
    problems: u64,
}

/// What was seen in one table and is needed at another.
#[derive(Default)]
struct Seen {
    logs: Logs,
    /// Rows of the control log that something was told of.
    told: HashSet<u64>,
    owners: Owners,
    segments: Segments,
}

/// Who owns rooms, by the members and by the rooms' records.
#[derive(Default)]
struct Owners(HashMap<[u8; 16], Vec<[u8; 16]>>);

impl Check {
    async fn run(&mut self) -> Result<(), Stop> {
        for fault in self.store.faults().await? {
            self.problem("the database", fault).await?;
        }
        let mut references = References::default();
        let mut seen = Seen::default();
        for &table in Table::ALL {
            self.table(table, &mut references, &mut seen).await?;
        }
        self.control_log(&seen.told).await?;
        for (room, first) in seen.segments.gaps() {
            let place = record(Table::Rooms, *room.as_bytes());
            let what = format!("its entries before {first} are neither live nor archived");
            self.problem(place, what).await?;
        }
        for (place, what) in references.dangling() {
            self.problem(place, what).await?;
        }
        self.remote_files().await
    }

    async fn table(
        &mut self,
        table: Table,
        references: &mut References,
        seen: &mut Seen,
    ) -> Result<(), Stop> {
        let of = self.store.count(table).await?;
        let limit = if table == Table::Files { FILES } else { PAGE };
        let mut done = 0;
        let mut after: Option<Vec<Value>> = None;
        loop {
            let page = self.store.scan(table, after.as_deref(), limit).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key(table).to_vec());
            done += page.len() as u64;
            self.records += page.len() as u64;
            for row in &page {
                self.values(table, row).await?;
                references.take(table, row);
                match table {
                    Table::Entries => {
                        for what in seen.logs.take(row) {
                            seen.told.extend(control_seq(row));
                            self.problem(row.place(table), what).await?;
                        }
                        if let Some((room, first)) = seen.logs.begun() {
                            seen.segments.live_from(room, first);
                        }
                    }
                    Table::Files => self.bytes(row).await?,
                    Table::Segments => self.segment(row, &mut seen.segments).await?,
                    Table::Members => seen.owners.member(row),
                    Table::Rooms => self.owner(row, &mut seen.owners).await?,
                    _ => {}
                }
            }
            self.say(Finding::Progress { table, done, of }).await?;
        }
        Ok(())
    }

    /// Whether the control log is as `chatd audit verify` wants it. It looks at each row more closely than the
    /// tables are looked at, and ends at the first that is wrong; of what was told already it says nothing more.
    async fn control_log(&mut self, told: &HashSet<u64>) -> Result<(), Stop> {
        let mut walk = Walk::new(None);
        let mut after = 0;
        while walk.wrong.is_none() {
            let span = Span::after(after);
            let rows = self
                .store
                .raw_entries(LogId::Control, span, PAGE, SLICE_BYTES);
            let rows = rows.await?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            for row in &rows {
                walk.step(row);
            }
        }
        match &walk.wrong {
            Some(wrong) if !told.contains(&wrong.seq) => {
                let what = format!("{}; `chatd audit verify` tells more", wrong.why);
                self.problem(format!("the control log, {}", wrong.seq), what)
                    .await
            }
            // Whatever made an account is an act.
            None if after == 0 && self.store.count(Table::Users).await? > 0 => {
                let what = "it is empty, and there are accounts: it was cut off";
                self.problem("the control log", what).await
            }
            _ => Ok(()),
        }
    }

    /// Whether a segment reads, and follows the one before. It is read again: it may have become another since.
    async fn segment(&mut self, row: &Row, segments: &mut Segments) -> Result<(), Stop> {
        let Some((room, last)) = Segments::place(row) else {
            return Ok(());
        };
        let Some((segment, bytes)) = self.store.segment(room, last).await? else {
            return Ok(());
        };
        let mut wrong = segments.take(&segment);
        if segment.purged_at.is_none()
            && let Err(e) = store::check_segment(&segment, &bytes)
        {
            wrong.push(e.to_string());
        }
        for what in wrong {
            self.problem(row.place(Table::Segments), what).await?;
        }
        Ok(())
    }

    /// Whether the model takes the texts of a record.
    async fn values(&mut self, table: Table, row: &Row) -> Result<(), Stop> {
        for (field, value) in table.spec().fields.iter().zip(&row.0) {
            if let (Some(valid), Value::Text(text)) = (field.valid, value)
                && let Err(why) = valid(text)
            {
                let what = format!("its {} is {text:?}, which is not {why}", field.sqlite);
                self.problem(row.place(table), what).await?;
            }
        }
        Ok(())
    }

    /// Whether a room has the owner that its record says, and no other.
    async fn owner(&mut self, row: &Row, owners: &mut Owners) -> Result<(), Stop> {
        let key = row.key(Table::Rooms)[0].id().unwrap_or_default();
        let members = owners.0.remove(&key).unwrap_or_default();
        let owner = row.get(Table::Rooms, "owner").id().unwrap_or_default();
        let deleted = *row.get(Table::Rooms, "deleted_at") != Value::Null;
        // Nobody owns a direct conversation.
        let direct = row.get(Table::Rooms, "kind").text() == Some(RoomKind::Direct.as_str());
        let own: &[_] = if direct { &[] } else { &[owner] };
        if deleted || members == own {
            return Ok(());
        }
        // It may have been passed on between the two readings; this reading is of one moment.
        let Some(state) = self.store.load_room(RoomId::from_bytes(key)).await? else {
            return Ok(());
        };
        let own = state.members.iter().filter(|m| m.role == RoomRole::Owner);
        let own: Vec<_> = own.map(|m| m.user).collect();
        let right = match state.room.kind {
            RoomKind::Direct => own.is_empty(),
            _ => own == [state.room.owner],
        };
        if state.room.deleted_at.is_none() && !right {
            let what = match own.len() {
                0 => format!("its owner {} is no member as such", state.room.owner),
                1 => format!(
                    "its owner is {}, and by its members {}",
                    state.room.owner, own[0]
                ),
                many => format!("it has {many} owners"),
            };
            self.problem(row.place(Table::Rooms), what).await?;
        }
        Ok(())
    }

    async fn problem(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
    ) -> Result<(), Stop> {
        self.problems += 1;
        if self.problems > TOLD {
            return Ok(());
        }
        let (place, what) = (place.into(), what.into());
        self.say(Finding::Problem { place, what }).await
    }

    async fn say(&self, finding: Finding) -> Result<(), Stop> {
        self.findings.send(finding).await.map_err(|_| Stop::Gone)
    }
}

impl Owners {
    fn member(&mut self, row: &Row) {
        let of = |field| row.get(Table::Members, field);
        if of("role").text() == Some(RoomRole::Owner.as_str())
            && let (Some(room), Some(user)) = (of("room").id(), of("user").id())
        {
            self.0.entry(room).or_default().push(user);
        }
    }
}

/// Which row of the control log it is, if it is one.
fn control_seq(row: &Row) -> Option<u64> {
    let log = raw::log(row.key(Table::Entries)[0].bytes()?)?;
    let seq = row.get(Table::Entries, "seq").int()?;
    (log == LogId::Control).then(|| u64::try_from(seq).ok())?
}

/// What the log of an entry belongs to is called in a report.
fn record(table: Table, id: [u8; 16]) -> String {
    place(table, &[Value::Bytes(id.to_vec())])
}
