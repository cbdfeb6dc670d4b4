//! One write to a record, inside a transaction.
//!
//! A taken key ends a transaction, so what may be taken is looked for before; the transaction sees one
//! moment and its own writes. If somebody else takes it after that moment, the transaction is tried again.

use mongodb::{
    ClientSession, Collection,
    bson::{Document, Uuid, doc},
    error::{Error as Fault, Result as Answer},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    archive,
    documents::{
        AddressBanDoc, CodeDoc, HoldDoc, KeyDoc, ReportDoc, RoleDoc, RoomDoc, RunDoc, SanctionDoc,
        SessionDoc, SettingDoc, UserDoc, binary, date, hold_uuid, int, log_key, room_uuid,
        session_uuid, user_uuid,
    },
    fault::{is_duplicate, within},
    files,
    logs::by,
    members, overlay,
    schema::{Collections, index},
    transact::Halt,
};
use crate::{
    clock::Millis,
    id::{Epoch, LogId, RoomId, SessionId, UserId},
    model::{SanctionKind, Session},
    store::{Outcome, Write, payload},
};

/// Makes one write.
#[expect(clippy::too_many_lines, reason = "an arm for each write there is")]
pub(super) async fn apply(
    db: &Collections,
    session: &mut ClientSession,
    write: &Write,
) -> Result<(), Halt> {
    match write {
        Write::InsertUser(user) => put_user(db, session, &user.into(), true).await,
        Write::UpdateUser(user) => put_user(db, session, &user.into(), false).await,
        Write::InsertRoom(room) => put_room(db, session, &room.into(), true).await,
        Write::UpdateRoom(room) => put_room(db, session, &room.into(), false).await,
        Write::PutMember(member) => members::put(db, session, member).await,
        Write::Read(reads) => members::read(db, session, reads).await,
        Write::MoveOn(on) => members::move_on(db, session, on).await,
        Write::DeleteMember(room, user) => {
            let of = doc! { "room": room_uuid(*room), "user": user_uuid(*user) };
            within(db.members.delete_one(of).session(session)).await?;
            Ok(())
        }
        Write::InsertSession(new) => insert(&db.sessions, session, &SessionDoc::from(new)).await,
        Write::UpdateSession(new) => update_session(db, session, new).await,
        Write::EndSessions { user, except, at } => {
            end_sessions(db, session, *user, *except, *at).await
        }
        Write::DeleteSessions(user) => {
            let of = doc! { "user": user_uuid(*user) };
            let gone = db.sessions.delete_many(of).hint(by(index::SESSION_USER));
            within(gone.session(session)).await?;
            Ok(())
        }
        Write::ErasePersonal(seq) => erase_personal(db, session, *seq).await,
        Write::InsertCode(code) => insert(&db.codes, session, &CodeDoc::from(code)).await,
        Write::TakeCode(hash) => {
            let of = doc! { "_id": binary(hash) };
            let used = doc! { "$inc": { "uses": -1 } };
            let taken = db.codes.update_one(of.clone(), used).hint(by(index::ID));
            expect_one(within(taken.session(&mut *session)).await?.matched_count)?;
            let mut spent = of;
            spent.insert("uses", doc! { "$lt": 1 });
            let spent = db.codes.delete_one(spent).hint(by(index::ID));
            within(spent.session(session)).await?;
            Ok(())
        }
        Write::DeleteCode(hash) => {
            let of = doc! { "_id": binary(hash) };
            let gone = within(db.codes.delete_one(of).session(session)).await?;
            expect_one(gone.deleted_count)
        }
        Write::DeleteCodes(user) => {
            let of = doc! { "user": user_uuid(*user) };
            let voided = db.codes.delete_many(of).hint(by(index::CODE_USER));
            within(voided.session(session)).await?;
            Ok(())
        }
        Write::PutKey(key) => {
            let of = doc! { "_id": &key.kid };
            put(&db.keys, session, of, &KeyDoc::from(key)).await
        }
        Write::PutSetting(name, value) => {
            let (name, value) = (name.clone(), value.clone());
            let of = doc! { "_id": &name };
            put(&db.settings, session, of, &SettingDoc { name, value }).await
        }
        Write::PutRedaction(redaction) => {
            let (of, doc) = overlay::redaction_doc(redaction)?;
            put(&db.redactions, session, of, &doc).await
        }
        Write::Edit(_)
        | Write::Delete(_)
        | Write::Restore { .. }
        | Write::Erase { .. }
        | Write::EraseEdit { .. }
        | Write::React(_)
        | Write::Unreact { .. }
        | Write::EraseReaction { .. }
        | Write::Pin(_)
        | Write::Unpin { .. }
        | Write::Reply { .. }
        | Write::Mention(_) => overlay::apply(db, session, write).await,
        Write::InsertSegment(..)
        | Write::RewriteSegment(..)
        | Write::UpdateSegment(_)
        | Write::DeleteSegment { .. }
        | Write::DeleteLive { .. }
        | Write::InsertLive { .. } => archive::apply(db, session, write).await,
        Write::PutRun(run) => {
            let run = RunDoc::try_from(run)?;
            put(&db.runs, session, doc! { "_id": run.id }, &run).await
        }
        Write::InsertFile(_)
        | Write::AttachFile { .. }
        | Write::DropFile { .. }
        | Write::DeleteFile(_) => files::apply(db, session, write).await,
        Write::PutHold(hold) => {
            let hold = HoldDoc::from(hold);
            put(&db.holds, session, doc! { "_id": hold.id }, &hold).await
        }
        Write::DeleteHold(id) => {
            let of = doc! { "_id": hold_uuid(*id) };
            within(db.holds.delete_one(of).session(session)).await?;
            Ok(())
        }
        Write::PutRole(role) => {
            let of = doc! { "_id": role.name.as_str() };
            put(&db.roles, session, of, &RoleDoc::from(role)).await
        }
        Write::DeleteRole(name) => {
            let of = doc! { "_id": name.as_str() };
            within(db.roles.delete_one(of).session(session)).await?;
            Ok(())
        }
        Write::PutSanction(s) => {
            let of = sanction_key(s.kind, s.user, s.room);
            put(&db.sanctions, session, of, &SanctionDoc::from(s)).await
        }
        Write::DeleteSanction { kind, user, room } => {
            let of = sanction_key(*kind, *user, *room);
            within(db.sanctions.delete_one(of).session(session)).await?;
            Ok(())
        }
        Write::PutAddressBan(ban) => {
            let of = doc! { "_id": ban.network.to_string() };
            put(&db.address_bans, session, of, &AddressBanDoc::from(ban)).await
        }
        Write::DeleteAddressBan(network) => {
            let of = doc! { "_id": network.to_string() };
            within(db.address_bans.delete_one(of).session(session)).await?;
            Ok(())
        }
        Write::InsertReport(report) => insert_report(db, session, &report.into()).await,
        Write::UpdateReport(report) => {
            let report = ReportDoc::from(report);
            let replaced = db
                .reports
                .replace_one(doc! { "_id": report.id, "state": "open" }, &report)
                .session(session);
            expect_one(within(replaced).await?.matched_count)
        }
        Write::SetEpoch(epoch) => set_epoch(db, session, *epoch).await,
    }
}

fn sanction_key(kind: SanctionKind, user: UserId, room: Option<RoomId>) -> Document {
    doc! { "room": room.map(room_uuid), "user": user_uuid(user), "kind": kind.as_str() }
}

async fn erase_personal(
    db: &Collections,
    session: &mut ClientSession,
    seq: u64,
) -> Result<(), Halt> {
    let of = doc! { "log": log_key(LogId::Control), "seq": int(seq) };
    let find = db
        .entries
        .find_one(of.clone())
        .hint(by(index::ENTRY_SEQ))
        .session(&mut *session);
    let Some(entry) = within(find).await? else {
        return Ok(());
    };
    if let Some(bare) = payload::without_personal(&entry.data) {
        let bare = doc! { "$set": { "data": bare } };
        let erased = db.entries.update_one(of, bare).hint(by(index::ENTRY_SEQ));
        within(erased.session(session)).await?;
    }
    Ok(())
}

/// A report; one person reports a message once.
async fn insert_report(
    db: &Collections,
    session: &mut ClientSession,
    report: &ReportDoc,
) -> Result<(), Halt> {
    let of = doc! { "room": report.room, "seq": report.seq, "by": report.by };
    if holder(&db.reports, session, of).await?.is_some() {
        return Err(Halt::Not(Outcome::Exists("report")));
    }
    if holder(&db.reports, session, doc! { "_id": report.id })
        .await?
        .is_some()
    {
        return stale();
    }
    within(db.reports.insert_one(report).session(session))
        .await
        .map(drop)
        .map_err(again)
}

async fn set_epoch(
    db: &Collections,
    session: &mut ClientSession,
    epoch: Epoch,
) -> Result<(), Halt> {
    let set = doc! { "$set": { "epoch": Uuid::from_bytes(*epoch.as_bytes()) } };
    let identity = doc! { "_id": "identity" };
    within(db.meta.update_one(identity, set).session(session)).await?;
    Ok(())
}

/// An account, new or not. `Exists` comes before `Stale` for a new one, and after it for an old one.
async fn put_user(
    db: &Collections,
    session: &mut ClientSession,
    user: &UserDoc,
    new: bool,
) -> Result<(), Halt> {
    let known = holder(&db.users, session, doc! { "_id": user.id })
        .await?
        .is_some();
    if !new && !known {
        return stale();
    }
    let mut unique = vec![("username", doc! { "name": &user.name })];
    if let Some(email) = &user.login_email {
        unique.push(("email", doc! { "login_email": email }));
    }
    for (what, of) in unique {
        let holder = holder(&db.users, session, of).await?;
        if holder.is_some_and(|id| id != user.id) {
            return Err(Halt::Not(Outcome::Exists(what)));
        }
    }
    put_checked(&db.users, session, user.id, user, (new, known)).await
}

/// A room, as [`put_user`].
async fn put_room(
    db: &Collections,
    session: &mut ClientSession,
    room: &RoomDoc,
    new: bool,
) -> Result<(), Halt> {
    let known = holder(&db.rooms, session, doc! { "_id": room.id })
        .await?
        .is_some();
    if !new && !known {
        return stale();
    }
    if let Some(name) = &room.public_name {
        let holder = holder(&db.rooms, session, doc! { "public_name": name }).await?;
        if holder.is_some_and(|id| id != room.id) {
            return Err(Halt::Not(Outcome::Exists("room name")));
        }
    }
    put_checked(&db.rooms, session, room.id, room, (new, known)).await
}

/// The id of the document that a filter finds.
async fn holder<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    session: &mut ClientSession,
    of: Document,
) -> Answer<Option<Uuid>> {
    let ids = collection.clone_with_type::<Id>();
    let find = ids
        .find_one(of)
        .projection(doc! { "_id": 1 })
        .session(session);
    Ok(within(find).await?.map(|found| found.id))
}

#[derive(serde::Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: Uuid,
}

async fn put_checked<T: Serialize + Send + Sync>(
    collection: &Collection<T>,
    session: &mut ClientSession,
    id: Uuid,
    document: &T,
    (new, known): (bool, bool),
) -> Result<(), Halt> {
    if new && known {
        return stale();
    }
    let done = if new {
        within(collection.insert_one(document).session(session))
            .await
            .map(drop)
    } else {
        let replaced = collection
            .replace_one(doc! { "_id": id }, document)
            .session(session);
        within(replaced).await.map(drop)
    };
    done.map_err(again)
}

/// A document whose `_id` must be new.
pub(super) async fn insert<T: Serialize + Send + Sync>(
    collection: &Collection<T>,
    session: &mut ClientSession,
    document: &T,
) -> Result<(), Halt> {
    match within(collection.insert_one(document).session(session)).await {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => stale(),
        Err(fault) => Err(fault.into()),
    }
}

/// A document as it is from now on, new or not.
async fn put<T: Serialize + Send + Sync>(
    collection: &Collection<T>,
    session: &mut ClientSession,
    of: Document,
    document: &T,
) -> Result<(), Halt> {
    let replaced = collection
        .replace_one(of, document)
        .upsert(true)
        .session(session);
    within(replaced).await.map(drop).map_err(again)
}

async fn update_session(
    db: &Collections,
    session: &mut ClientSession,
    new: &Session,
) -> Result<(), Halt> {
    let of = doc! { "_id": session_uuid(new.id), "version": int(new.version) - 1 };
    let document = SessionDoc::from(new);
    let replaced = db
        .sessions
        .replace_one(of, &document)
        .hint(by(index::ID))
        .session(session);
    expect_one(within(replaced).await?.matched_count)
}

async fn end_sessions(
    db: &Collections,
    session: &mut ClientSession,
    user: UserId,
    except: Option<SessionId>,
    at: Millis,
) -> Result<(), Halt> {
    let mut of = doc! { "user": user_uuid(user), "ended_at": null };
    if let Some(except) = except {
        of.insert("_id", doc! { "$ne": session_uuid(except) });
    }
    // Versions are raised: whoever is about to refresh such a session is stale.
    let ended = doc! { "$set": { "ended_at": date(at) }, "$inc": { "version": 1_i64 } };
    let open = by(index::SESSION_USER);
    within(
        db.sessions
            .update_many(of, ended)
            .hint(open)
            .session(session),
    )
    .await?;
    Ok(())
}

/// A write of one document: none written is a record that was not as expected.
pub(super) fn expect_one(count: u64) -> Result<(), Halt> {
    if count == 0 { stale() } else { Ok(()) }
}

pub(super) fn stale<T>() -> Result<T, Halt> {
    Err(Halt::Not(Outcome::Stale))
}

pub(super) fn again(fault: Fault) -> Halt {
    if is_duplicate(&fault) {
        Halt::Again
    } else {
        Halt::Broken(fault)
    }
}
