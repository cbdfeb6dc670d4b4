//! What is known of files: the collection `files`.

mod list;

pub(super) use self::list::{list, sum};
use super::{
    documents::{FileDoc, date, file_uuid, id_list, int, room_uuid, user_uuid},
    fault::within,
    logs::by,
    records::{all, limited, one},
    schema::{Collections, index},
    transact::Halt,
    writes::{expect_one, insert},
};
use crate::{
    clock::Millis,
    id::{FileId, RoomId, UserId},
    model::{File, Usage},
    store::{Error, Write},
};
use mongodb::{
    ClientSession,
    bson::{DateTime, doc},
};

/// No file has this id.
const NONE: FileId = FileId::from_bytes([0; 16]);

pub(super) async fn file(db: &Collections, id: FileId) -> Result<Option<File>, Error> {
    let of = doc! { "_id": file_uuid(id) };
    one(db.files.find_one(of).into_future()).await
}

pub(super) async fn files(db: &Collections, ids: &[FileId]) -> Result<Vec<File>, Error> {
    let of = doc! { "_id": id_list(ids.iter().copied().map(file_uuid)) };
    all(db.files.find(of).hint(by(index::ID))).await
}

pub(super) async fn all_files(
    db: &Collections,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<File>, Error> {
    let later = doc! { "$gt": file_uuid(after.unwrap_or(NONE)) };
    let find = db
        .files
        .find(doc! { "_id": later })
        .sort(doc! { "_id": 1 })
        .hint(by(index::ID));
    limited(find, limit).await
}

pub(super) async fn files_of(
    db: &Collections,
    owner: UserId,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<File>, Error> {
    let later = doc! { "$gt": file_uuid(after.unwrap_or(NONE)) };
    let find = db
        .files
        .find(doc! { "owner": user_uuid(owner), "_id": later, "gone_at": null })
        .sort(doc! { "owner": 1, "_id": 1 })
        .hint(by(index::FILE_OWNER));
    limited(find, limit).await
}

pub(super) async fn usage(db: &Collections, owner: UserId) -> Result<Usage, Error> {
    let of = doc! { "owner": user_uuid(owner), "gone_at": null };
    list::usage(db, of, index::FILE_OWNER).await
}

pub(super) async fn unused(
    db: &Collections,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<File>, Error> {
    let later = doc! { "$gt": file_uuid(after.unwrap_or(NONE)) };
    let find = db
        .files
        .find(doc! { "unused": later })
        .sort(doc! { "unused": 1 })
        .hint(by(index::FILE_UNUSED));
    limited(find, limit).await
}

pub(super) async fn gone(
    db: &Collections,
    after: Option<(Millis, FileId)>,
    limit: usize,
) -> Result<Vec<File>, Error> {
    let there = DateTime::from_millis(0);
    let mut of = doc! { "gone_at": { "$gt": there } };
    if let Some((at, id)) = after {
        let at = date(at);
        let same = doc! { "gone_at": at, "_id": { "$gt": file_uuid(id) } };
        of = doc! { "gone_at": { "$gte": at }, "$or": [same, doc! { "gone_at": { "$gt": at } }] };
    }
    let find = db
        .files
        .find(of)
        .sort(doc! { "gone_at": 1, "_id": 1 })
        .hint(by(index::FILE_GONE));
    limited(find, limit).await
}

/// Makes one of the writes that are about files.
pub(super) async fn apply(
    db: &Collections,
    session: &mut ClientSession,
    write: &Write,
) -> Result<(), Halt> {
    match write {
        Write::InsertFile(file) => insert(&db.files, session, &FileDoc::from(file)).await,
        Write::AttachFile {
            id,
            owner,
            room,
            seq,
        } => {
            let owner = user_uuid(*owner);
            let of = doc! { "_id": file_uuid(*id), "owner": owner, "room": null, "gone_at": null };
            let attached = doc! {
                "$set": { "room": room_uuid(*room), "seq": int(*seq) }, "$unset": { "unused": "" },
            };
            let update = db.files.update_one(of, attached).hint(by(index::ID));
            expect_one(within(update.session(session)).await?.matched_count)
        }
        Write::DropFile { id, place, at } => {
            let (room, seq) = place.unzip();
            let of = doc! {
                "_id": file_uuid(*id), "room": room.map(room_uuid), "seq": seq.map(int), "gone_at": null,
            };
            let update = db.files.update_one(of, gone_since(*at)).hint(by(index::ID));
            expect_one(within(update.session(session)).await?.matched_count)
        }
        Write::DeleteFile(id) => {
            let there = doc! { "$gt": DateTime::from_millis(0) };
            let of = doc! { "_id": file_uuid(*id), "gone_at": there };
            let gone = db.files.delete_one(of).hint(by(index::ID));
            within(gone.session(session)).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Notes that the files of the messages of a range are to go.
pub(super) async fn drop_attached(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
    (first, last): (u64, u64),
    at: Millis,
) -> Result<(), Halt> {
    let range = doc! { "$gte": int(first), "$lte": int(last) };
    let of = doc! { "room": room_uuid(room), "seq": range, "gone_at": null };
    let update = db
        .files
        .update_many(of, gone_since(at))
        .hint(by(index::FILE_PLACE));
    within(update.session(session)).await?;
    Ok(())
}

fn gone_since(at: Millis) -> mongodb::bson::Document {
    doc! { "$set": { "gone_at": date(at) }, "$unset": { "unused": "" } }
}
