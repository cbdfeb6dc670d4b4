//! Reading roles, sanctions, banned addresses, holds and reports.

use mongodb::{
    ClientSession, Collection,
    bson::{Bson, Document, doc},
    error::Result as Answer,
};
use serde::de::DeserializeOwned;

use super::{
    documents::{
        AddressBanDoc, HoldDoc, RoleDoc, SanctionDoc, SettingDoc, report_uuid, room_uuid, user_uuid,
    },
    fault::within,
    logs::by,
    records::{limited, one},
    schema::{Collections, index},
};
use crate::{
    id::{ReportId, RoomId, UserId},
    model::{Code, CodeKind, Report, ReportState, RoleName, Sanction, SanctionKind, Status, User},
    store::{Error, MANY, PolicyState},
};

/// What holds for the whole server, as documents.
pub(super) type PolicyDocs = (
    Vec<RoleDoc>,
    Vec<SettingDoc>,
    Vec<AddressBanDoc>,
    Vec<HoldDoc>,
);

/// What holds for the whole server, as of the session's moment.
pub(super) async fn policy_then(
    db: &Collections,
    session: &mut ClientSession,
) -> Answer<PolicyDocs> {
    Ok((
        every_then(&db.roles, session).await?,
        every_then(&db.settings, session).await?,
        every_then(&db.address_bans, session).await?,
        every_then(&db.holds, session).await?,
    ))
}

pub(super) fn policy((roles, settings, bans, holds): PolicyDocs) -> Result<PolicyState, Error> {
    Ok(PolicyState {
        roles: roles
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?,
        settings: settings.into_iter().map(|s| (s.name, s.value)).collect(),
        address_bans: bans
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?,
        holds: holds
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?,
    })
}

/// All documents of a small collection, by `_id`.
async fn every_then<D: DeserializeOwned + Send + Sync>(
    collection: &Collection<D>,
    session: &mut ClientSession,
) -> Answer<Vec<D>> {
    drain_then(collection, session, doc! {}, doc! { "_id": 1 }, index::ID).await
}

/// The sanctions in a room, as of the session's moment.
pub(super) async fn sanctions_in_then(
    db: &Collections,
    session: &mut ClientSession,
    room: RoomId,
) -> Answer<Vec<SanctionDoc>> {
    let of = doc! { "room": room_uuid(room) };
    drain_then(&db.sanctions, session, of, in_order(), index::SANCTION).await
}

/// The sanctions that somebody has everywhere, as of the session's moment.
pub(super) async fn sanctions_of_then(
    db: &Collections,
    session: &mut ClientSession,
    user: UserId,
) -> Answer<Vec<SanctionDoc>> {
    let of = doc! { "room": Bson::Null, "user": user_uuid(user) };
    drain_then(&db.sanctions, session, of, in_order(), index::SANCTION).await
}

fn in_order() -> Document {
    doc! { "room": 1, "user": 1, "kind": 1 }
}

async fn drain_then<D: DeserializeOwned + Send + Sync>(
    collection: &Collection<D>,
    session: &mut ClientSession,
    of: Document,
    order: Document,
    index: &str,
) -> Answer<Vec<D>> {
    let find = collection
        .find(of)
        .sort(order)
        .hint(by(index))
        .session(&mut *session);
    let mut cursor = within(find.into_future()).await?;
    let mut found = Vec::new();
    while within(cursor.advance(session)).await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

pub(super) async fn sanctions(
    db: &Collections,
    room: Option<RoomId>,
    after: Option<(UserId, SanctionKind)>,
    limit: usize,
) -> Result<Vec<Sanction>, Error> {
    let mut of = doc! { "room": room.map(room_uuid) };
    if let Some((user, kind)) = after {
        let user = user_uuid(user);
        of.insert("user", doc! { "$gte": user });
        let later = vec![
            doc! { "user": { "$gt": user } },
            doc! { "kind": { "$gt": kind.as_str() } },
        ];
        of.insert("$or", later);
    }
    let find = db
        .sanctions
        .find(of)
        .sort(in_order())
        .hint(by(index::SANCTION));
    limited(find, limit).await
}

pub(super) async fn codes(
    db: &Collections,
    kind: CodeKind,
    room: Option<RoomId>,
) -> Result<Vec<Code>, Error> {
    let of = doc! { "kind": kind.as_str(), "room": room.map(room_uuid) };
    let find = db
        .codes
        .find(of)
        .sort(doc! { "created_at": -1 })
        .hint(by(index::CODE_KIND));
    limited(find, MANY).await
}

pub(super) async fn count_role(db: &Collections, role: &RoleName) -> Result<u64, Error> {
    let of = doc! { "role": role.as_str() };
    let count = db.users.count_documents(of).hint(by(index::USER_ROLE));
    within(count).await.map_err(super::fault::store_error)
}

pub(super) async fn role_holders(
    db: &Collections,
    role: &RoleName,
    status: Status,
    limit: usize,
) -> Result<Vec<User>, Error> {
    let of = doc! { "role": role.as_str(), "status": status.as_str() };
    let find = db.users.find(of).hint(by(index::USER_ROLE));
    limited(find, limit).await
}

pub(super) async fn report(db: &Collections, id: ReportId) -> Result<Option<Report>, Error> {
    let of = doc! { "_id": report_uuid(id) };
    one(db.reports.find_one(of).into_future()).await
}

pub(super) async fn reports(
    db: &Collections,
    state: ReportState,
    room: Option<RoomId>,
    before: Option<ReportId>,
    limit: usize,
) -> Result<Vec<Report>, Error> {
    let mut of = doc! { "state": state.as_str() };
    if let Some(before) = before {
        of.insert("_id", doc! { "$lt": report_uuid(before) });
    }
    let index = match room {
        Some(room) => {
            of.insert("room", room_uuid(room));
            index::REPORT_ROOM
        }
        None => index::REPORT_STATE,
    };
    let find = db.reports.find(of).sort(doc! { "_id": -1 }).hint(by(index));
    limited(find, limit).await
}
