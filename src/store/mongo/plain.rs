//! Reading documents as they lie there, and records in one go: for the audit and for imports.

use mongodb::bson::{Bson, Document, doc};

use super::{
    documents::{id_list, int, log_key, room_uuid},
    fault::{store_error, within},
    logs::by,
    records::all,
    schema::{Collections, index},
};
use crate::{
    id::{LogId, RoomId, UserId},
    model::{Email, Room, User, Username},
    store::{Error, RawEntry, Span, plain::hex},
};

pub(super) async fn entries(
    db: &Collections,
    log: LogId,
    span: Span,
    limit: usize,
    bytes: usize,
) -> Result<Vec<RawEntry>, Error> {
    let mut entries = Vec::new();
    if limit == 0 {
        return Ok(entries);
    }
    let of = doc! {
        "log": log_key(log), "seq": { "$gt": int(span.after), "$lte": int(span.upto) },
    };
    let documents = db.entries.clone_with_type::<Document>();
    let mut find = documents
        .find(of)
        .sort(doc! { "seq": if span.newest_first { -1 } else { 1 } })
        .hint(by(index::ENTRY_SEQ));
    if let Ok(limit) = i32::try_from(limit) {
        find = find.limit(limit.into());
    }
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut size = 0;
    while within(cursor.advance()).await.map_err(store_error)? {
        let entry = raw(&cursor.deserialize_current().map_err(store_error)?)?;
        size += entry.data.len();
        entries.push(entry);
        if size > bytes {
            break;
        }
    }
    Ok(entries)
}

fn raw(doc: &Document) -> Result<RawEntry, Error> {
    let whole = |field| match doc.get(field) {
        Some(Bson::Int64(n)) => Some(*n),
        Some(Bson::Int32(n)) => Some(i64::from(*n)),
        _ => None,
    };
    let text = |field| match doc.get(field) {
        Some(Bson::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let seq = whole("seq").and_then(|seq| u64::try_from(seq).ok());
    Ok(RawEntry {
        seq: seq.ok_or_else(|| Error::Damaged(format!("{} is no seq", text("seq"))))?,
        n: whole("n"),
        at: match doc.get("at") {
            Some(Bson::DateTime(at)) => Some(at.timestamp_millis()),
            _ => None,
        },
        from: match doc.get("from") {
            Some(Bson::Binary(id)) => Some(match <[u8; 16]>::try_from(id.bytes.as_slice()) {
                Ok(id) => UserId::from_bytes(id).to_string(),
                Err(_) => hex(&id.bytes),
            }),
            other => other.map(ToString::to_string),
        },
        version: whole("v"),
        kind: text("kind"),
        data: text("data"),
    })
}

pub(super) async fn rooms(db: &Collections, ids: &[RoomId]) -> Result<Vec<Room>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of = doc! { "_id": id_list(ids.iter().map(|id| room_uuid(*id))) };
    all(db.rooms.find(of).hint(by(index::ID))).await
}

pub(super) async fn users_named(db: &Collections, names: &[Username]) -> Result<Vec<User>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = names.iter().map(Username::as_str).collect();
    // There is one index to choose, and some servers look names up one by one only when it is their choice.
    all(db.users.find(doc! { "name": { "$in": names } })).await
}

pub(super) async fn users_by_email(db: &Collections, emails: &[Email]) -> Result<Vec<User>, Error> {
    if emails.is_empty() {
        return Ok(Vec::new());
    }
    let emails: Vec<_> = emails.iter().map(Email::as_str).collect();
    let of = doc! { "login_email": { "$in": emails } };
    all(db.users.find(of).hint(by(index::LOGIN_EMAIL))).await
}
