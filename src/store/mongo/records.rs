//! Reading records.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::{
    Cursor,
    action::Find,
    bson::{DateTime, Document, Uuid, doc},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    documents::{binary, date, id_list, number, room_uuid, session_uuid, user_uuid},
    fault::{store_error, within},
    logs::{self, by},
    schema::{Collections, index},
};
use crate::{
    clock::Millis,
    id::{LogId, RoomId, SessionId, UserId},
    model::{Code, CodeHash, Email, Key, Member, Room, RoomName, Session, User, Username},
    store::{Error, RoomRow, Scope},
};

/// How many heads are read at a time.
const READS: usize = 16;

pub(super) async fn user_by_name(db: &Collections, name: &Username) -> Result<Option<User>, Error> {
    let of = doc! { "name": name.as_str() };
    one(db
        .users
        .find_one(of)
        .hint(by(index::USER_NAME))
        .into_future())
    .await
}

pub(super) async fn user_by_email(db: &Collections, email: &Email) -> Result<Option<User>, Error> {
    let of = doc! { "login_email": email.as_str() };
    one(db
        .users
        .find_one(of)
        .hint(by(index::LOGIN_EMAIL))
        .into_future())
    .await
}

pub(super) async fn users(db: &Collections, ids: &[UserId]) -> Result<Vec<User>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of = doc! { "_id": id_list(ids.iter().map(|id| user_uuid(*id))) };
    all(db.users.find(of).hint(by(index::ID))).await
}

pub(super) async fn list_users(
    db: &Collections,
    after: Option<&Username>,
    limit: usize,
) -> Result<Vec<User>, Error> {
    let of = doc! { "name": { "$gt": after.map_or("", Username::as_str) } };
    let find = db
        .users
        .find(of)
        .sort(doc! { "name": 1 })
        .hint(by(index::USER_NAME));
    limited(find, limit).await
}

pub(super) async fn public_room(
    db: &Collections,
    name: &RoomName,
) -> Result<Option<RoomId>, Error> {
    let of = doc! { "public_name": name.as_str() };
    let find = db.rooms.clone_with_type::<IdDoc>();
    let find = find
        .find_one(of)
        .projection(only_id())
        .hint(by(index::PUBLIC_NAME));
    let found = within(find).await.map_err(store_error)?;
    Ok(found.map(|doc| RoomId::from_bytes(doc.id.bytes())))
}

pub(super) async fn all_rooms_named(
    db: &Collections,
    name: &RoomName,
) -> Result<Vec<RoomId>, Error> {
    let of = doc! { "name": name.as_str(), "deleted_at": null };
    room_ids(db, of, index::ROOM_NAME, usize::MAX).await
}

pub(super) async fn rooms_named(
    db: &Collections,
    user: UserId,
    name: &RoomName,
) -> Result<Vec<RoomId>, Error> {
    let rooms = rooms_of(db, user).await?;
    let of = doc! { "_id": id_list(rooms), "name": name.as_str(), "deleted_at": null };
    room_ids(db, of, index::ID, 2).await
}

pub(super) async fn room_ids_of(db: &Collections, user: UserId) -> Result<Vec<RoomId>, Error> {
    let rooms = rooms_of(db, user).await?;
    let of = doc! { "_id": id_list(rooms), "deleted_at": null };
    room_ids(db, of, index::ID, usize::MAX).await
}

pub(super) async fn all_room_ids(
    db: &Collections,
    after: Option<RoomId>,
    limit: usize,
) -> Result<Vec<RoomId>, Error> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    // No room has an id of zeros.
    let after = after.unwrap_or(RoomId::from_bytes([0; 16]));
    let of = doc! { "_id": { "$gt": room_uuid(after) } };
    room_ids(db, of, index::ID, limit).await
}

/// The ids of the rooms that a filter finds, in their order.
async fn room_ids(
    db: &Collections,
    of: Document,
    index: &str,
    limit: usize,
) -> Result<Vec<RoomId>, Error> {
    let rooms = db.rooms.clone_with_type::<IdDoc>();
    let find = rooms
        .find(of)
        .projection(only_id())
        .sort(only_id())
        .hint(by(index));
    let ids = gather(limit_to(find, limit)).await?;
    Ok(ids
        .into_iter()
        .map(|doc| RoomId::from_bytes(doc.id.bytes()))
        .collect())
}

/// The rooms a user is in, deleted ones too.
async fn rooms_of(db: &Collections, user: UserId) -> Result<Vec<Uuid>, Error> {
    let of = doc! { "user": user_uuid(user) };
    let members = gather(db.members.find(of).hint(by(index::MEMBER_USER))).await?;
    Ok(members.into_iter().map(|member| member.room).collect())
}

pub(super) async fn list_rooms(
    db: &Collections,
    scope: Scope,
    after: Option<(&RoomName, RoomId)>,
    limit: usize,
) -> Result<Vec<RoomRow>, Error> {
    // No name is empty, so this is before all of them.
    let (name, id) = after.map_or(("", RoomId::from_bytes([0; 16])), |(name, id)| {
        (name.as_str(), id)
    });
    let further = |field: &str| {
        let after = vec![
            doc! { field: { "$gt": name } },
            doc! { "_id": { "$gt": room_uuid(id) } },
        ];
        doc! { field: { "$gte": name }, "deleted_at": null, "$or": after }
    };
    let (of, order, index, asker) = match scope {
        Scope::Of(user) => {
            let mut of = further("name");
            of.insert("_id", id_list(rooms_of(db, user).await?));
            (of, "name", index::ID, Some(user))
        }
        Scope::Public(user) => {
            let mut of = further("public_name");
            // Which no name is: said again, since only then the partial index is known to have them all.
            of.insert("public_name", doc! { "$gte": name, "$gt": "" });
            (of, "public_name", index::PUBLIC_NAME, Some(user))
        }
        Scope::All => (further("name"), "name", index::ROOM_NAME, None),
    };
    let find = db
        .rooms
        .find(of)
        .sort(doc! { order: 1, "_id": 1 })
        .hint(by(index));
    let rooms: Vec<Room> = limited(find, limit).await?;
    let counts = member_counts(db, &rooms).await?;
    let mine = match asker {
        Some(user) => memberships(db, &rooms, user).await?,
        None => HashMap::new(),
    };
    let rows = rooms.into_iter().map(|room| {
        let (members, member) = (counts.get(&room.id).copied(), mine.get(&room.id).copied());
        async move {
            let head = logs::head(db, LogId::Room(room.id)).await?;
            let members = members.unwrap_or_default();
            Ok(RoomRow {
                room,
                member,
                members,
                head,
            })
        }
    });
    stream::iter(rows).buffered(READS).try_collect().await
}

/// How many are in each of these rooms.
async fn member_counts(db: &Collections, rooms: &[Room]) -> Result<HashMap<RoomId, u64>, Error> {
    if rooms.is_empty() {
        return Ok(HashMap::new());
    }
    let of = doc! { "room": id_list(rooms.iter().map(|room| room_uuid(room.id))) };
    let count = doc! { "_id": "$room", "members": { "$sum": 1_i64 } };
    let aggregate = db
        .members
        .aggregate([doc! { "$match": of }, doc! { "$group": count }])
        .hint(by(index::MEMBER_ROOM))
        .with_type::<CountDoc>();
    let counts = drain(within(aggregate).await.map_err(store_error)?).await?;
    let pair = |doc: CountDoc| Ok((RoomId::from_bytes(doc.id.bytes()), number(doc.members)?));
    counts.into_iter().map(pair).collect()
}

/// Which of these rooms a user is in, and as what.
async fn memberships(
    db: &Collections,
    rooms: &[Room],
    user: UserId,
) -> Result<HashMap<RoomId, Member>, Error> {
    let rooms = id_list(rooms.iter().map(|room| room_uuid(room.id)));
    let of = doc! { "user": user_uuid(user), "room": rooms };
    let members: Vec<Member> = all(db.members.find(of).hint(by(index::MEMBER_USER))).await?;
    Ok(members
        .into_iter()
        .map(|member| (member.room, member))
        .collect())
}

pub(super) async fn list_members(
    db: &Collections,
    room: RoomId,
    after: Option<&Username>,
    limit: usize,
) -> Result<Vec<(Member, User)>, Error> {
    let of = doc! { "room": room_uuid(room) };
    let members: Vec<Member> = all(db.members.find(of).hint(by(index::MEMBER_ROOM))).await?;
    let members: HashMap<_, _> = members.into_iter().map(|m| (m.user, m)).collect();
    let of = doc! {
        "_id": id_list(members.keys().map(|id| user_uuid(*id))),
        "name": { "$gt": after.map_or("", Username::as_str) },
    };
    let find = db
        .users
        .find(of)
        .sort(doc! { "name": 1 })
        .hint(by(index::ID));
    let users: Vec<User> = limited(find, limit).await?;
    let row = |user: User| members.get(&user.id).map(|member| (*member, user));
    Ok(users.into_iter().filter_map(row).collect())
}

pub(super) async fn session(db: &Collections, id: SessionId) -> Result<Option<Session>, Error> {
    one(db
        .sessions
        .find_one(doc! { "_id": session_uuid(id) })
        .into_future())
    .await
}

pub(super) async fn sessions_of(
    db: &Collections,
    user: UserId,
    now: Millis,
) -> Result<Vec<Session>, Error> {
    let of = doc! {
        "user": user_uuid(user), "ended_at": null, "expires_at": { "$gt": date(now) },
    };
    let newest = doc! { "created_at": -1, "_id": -1 };
    all(db
        .sessions
        .find(of)
        .sort(newest)
        .hint(by(index::SESSION_USER)))
    .await
}

pub(super) async fn ended_sessions(
    db: &Collections,
    since: Millis,
) -> Result<Vec<SessionId>, Error> {
    let of = doc! { "ended_at": { "$gte": date(since) } };
    let sessions = db.sessions.clone_with_type::<IdDoc>();
    let find = sessions
        .find(of)
        .projection(only_id())
        .hint(by(index::SESSION_ENDED));
    let ids = gather(find).await?;
    Ok(ids
        .into_iter()
        .map(|doc| SessionId::from_bytes(doc.id.bytes()))
        .collect())
}

pub(super) async fn code(db: &Collections, hash: &CodeHash) -> Result<Option<Code>, Error> {
    one(db
        .codes
        .find_one(doc! { "_id": binary(hash) })
        .into_future())
    .await
}

pub(super) async fn keys(db: &Collections) -> Result<Vec<Key>, Error> {
    let oldest = doc! { "created_at": 1, "_id": 1 };
    all(db.keys.find(doc! {}).sort(oldest).hint(by(index::KEY_AGE))).await
}

pub(super) async fn setting(db: &Collections, name: &str) -> Result<Option<String>, Error> {
    let found = within(db.settings.find_one(doc! { "_id": name })).await;
    Ok(found.map_err(store_error)?.map(|doc| doc.value))
}

/// How many users and undeleted rooms there are, and how many bytes the database takes.
pub(super) async fn counts(db: &Collections) -> Result<(u64, u64, u64), Error> {
    let users = within(db.users.estimated_document_count())
        .await
        .map_err(store_error)?;
    let rooms = within(db.rooms.estimated_document_count())
        .await
        .map_err(store_error)?;
    let of = doc! { "deleted_at": { "$gt": DateTime::from_millis(0) } };
    let deleted = db.rooms.count_documents(of).hint(by(index::ROOM_DELETED));
    let deleted = within(deleted).await.map_err(store_error)?;
    let stats = within(db.database.run_command(doc! { "dbStats": 1 })).await;
    let bytes = bytes_of(&stats.map_err(store_error)?);
    Ok((users, rooms.saturating_sub(deleted), bytes))
}

/// What `dbStats` says is on disk; its numbers are of whatever type they fit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size to look at"
)]
fn bytes_of(stats: &Document) -> u64 {
    let size = |field| match stats.get(field) {
        Some(mongodb::bson::Bson::Double(n)) => *n as u64,
        Some(mongodb::bson::Bson::Int64(n)) => u64::try_from(*n).unwrap_or(0),
        Some(mongodb::bson::Bson::Int32(n)) => u64::try_from(*n).unwrap_or(0),
        _ => 0,
    };
    size("storageSize") + size("indexSize")
}

#[derive(Deserialize)]
struct IdDoc {
    #[serde(rename = "_id")]
    id: Uuid,
}

#[derive(Deserialize)]
struct CountDoc {
    #[serde(rename = "_id")]
    id: Uuid,
    members: i64,
}

pub(super) fn only_id() -> Document {
    doc! { "_id": 1 }
}

pub(super) async fn one<D, T: TryFrom<D, Error = Error>>(
    find: impl Future<Output = mongodb::error::Result<Option<D>>>,
) -> Result<Option<T>, Error> {
    within(find)
        .await
        .map_err(store_error)?
        .map(T::try_from)
        .transpose()
}

pub(super) async fn all<D, T>(find: Find<'_, D>) -> Result<Vec<T>, Error>
where
    D: DeserializeOwned + Send + Sync,
    T: TryFrom<D, Error = Error>,
{
    gather(find).await?.into_iter().map(T::try_from).collect()
}

pub(super) async fn limited<D, T>(find: Find<'_, D>, limit: usize) -> Result<Vec<T>, Error>
where
    D: DeserializeOwned + Send + Sync,
    T: TryFrom<D, Error = Error>,
{
    if limit == 0 {
        return Ok(Vec::new());
    }
    all(limit_to(find, limit)).await
}

/// At most so many; MongoDB knows no limit beyond its integers, and takes 0 for none.
fn limit_to<D: Send + Sync>(find: Find<'_, D>, limit: usize) -> Find<'_, D> {
    match i32::try_from(limit) {
        Ok(limit) => find.limit(limit.into()),
        Err(_) => find,
    }
}

pub(super) async fn gather<D: DeserializeOwned + Send + Sync>(
    find: Find<'_, D>,
) -> Result<Vec<D>, Error> {
    drain(within(find).await.map_err(store_error)?).await
}

pub(super) async fn drain<D: DeserializeOwned>(mut cursor: Cursor<D>) -> Result<Vec<D>, Error> {
    let mut found = Vec::new();
    while within(cursor.advance()).await.map_err(store_error)? {
        found.push(cursor.deserialize_current().map_err(store_error)?);
    }
    Ok(found)
}
