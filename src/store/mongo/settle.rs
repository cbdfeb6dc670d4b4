//! Finding out what became of something: why a key was taken, and whether a write happened whose answer
//! was lost. The driver does not say which index refused a document, so what is there is looked up.

use std::collections::HashSet;

use mongodb::bson::{DateTime, Document, Uuid, doc};

use super::{
    documents::id_list,
    fault::{store_error, within},
    logs,
    schema::{Collections, index},
};
use crate::{
    model::Entry,
    store::{Error, Outcome},
};

/// What it means that entries cannot have their places: that one is there already, or that another is.
/// `misfit` is the first whose number was wrong from the start. [`Outcome::Committed`] when all of them
/// are in, since they were inserted by a try whose answer was lost.
pub(super) async fn explain(
    db: &Collections,
    entries: &[Entry],
    misfit: Option<usize>,
) -> Result<Outcome, Error> {
    let mut undone = false;
    for (i, entry) in entries.iter().enumerate() {
        if let (Some(from), Some(txn)) = (entry.from, &entry.txn)
            && let Some(original) = logs::entry_by_txn(db, entry.log, from, txn).await?
        {
            if original.id == entry.id {
                continue;
            }
            return Ok(Outcome::Duplicate(Box::new(original)));
        }
        if misfit == Some(i) {
            return Ok(Outcome::Conflict);
        }
        match logs::entry(db, entry.log, entry.seq).await? {
            Some(other) if other.id == entry.id => {}
            Some(_) => return Ok(Outcome::Conflict),
            // Nothing against this one: it was undone together with the others.
            None => undone = true,
        }
    }
    Ok(if undone {
        Outcome::Conflict
    } else {
        Outcome::Committed
    })
}

/// Which of these entries are in for good. A write that the majority has comes first: what is read after
/// it is not undone by a primary that takes over, and whatever an earlier primary had written and lost is
/// gone.
pub(super) async fn found(db: &Collections, ids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let now = doc! { "$set": { "at": DateTime::now() } };
    within(
        db.meta
            .update_one(doc! { "_id": "settled" }, now)
            .upsert(true),
    )
    .await
    .map_err(store_error)?;
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
