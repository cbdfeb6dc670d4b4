//! The collections and their indexes, and how an older store becomes this one.
//!
//! Steps are numbered; each can be run again, so a start that was interrupted is finished by the next. A
//! lease that expires keeps two starting processes from running them at once.

use std::time::Duration;

use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Binary, DateTime, Document, Uuid, doc},
    options::{IndexOptions, ReturnDocument},
};
use serde::{Deserialize, Serialize};

use super::{
    documents::{
        AddressBanDoc, CodeDoc, EntryDoc, KeyDoc, MemberDoc, OverlayDoc, RedactionDoc, ReportDoc,
        RoleDoc, RoomDoc, SanctionDoc, SessionDoc, SettingDoc, UserDoc, binary, bytes, date,
    },
    fault::{code, is_duplicate, store_error, within},
    overlay,
};
use crate::{
    clock::{Clock, Millis},
    id::Epoch,
    store::Error,
};

/// The newest schema: how many steps there are.
pub(super) const VERSION: u32 = 3;

/// How long a process that runs the steps may be silent before another takes over.
const LEASE: Duration = Duration::from_mins(1);
/// The server's code for a collection that is there already.
const EXISTS: i32 = 48;
/// How often who waits for the lease looks again.
const LOOK: Duration = Duration::from_millis(250);

/// The names of indexes that a query is told to use.
pub(super) mod index {
    pub(in super::super) const ENTRY_SEQ: &str = "log_seq";
    pub(in super::super) const ENTRY_TXN: &str = "log_from_txn";
    pub(in super::super) const USER_NAME: &str = "name";
    pub(in super::super) const LOGIN_EMAIL: &str = "login_email";
    pub(in super::super) const ROOM_NAME: &str = "name_id";
    pub(in super::super) const PUBLIC_NAME: &str = "public_name";
    pub(in super::super) const ROOM_DELETED: &str = "deleted_at";
    pub(in super::super) const MEMBER_ROOM: &str = "room_user";
    pub(in super::super) const MEMBER_USER: &str = "user_room";
    pub(in super::super) const SESSION_USER: &str = "user_created_at";
    pub(in super::super) const SESSION_ENDED: &str = "ended_at";
    pub(in super::super) const CODE_USER: &str = "user";
    pub(in super::super) const CODE_KIND: &str = "kind_room_created_at";
    pub(in super::super) const USER_ROLE: &str = "role_status";
    pub(in super::super) const SANCTION: &str = "room_user_kind";
    pub(in super::super) const REPORT_ONCE: &str = "room_seq_by";
    pub(in super::super) const REPORT_STATE: &str = "state_id";
    pub(in super::super) const REPORT_ROOM: &str = "room_state_id";
    pub(in super::super) const KEY_AGE: &str = "created_at_id";
    pub(in super::super) const OVERLAY_TARGET: &str = "room_target";
    pub(in super::super) const OVERLAY_UNERASED: &str = "unerased";
    pub(in super::super) const OVERLAY_REDACTION: &str = "redaction_room_target";
    pub(in super::super) const ID: &str = "_id_";
}

/// Every collection.
#[derive(Clone, Debug)]
pub(super) struct Collections {
    pub(super) client: Client,
    pub(super) database: Database,
    pub(super) entries: Collection<EntryDoc>,
    pub(super) users: Collection<UserDoc>,
    pub(super) rooms: Collection<RoomDoc>,
    pub(super) members: Collection<MemberDoc>,
    pub(super) sessions: Collection<SessionDoc>,
    pub(super) codes: Collection<CodeDoc>,
    pub(super) keys: Collection<KeyDoc>,
    pub(super) settings: Collection<SettingDoc>,
    pub(super) roles: Collection<RoleDoc>,
    pub(super) sanctions: Collection<SanctionDoc>,
    pub(super) address_bans: Collection<AddressBanDoc>,
    pub(super) reports: Collection<ReportDoc>,
    pub(super) overlay: Collection<OverlayDoc>,
    pub(super) redactions: Collection<RedactionDoc>,
    pub(super) meta: Collection<Document>,
}

impl Collections {
    pub(super) fn new(client: Client, database: Database) -> Self {
        Self {
            entries: database.collection("entries"),
            users: database.collection("users"),
            rooms: database.collection("rooms"),
            members: database.collection("members"),
            sessions: database.collection("sessions"),
            codes: database.collection("codes"),
            keys: database.collection("keys"),
            settings: database.collection("settings"),
            roles: database.collection("roles"),
            sanctions: database.collection("sanctions"),
            address_bans: database.collection("address_bans"),
            reports: database.collection("reports"),
            overlay: database.collection("overlay"),
            redactions: database.collection("redactions"),
            meta: database.collection("meta"),
            client,
            database,
        }
    }
}

/// What was made with the store and stays with it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) epoch: Epoch,
    pub(super) secret: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct IdentityDoc {
    #[serde(rename = "_id")]
    id: String,
    epoch: Uuid,
    secret: Binary,
    created_at: DateTime,
}

/// Brings the database to the newest schema, and reads its identity; makes one for a new store.
pub(super) async fn prepare(db: &Collections, clock: &Clock) -> Result<Identity, Error> {
    while found(db).await? < VERSION {
        if take_lease(db, clock.now()).await? {
            let done = migrate(db, clock.now()).await;
            let free = within(db.meta.delete_one(doc! { "_id": "lease" })).await;
            done?;
            free.map_err(store_error)?;
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
    let doc = within(db.meta.find_one(doc! { "_id": "identity" }))
        .await
        .map_err(store_error)?
        .ok_or_else(|| Error::Damaged("meta has no identity".into()))?;
    let IdentityDoc { epoch, secret, .. } = mongodb::bson::deserialize_from_document(doc)
        .map_err(|e| Error::Damaged(format!("meta has an identity that does not read: {e}")))?;
    Ok(Identity {
        epoch: Epoch::from_bytes(epoch.bytes()),
        secret: bytes(&secret)?,
    })
}

/// The schema's version; 0 for a database that is none of ours yet.
async fn found(db: &Collections) -> Result<u32, Error> {
    let schema = within(db.meta.find_one(doc! { "_id": "schema" }))
        .await
        .map_err(store_error)?;
    let Some(schema) = schema else { return Ok(0) };
    let version = schema.get_i32("version").ok();
    let found = version
        .and_then(|v| u32::try_from(v).ok())
        .ok_or_else(|| Error::Damaged("meta has a schema version that is no number".into()))?;
    if found > VERSION {
        let known = VERSION;
        return Err(Error::Newer { found, known });
    }
    Ok(found)
}

/// Takes the lease if nobody has it. The clocks of two machines may differ by less than [`LEASE`].
async fn take_lease(db: &Collections, now: Millis) -> Result<bool, Error> {
    let until = date(now.plus(LEASE));
    let holder = i64::from(std::process::id());
    let expired = doc! { "_id": "lease", "until": { "$lt": date(now) } };
    let ours = doc! { "$set": { "until": until, "process": holder } };
    let taken = db
        .meta
        .find_one_and_update(expired, ours)
        .upsert(true)
        .return_document(ReturnDocument::After);
    match within(taken).await {
        Ok(_) => Ok(true),
        Err(fault) if is_duplicate(&fault) => Ok(false),
        Err(fault) => Err(store_error(fault)),
    }
}

/// Runs the steps that are missing.
async fn migrate(db: &Collections, now: Millis) -> Result<(), Error> {
    let found = found(db).await?;
    for step in found + 1..=VERSION {
        run_step(db, step, now).await?;
        let version = doc! { "$set": { "version": i32::try_from(step).unwrap_or(i32::MAX) } };
        within(
            db.meta
                .update_one(doc! { "_id": "schema" }, version)
                .upsert(true),
        )
        .await
        .map_err(store_error)?;
        if found > 0 {
            tracing::info!(schema = step, "the store's schema was brought up to date");
        }
    }
    Ok(())
}

/// What each step does; a step can be run again.
async fn run_step(db: &Collections, step: u32, now: Millis) -> Result<(), Error> {
    match step {
        1 | 2 => {
            make_indexes(db).await.map_err(store_error)?;
            make_identity(db, now).await
        }
        _ => overlay::make_collections(db).await.map_err(store_error),
    }
}

async fn make_indexes(db: &Collections) -> mongodb::error::Result<()> {
    // Collections without an index of their own; a transaction should not be what makes them.
    for name in ["settings", "roles", "address_bans"] {
        if let Err(fault) = within(db.database.create_collection(name)).await
            && code(&fault) != Some(EXISTS)
        {
            return Err(fault);
        }
    }
    let there = |field: &str| doc! { field: { "$gt": "" } };
    let ended = doc! { "ended_at": { "$gt": DateTime::from_millis(0) } };
    let deleted = doc! { "deleted_at": { "$gt": DateTime::from_millis(0) } };
    create(
        &db.entries,
        [
            unique(index::ENTRY_SEQ, doc! { "log": 1, "seq": 1 }, None),
            unique(
                index::ENTRY_TXN,
                doc! { "log": 1, "from": 1, "txn": 1 },
                Some(there("txn")),
            ),
        ],
    )
    .await?;
    create(
        &db.users,
        [
            unique(index::USER_NAME, doc! { "name": 1 }, None),
            plain(index::USER_ROLE, doc! { "role": 1, "status": 1 }, None),
            unique(
                index::LOGIN_EMAIL,
                doc! { "login_email": 1 },
                Some(there("login_email")),
            ),
        ],
    )
    .await?;
    create(
        &db.rooms,
        [
            unique(
                index::PUBLIC_NAME,
                doc! { "public_name": 1 },
                Some(there("public_name")),
            ),
            plain(index::ROOM_NAME, doc! { "name": 1, "_id": 1 }, None),
            plain(index::ROOM_DELETED, doc! { "deleted_at": 1 }, Some(deleted)),
        ],
    )
    .await?;
    create(
        &db.members,
        [
            unique(index::MEMBER_ROOM, doc! { "room": 1, "user": 1 }, None),
            plain(index::MEMBER_USER, doc! { "user": 1, "room": 1 }, None),
        ],
    )
    .await?;
    create(
        &db.sessions,
        [
            plain(
                index::SESSION_USER,
                doc! { "user": 1, "created_at": -1, "_id": -1 },
                None,
            ),
            plain(index::SESSION_ENDED, doc! { "ended_at": 1 }, Some(ended)),
        ],
    )
    .await?;
    create(
        &db.codes,
        [
            plain(index::CODE_USER, doc! { "user": 1 }, None),
            plain(
                index::CODE_KIND,
                doc! { "kind": 1, "room": 1, "created_at": -1 },
                None,
            ),
        ],
    )
    .await?;
    create(
        &db.sanctions,
        [unique(
            index::SANCTION,
            doc! { "room": 1, "user": 1, "kind": 1 },
            None,
        )],
    )
    .await?;
    create(
        &db.reports,
        [
            unique(
                index::REPORT_ONCE,
                doc! { "room": 1, "seq": 1, "by": 1 },
                None,
            ),
            plain(index::REPORT_STATE, doc! { "state": 1, "_id": -1 }, None),
            plain(
                index::REPORT_ROOM,
                doc! { "room": 1, "state": 1, "_id": -1 },
                None,
            ),
        ],
    )
    .await?;
    create(
        &db.keys,
        [plain(
            index::KEY_AGE,
            doc! { "created_at": 1, "_id": 1 },
            None,
        )],
    )
    .await
}

pub(super) async fn create<T: Send + Sync>(
    collection: &Collection<T>,
    indexes: impl IntoIterator<Item = IndexModel>,
) -> mongodb::error::Result<()> {
    within(collection.create_indexes(indexes)).await.map(drop)
}

pub(super) fn unique(name: &str, keys: Document, filter: Option<Document>) -> IndexModel {
    let mut index = plain(name, keys, filter);
    if let Some(options) = &mut index.options {
        options.unique = Some(true);
    }
    index
}

pub(super) fn plain(name: &str, keys: Document, filter: Option<Document>) -> IndexModel {
    let mut options = IndexOptions::default();
    options.name = Some(name.to_owned());
    options.partial_filter_expression = filter;
    IndexModel::builder().keys(keys).options(options).build()
}

async fn make_identity(db: &Collections, now: Millis) -> Result<(), Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| Error::Unavailable(format!("no randomness: {e}")))?;
    let identity = doc! {
        "epoch": Uuid::from_bytes(*Epoch::new(now).as_bytes()),
        "secret": binary(&secret),
        "created_at": date(now),
    };
    let made = db
        .meta
        .update_one(
            doc! { "_id": "identity" },
            doc! { "$setOnInsert": identity },
        )
        .upsert(true);
    within(made).await.map(drop).map_err(store_error)
}
