//! A change that touches more than one entry: one transaction.

use std::time::Duration;

use mongodb::{
    ClientSession,
    bson::Uuid,
    error::Error as Fault,
    options::{Acknowledgment, ReadConcern, WriteConcern},
};

use super::{
    begun::Begun,
    bulk,
    connect::MAJORITY,
    documents::EntryDoc,
    fault::{
        is_duplicate, is_majority_late, is_nobody_there, is_patience_gone, is_transient,
        is_unknown_commit, store_error, why, within,
    },
    schema::Collections,
    settle::{self, Reason},
    writes,
};
use crate::store::{Change, Error, Outcome};

/// How often a transaction that ran into another one is tried.
const TRIES: u32 = 8;
/// How often a commit of unknown outcome is asked for again.
const COMMITS: u32 = 3;
/// How long to wait after running into another transaction; longer each time.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a transaction does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// It must not happen.
    Not(Outcome),
    /// An entry's place or `txn` is taken.
    Taken,
    /// A record's key was taken by somebody else since we looked.
    Again,
    /// The database failed.
    Broken(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

impl From<Error> for Halt {
    /// A record that cannot be written, or does not read.
    fn from(error: Error) -> Self {
        Self::Broken(Fault::custom(error.to_string()))
    }
}

/// How a commit ended.
enum Ending {
    Committed,
    /// It did not happen.
    Undone(Fault),
    /// It may have happened.
    Unknown(Fault),
}

/// Makes one change, whole or not at all.
pub(super) async fn run(
    db: &Collections,
    begun: &mut Begun,
    change: &Change,
) -> Result<Outcome, Error> {
    let docs = change.entries.iter().map(EntryDoc::new);
    let docs = docs.collect::<Result<Vec<_>, _>>()?;
    let mut session = within(db.client.start_session())
        .await
        .map_err(store_error)?;
    begun.note(&session);
    let mut last = String::new();
    for attempt in 0..TRIES {
        begin(&mut session).await.map_err(store_error)?;
        let halt = match steps(db, &mut session, change, &docs, attempt == 0).await {
            Ok(()) => match finish(&mut session).await {
                Ending::Committed => return Ok(Outcome::Committed),
                Ending::Undone(fault) => Halt::Broken(fault),
                Ending::Unknown(fault) if is_majority_late(&fault) => {
                    return Err(store_error(fault));
                }
                Ending::Unknown(fault) => {
                    begun.left_open(session);
                    return look(db, &docs, fault).await;
                }
            },
            Err(Halt::Broken(fault)) if is_nobody_there(&fault) => {
                begun.left_open(session);
                return Err(store_error(fault));
            }
            Err(halt) => match within(session.abort_transaction()).await {
                // The driver keeps it to itself if nobody answers; not if it takes too long.
                Err(late) if is_patience_gone(&late) => {
                    begun.left_open(session);
                    return match halt {
                        Halt::Not(outcome) => Ok(outcome),
                        Halt::Broken(fault) => Err(store_error(fault)),
                        Halt::Taken | Halt::Again => Err(store_error(late)),
                    };
                }
                _ => halt,
            },
        };
        match halt {
            Halt::Not(outcome) => return Ok(outcome),
            Halt::Taken => {
                // What is in the way need not be what the majority has, and only that is read.
                settle::barrier(db).await?;
                match settle::explain(db, &change.entries, None).await? {
                    Reason::Told(outcome) => return Ok(outcome),
                    Reason::Done => return Ok(Outcome::Committed),
                    Reason::Gone => last = "what was in the way is gone".into(),
                }
            }
            Halt::Again => last = "a key was taken meanwhile".into(),
            // In the same session, so the server undoes what it may still have of this try.
            Halt::Broken(fault) if is_transient(&fault) => last = why(&fault),
            Halt::Broken(fault) => {
                begun.left_open(session);
                return Err(store_error(fault));
            }
        }
        tokio::time::sleep(PAUSE * attempt).await;
    }
    begun.left_open(session);
    Err(Error::Unavailable(format!(
        "a transaction was undone {TRIES} times: {last}"
    )))
}

/// Begins a transaction that sees one moment.
pub(super) async fn begin(session: &mut ClientSession) -> Result<(), Fault> {
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(MAJORITY)
        .build();
    session
        .start_transaction()
        .read_concern(ReadConcern::snapshot())
        .write_concern(durable)
        .await
}

async fn steps(
    db: &Collections,
    session: &mut ClientSession,
    change: &Change,
    docs: &[EntryDoc],
    first: bool,
) -> Result<(), Halt> {
    if !docs.is_empty() {
        let inserted = within(
            db.entries
                .insert_many(docs)
                .ordered(true)
                .session(&mut *session),
        );
        inserted.await.map_err(|fault| {
            if is_duplicate(&fault) {
                Halt::Taken
            } else {
                Halt::Broken(fault)
            }
        })?;
    }
    if let Some(many) = bulk::of(&change.writes).filter(|_| first) {
        return bulk::insert(db, session, &many).await;
    }
    for write in &change.writes {
        writes::apply(db, session, write).await?;
    }
    Ok(())
}

async fn finish(session: &mut ClientSession) -> Ending {
    let mut unknown = None;
    for _ in 0..COMMITS {
        match (within(session.commit_transaction()).await, unknown) {
            (Ok(()), _) => return Ending::Committed,
            (Err(fault), None) if is_transient(&fault) && !is_unknown_commit(&fault) => {
                return Ending::Undone(fault);
            }
            (Err(fault), _) if is_patience_gone(&fault) => return Ending::Unknown(fault),
            // A server that was started anew knows nothing of what it had answered before.
            (Err(fault), _) => unknown = Some(fault),
        }
    }
    unknown.map_or(Ending::Committed, Ending::Unknown)
}

/// What became of a transaction whose commit was not answered. That its entries are in says that all of it
/// is; that they are not says nothing, as the commit may still be under way.
async fn look(db: &Collections, docs: &[EntryDoc], fault: Fault) -> Result<Outcome, Error> {
    let ids: Vec<Uuid> = docs.iter().map(|doc| doc.id).collect();
    if !ids.is_empty() && settle::found(db, &ids).await?.len() == ids.len() {
        return Ok(Outcome::Committed);
    }
    Err(store_error(fault))
}
