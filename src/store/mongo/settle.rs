//! Finding out what became of something: why a key was taken, and whether a write happened whose answer
//! was lost. The driver does not say which index refused a document, so what is there is looked up.

use std::collections::HashSet;

use mongodb::bson::{DateTime, Document, Uuid, doc};

use super::{
    documents::id_list,
    fault::{is_duplicate, store_error, within},
    logs,
    schema::{Collections, index},
};
use crate::{
    model::Entry,
    store::{Error, Outcome},
};

/// Why entries cannot have their places.
pub(super) enum Reason {
    /// Something else has one of the places, or the `txn`; or none of the entries is there and one has a number
    /// that is not its log's next. Nothing of the change is in.
    Told(Outcome),
    /// All of them are in: a try whose answer was lost has put them there.
    Done,
    /// Nothing is in the way any more.
    Gone,
}

/// What it means that entries cannot have their places: that one is there already, or that another is.
/// `misfit` is the first whose number was wrong from the start.
pub(super) async fn explain(
    db: &Collections,
    entries: &[Entry],
    misfit: Option<usize>,
) -> Result<Reason, Error> {
    let mut gone = false;
    for (i, entry) in entries.iter().enumerate() {
        if let (Some(from), Some(txn)) = (entry.from, &entry.txn)
            && let Some(original) = logs::entry_by_txn(db, entry.log, from, txn).await?
        {
            if original.id == entry.id {
                continue;
            }
            return Ok(Reason::Told(Outcome::Duplicate(Box::new(original))));
        }
        if misfit == Some(i) {
            return Ok(Reason::Told(Outcome::Conflict));
        }
        match logs::entry(db, entry.log, entry.seq).await? {
            Some(other) if other.id == entry.id => {}
            Some(_) => return Ok(Reason::Told(Outcome::Conflict)),
            // Nothing against this one: it was undone together with the others, or what was in its place is gone.
            None => gone = true,
        }
    }
    Ok(if gone { Reason::Gone } else { Reason::Done })
}

/// Makes a write that the majority has. What is read after it is not undone by a primary that takes over, and
/// whatever an earlier primary had written and lost is gone.
pub(super) async fn barrier(db: &Collections) -> Result<(), Error> {
    // Whoever waited for the database in vain until now need not do so again.
    db.presence
        .check()
        .map_err(|e| Error::Unavailable(e.to_string()))?;
    let now = doc! { "$set": { "at": DateTime::now() } };
    let settled = db
        .meta
        .update_one(doc! { "_id": "settled" }, now)
        .upsert(true);
    match within(settled).await {
        // Another chatd was the first to make it, this moment; the answer has waited for that.
        Err(fault) if is_duplicate(&fault) => Ok(()),
        done => done.map(drop).map_err(store_error),
    }
}

/// Which of these entries are in for good.
pub(super) async fn found(db: &Collections, ids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    barrier(db).await?;
    let entries = db.entries.clone_with_type::<Document>();
    let find = entries
        .find(doc! { "_id": id_list(ids.iter().copied()) })
        .projection(doc! { "_id": 1 })
        .hint(mongodb::options::Hint::Name(index::ID.to_owned()));
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut there = HashSet::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        let doc = cursor.deserialize_current().map_err(store_error)?;
        if let Some(mongodb::bson::Bson::Binary(id)) = doc.get("_id")
            && let Ok(id) = id.to_uuid()
        {
            there.insert(id);
        }
    }
    Ok(there)
}
