//! Files as operators look through them: those of a filter, in one of two orders, and how many that are.

use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::{
    super::{
        documents::{file_uuid, int, number, room_uuid, user_uuid},
        fault::{store_error, within},
        logs::by,
        records::{drain, limited},
        schema::{Collections, index},
    },
    NONE,
};
use crate::{
    model::{File, FileFilter, FileOrder, FilePlace, FileState, Usage},
    store::Error,
};

pub(in super::super) async fn list(
    db: &Collections,
    filter: &FileFilter,
    order: FileOrder,
    after: Option<FilePlace>,
    limit: usize,
) -> Result<Vec<File>, Error> {
    let mut of = of(filter);
    if let Some(FilePlace { size, id }) = after {
        let (earlier, size) = (doc! { "$lt": file_uuid(id) }, int(size));
        let behind = match order {
            FileOrder::Newest => vec![doc! { "_id": earlier }],
            FileOrder::Largest => {
                let same = doc! { "size": size, "_id": earlier };
                // The first says what the others come to, for the index.
                let or = doc! { "$or": [same, doc! { "size": { "$lt": size } }] };
                vec![doc! { "size": { "$lte": size } }, or]
            }
        };
        of.insert("$and", behind);
    }
    let sort = match order {
        FileOrder::Newest => doc! { "_id": -1 },
        FileOrder::Largest => doc! { "size": -1, "_id": -1 },
    };
    let index = index_for(filter, order);
    let find = db.files.find(of).sort(sort).hint(by(index));
    limited(find, limit).await
}

pub(in super::super) async fn sum(db: &Collections, filter: &FileFilter) -> Result<Usage, Error> {
    usage(db, of(filter), index_for(filter, FileOrder::Largest)).await
}

#[derive(Deserialize)]
struct Sums {
    files: i64,
    bytes: i64,
}

/// How much there is of files, found by an index.
pub(super) async fn usage(db: &Collections, of: Document, index: &str) -> Result<Usage, Error> {
    let sums = doc! { "_id": null, "files": { "$sum": 1_i64 }, "bytes": { "$sum": "$size" } };
    let aggregate = db
        .files
        .aggregate([doc! { "$match": of }, doc! { "$group": sums }])
        .hint(by(index))
        .with_type::<Sums>();
    let sums = drain(within(aggregate).await.map_err(store_error)?).await?;
    let Some(sums) = sums.first() else {
        return Ok(Usage::default());
    };
    Ok(Usage {
        files: number(sums.files)?,
        bytes: number(sums.bytes)?,
    })
}

/// What a filter asks. It always says something of a field of the index that is used.
fn of(filter: &FileFilter) -> Document {
    // Each has both: with nothing else said all are found, by either index.
    let mut of = doc! { "_id": { "$gt": file_uuid(NONE) }, "size": { "$gte": 0_i64 } };
    if let Some(owner) = filter.owner {
        of.insert("owner", user_uuid(owner));
    }
    if let Some(room) = filter.room {
        of.insert("room", room_uuid(room));
    }
    match filter.state {
        None => {}
        Some(FileState::Attached) => {
            of.insert("gone_at", None::<DateTime>);
            if filter.room.is_none() {
                of.insert("room", doc! { "$exists": true });
            }
        }
        // It has that only as long as it is unused.
        Some(FileState::Unused) => {
            of.insert("unused", doc! { "$gt": file_uuid(NONE) });
        }
        Some(FileState::Gone) => {
            of.insert("gone_at", doc! { "$gt": DateTime::from_millis(0) });
        }
    }
    if let Some(above) = filter.above {
        of.insert("size", doc! { "$gt": int(above) });
    }
    match &filter.media {
        Some(media) if media.open => {
            let range = doc! { "$gte": &media.text, "$lt": media.end() };
            of.insert("type", range);
        }
        Some(media) => {
            of.insert("type", &media.text);
        }
        None => {}
    }
    of
}

/// The index by which the fewest are looked at.
fn index_for(filter: &FileFilter, order: FileOrder) -> &'static str {
    match (filter.state, order) {
        (Some(FileState::Unused), _) => index::FILE_UNUSED,
        (Some(FileState::Gone), _) => index::FILE_GONE,
        _ if filter.room.is_some() => index::FILE_PLACE,
        _ if filter.owner.is_some() => index::FILE_OWNER,
        (_, FileOrder::Newest) => index::ID,
        (_, FileOrder::Largest) => index::FILE_SIZE,
    }
}
