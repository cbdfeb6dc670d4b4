//! Many new accounts in one change, as an import makes them: an insert for all of them instead of a handful of
//! requests for each.

use mongodb::{ClientSession, Collection};
use serde::Serialize;

use super::{
    documents::{CodeDoc, UserDoc},
    fault::{is_duplicate, within},
    schema::Collections,
    transact::Halt,
};
use crate::store::Write;

/// The accounts and codes that a change makes, when it makes several accounts and does nothing else.
pub(super) fn of(writes: &[Write]) -> Option<(Vec<UserDoc>, Vec<CodeDoc>)> {
    let (mut users, mut codes) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::InsertUser(user) => users.push(user.into()),
            Write::InsertCode(code) => codes.push(code.into()),
            _ => return None,
        }
    }
    (users.len() > 1).then_some((users, codes))
}

/// Makes them. If any of it is taken the whole change has to be made write by write, which tells what it was.
pub(super) async fn insert(
    db: &Collections,
    session: &mut ClientSession,
    (users, codes): &(Vec<UserDoc>, Vec<CodeDoc>),
) -> Result<(), Halt> {
    many(&db.users, session, users).await?;
    many(&db.codes, session, codes).await
}

async fn many<T: Serialize + Send + Sync>(
    collection: &Collection<T>,
    session: &mut ClientSession,
    docs: &[T],
) -> Result<(), Halt> {
    if docs.is_empty() {
        return Ok(());
    }
    let inserted = within(collection.insert_many(docs).ordered(true).session(session)).await;
    inserted.map(drop).map_err(|fault| {
        if is_duplicate(&fault) {
            Halt::Again
        } else {
            Halt::Broken(fault)
        }
    })
}
