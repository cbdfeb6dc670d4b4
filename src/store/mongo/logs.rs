//! Reading logs and the states that fold them.

use mongodb::{
    ClientSession, Collection,
    bson::{Document, doc},
    error::Result as Answer,
    options::Hint,
};

use super::{
    documents::{
        EntryDoc, HeadDoc, MemberDoc, RoomDoc, SanctionDoc, UserDoc, int, log_key, room_uuid,
        user_uuid,
    },
    fault::{
        is_nobody_there, is_patience_gone, is_transient, is_unknown_commit, store_error, within,
    },
    moderation::{self, PolicyDocs},
    overlay,
    schema::{Collections, index},
    transact,
};
use crate::{
    id::{LogId, RoomId, UserId},
    model::{Entry, Head, Txn},
    store::{ControlState, Error, Page, RoomState, UserState, plain},
};

/// How often a read of one moment is tried that ran into something.
const TRIES: u8 = 3;

/// Runs reads of one moment: a transaction without writes. It is committed all the same, since only then is
/// it known that what it read is what the majority has, and is not undone by a primary that takes over.
/// `$read` is a future that uses `$session`.
macro_rules! snapshot {
    ($db:expr, $session:ident => $read:expr) => {{
        let mut session = within($db.client.start_session())
            .await
            .map_err(store_error)?;
        let mut tries = 0;
        loop {
            tries += 1;
            transact::begin(&mut session).await.map_err(store_error)?;
            let $session = &mut session;
            let fault = match $read.await {
                Ok(found) => match within(session.commit_transaction()).await {
                    Ok(()) => break found,
                    Err(fault) => fault,
                },
                Err(fault) => {
                    if !is_nobody_there(&fault) {
                        let _ends = within(session.abort_transaction()).await;
                    }
                    fault
                }
            };
            let again = is_transient(&fault) || is_unknown_commit(&fault);
            if tries == TRIES || !again || is_patience_gone(&fault) {
                return Err(store_error(fault));
            }
        }
    }};
}

pub(super) async fn head(db: &Collections, log: LogId) -> Result<Head, Error> {
    let heads = db.entries.clone_with_type::<HeadDoc>();
    let find = heads
        .find_one(doc! { "log": log_key(log) })
        .sort(doc! { "seq": -1 })
        .projection(HeadDoc::fields())
        .hint(by(index::ENTRY_SEQ));
    let found = within(find).await.map_err(store_error)?;
    found.map_or(Ok(Head::default()), |doc| doc.head())
}

/// The same, as of the session's moment.
async fn head_then(
    db: &Collections,
    session: &mut ClientSession,
    log: LogId,
) -> Answer<Option<HeadDoc>> {
    let heads = db.entries.clone_with_type::<HeadDoc>();
    let find = heads
        .find_one(doc! { "log": log_key(log) })
        .sort(doc! { "seq": -1 })
        .projection(HeadDoc::fields())
        .hint(by(index::ENTRY_SEQ))
        .session(session);
    within(find).await
}

pub(super) async fn entries(
    db: &Collections,
    log: LogId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> Result<Vec<Entry>, Error> {
    let range = doc! { "log": log_key(log), "seq": { "$gt": int(after), "$lte": int(upto) } };
    let mut found = list(db, log, range, 1, limit, bytes).await?;
    overlay::hide(db, &mut found).await?;
    Ok(found)
}

pub(super) async fn entry(db: &Collections, log: LogId, seq: u64) -> Result<Option<Entry>, Error> {
    let of = doc! { "log": log_key(log), "seq": int(seq) };
    one(db, log, of, index::ENTRY_SEQ).await
}

/// Those of these entries that are there, as they lie there.
pub(super) async fn entries_at(
    db: &Collections,
    log: LogId,
    seqs: &[u64],
) -> Result<Vec<Entry>, Error> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let seqs: Vec<i64> = seqs.iter().map(|seq| int(*seq)).collect();
    let of = doc! { "log": log_key(log), "seq": { "$in": seqs } };
    list(db, log, of, 1, usize::MAX, usize::MAX).await
}

pub(super) async fn entry_by_txn(
    db: &Collections,
    log: LogId,
    from: UserId,
    txn: &Txn,
) -> Result<Option<Entry>, Error> {
    let of = doc! { "log": log_key(log), "from": user_uuid(from), "txn": txn.as_str() };
    one(db, log, of, index::ENTRY_TXN).await
}

async fn one(
    db: &Collections,
    log: LogId,
    of: Document,
    index: &str,
) -> Result<Option<Entry>, Error> {
    let found = within(db.entries.find_one(of).hint(by(index))).await;
    let found = found.map_err(store_error)?;
    let mut found = found.map(|doc| doc.entry(log)).transpose()?;
    if let Some(entry) = &mut found {
        overlay::hide(db, std::slice::from_mut(entry)).await?;
    }
    Ok(found)
}

pub(super) async fn messages(
    db: &Collections,
    room: RoomId,
    page: Page,
    floor: u64,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    match page {
        Page::Before(seq) => messages_before(db, room, seq, floor, limit).await,
        Page::After(seq) => {
            let from = seq.saturating_add(1).max(floor);
            messages_from(db, room, from, limit).await
        }
        // Messages stay what and where they are, so the two halves fit without being of one moment.
        Page::Around(seq) => {
            let mut page = messages_before(db, room, seq, floor, limit / 2).await?;
            let rest = limit - page.len();
            page.extend(messages_from(db, room, seq.max(floor), rest).await?);
            Ok(page)
        }
    }
}

async fn messages_before(
    db: &Collections,
    room: RoomId,
    before: u64,
    floor: u64,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let log = LogId::Room(room);
    let range = doc! { "$gte": int(floor), "$lt": int(before) };
    let of = doc! { "log": log_key(log), "seq": range, "kind": "message" };
    let mut page = list(db, log, of, -1, limit, usize::MAX).await?;
    overlay::lay(db, &mut page).await?;
    page.reverse();
    Ok(page)
}

async fn messages_from(
    db: &Collections,
    room: RoomId,
    from: u64,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let log = LogId::Room(room);
    let of = doc! { "log": log_key(log), "seq": { "$gte": int(from) }, "kind": "message" };
    let mut page = list(db, log, of, 1, limit, usize::MAX).await?;
    overlay::lay(db, &mut page).await?;
    Ok(page)
}

/// Entries of a log by `seq`, as they lie there, until one of the limits is reached; `bytes` counts their text.
async fn list(
    db: &Collections,
    log: LogId,
    of: Document,
    direction: i32,
    limit: usize,
    bytes: usize,
) -> Result<Vec<Entry>, Error> {
    let docs = documents(db, of, direction, limit, bytes).await?;
    docs.into_iter().map(|doc| doc.entry(log)).collect()
}

/// The same, as they lie there.
pub(super) async fn documents(
    db: &Collections,
    of: Document,
    direction: i32,
    limit: usize,
    bytes: usize,
) -> Result<Vec<EntryDoc>, Error> {
    let mut docs = Vec::new();
    if limit == 0 {
        return Ok(docs);
    }
    let mut find = db
        .entries
        .find(of)
        .sort(doc! { "seq": direction })
        .hint(by(index::ENTRY_SEQ));
    if let Ok(limit) = i32::try_from(limit) {
        find = find.limit(limit.into());
    }
    let mut cursor = within(find).await.map_err(store_error)?;
    let mut size = 0;
    while within(cursor.advance()).await.map_err(store_error)? {
        let doc = cursor.deserialize_current().map_err(store_error)?;
        size += doc.data.len();
        docs.push(doc);
        if size > bytes {
            break;
        }
    }
    Ok(docs)
}

pub(super) async fn load_room(db: &Collections, id: RoomId) -> Result<Option<RoomState>, Error> {
    let (room, members, sanctions, head) = snapshot!(db, session => room_then(db, session, id));
    let Some(room) = room else { return Ok(None) };
    let members = members.into_iter().map(TryInto::try_into);
    let sanctions = sanctions.into_iter().map(TryInto::try_into);
    Ok(Some(RoomState {
        room: room.try_into()?,
        members: members.collect::<Result<_, Error>>()?,
        sanctions: sanctions.collect::<Result<_, Error>>()?,
        head: head.map_or(Ok(Head::default()), |doc| doc.head())?,
    }))
}

type RoomDocs = (
    Option<RoomDoc>,
    Vec<MemberDoc>,
    Vec<SanctionDoc>,
    Option<HeadDoc>,
);

async fn room_then(db: &Collections, session: &mut ClientSession, id: RoomId) -> Answer<RoomDocs> {
    let uuid = room_uuid(id);
    let find = db
        .rooms
        .find_one(doc! { "_id": uuid })
        .session(&mut *session);
    let Some(room) = within(find).await? else {
        return Ok((None, Vec::new(), Vec::new(), None));
    };
    let members = members_then(&db.members, session, doc! { "room": uuid }).await?;
    let sanctions = moderation::sanctions_in_then(db, session, id).await?;
    let head = head_then(db, session, LogId::Room(id)).await?;
    Ok((Some(room), members, sanctions, head))
}

async fn members_then(
    members: &Collection<MemberDoc>,
    session: &mut ClientSession,
    of: Document,
) -> Answer<Vec<MemberDoc>> {
    let find = members
        .find(of)
        .sort(doc! { "user": 1 })
        .hint(by(index::MEMBER_ROOM))
        .session(&mut *session);
    let mut cursor = within(find.into_future()).await?;
    let mut found = Vec::new();
    while within(cursor.advance(session)).await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

pub(super) async fn load_user(db: &Collections, id: UserId) -> Result<Option<UserState>, Error> {
    let (user, sanctions, head) = snapshot!(db, session => user_then(db, session, id));
    let Some(user) = user else { return Ok(None) };
    let sanctions = sanctions.into_iter().map(TryInto::try_into);
    Ok(Some(UserState {
        user: user.try_into()?,
        sanctions: sanctions.collect::<Result<_, Error>>()?,
        head: head.map_or(Ok(Head::default()), |doc| doc.head())?,
    }))
}

async fn user_then(
    db: &Collections,
    session: &mut ClientSession,
    id: UserId,
) -> Answer<(Option<UserDoc>, Vec<SanctionDoc>, Option<HeadDoc>)> {
    let find = db
        .users
        .find_one(doc! { "_id": user_uuid(id) })
        .session(&mut *session);
    let Some(user) = within(find).await? else {
        return Ok((None, Vec::new(), None));
    };
    let sanctions = moderation::sanctions_of_then(db, session, id).await?;
    let head = head_then(db, session, LogId::User(id)).await?;
    Ok((Some(user), sanctions, head))
}

pub(super) async fn load_control(db: &Collections) -> Result<ControlState, Error> {
    let (head, act, policy) = snapshot!(db, session => control_then(db, session));
    let head = head.map_or(Ok(Head::default()), |doc| doc.head())?;
    let hash = match act.map(|doc| doc.entry(LogId::Control)).transpose() {
        Ok(last) => plain::hash_of(last),
        Err(e) => plain::hash_of_damaged(&e),
    };
    let policy = moderation::policy(policy)?;
    Ok(ControlState { head, hash, policy })
}

async fn control_then(
    db: &Collections,
    session: &mut ClientSession,
) -> Answer<(Option<HeadDoc>, Option<EntryDoc>, PolicyDocs)> {
    let head = head_then(db, session, LogId::Control).await?;
    let find = db
        .entries
        .find_one(doc! { "log": log_key(LogId::Control), "kind": "act" })
        .sort(doc! { "seq": -1 })
        .hint(by(index::ENTRY_SEQ))
        .session(&mut *session);
    let act = within(find).await?;
    Ok((head, act, moderation::policy_then(db, session).await?))
}

/// Says which index a query takes, so that it does not depend on what the planner makes of it.
pub(super) fn by(index: &str) -> Hint {
    Hint::Name(index.to_owned())
}
