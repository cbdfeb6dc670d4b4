//! The collections and their indexes, and how an older store becomes this one.
//!
//! Steps are numbered ([`STEPS`]); each can be run again, so a start that was interrupted is finished by the
//! next. A lease that expires keeps two starting processes from running them at once (`lease`).

mod indexes;
mod lease;
mod validators;

use std::time::Duration;

use futures_util::future::BoxFuture;
use mongodb::{
    Client, Collection, Database,
    bson::{Binary, DateTime, Document, Uuid, doc},
};
use serde::{Deserialize, Serialize};

pub(super) use self::indexes::missing;
use self::lease::Lease;
use super::{
    documents::{
        AddressBanDoc, CodeDoc, EntryDoc, FileDoc, HoldDoc, KeyDoc, MemberDoc, MentionDoc,
        OverlayDoc, ReactionDoc, RedactionDoc, ReplyDoc, ReportDoc, RoleDoc, RoomDoc, RunDoc,
        SanctionDoc, SegmentDoc, SessionDoc, SettingDoc, UserDoc, binary, bytes, date,
    },
    fault::{code, store_error, within},
    members,
    presence::Presence,
};
use crate::{
    clock::{Clock, Millis},
    id::Epoch,
    store::Error,
};

/// A step from one schema to the next. It may take as long as it takes: the lease sees to it that it ends with
/// the connection.
type Step = for<'a> fn(&'a Collections, Millis) -> BoxFuture<'a, Result<(), Error>>;

/// What makes each schema of the one before it, beginning with nothing.
const STEPS: [Step; 14] = [
    |db, now| Box::pin(begin(db, now)),
    |db, _| Box::pin(async move { keep_order(db).await.map_err(store_error) }),
    |db, _| Box::pin(validators::add(db, validators::FIRST)),
    |db, _| Box::pin(async move { take_back(db).await.map_err(store_error) }),
    |db, _| Box::pin(archive(db)),
    |db, _| Box::pin(validators::add(db, validators::OVERLAY)),
    |db, _| Box::pin(members::have_read(db)),
    |db, _| Box::pin(reactions(db)),
    |db, _| Box::pin(async move { pins(db).await.map_err(store_error) }),
    |db, _| Box::pin(replies(db)),
    |db, _| Box::pin(mentions(db)),
    |db, _| Box::pin(files(db)),
    |db, _| Box::pin(async move { unread_mentions(db).await.map_err(store_error) }),
    |db, _| Box::pin(async move { file_sizes(db).await.map_err(store_error) }),
];

/// The newest schema: how many steps there are.
#[expect(clippy::cast_possible_truncation, reason = "there are a few")]
pub(super) const VERSION: u32 = STEPS.len() as u32;

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
    pub(in super::super) const OVERLAY_TARGET: &str = "room_target";
    pub(in super::super) const OVERLAY_UNERASED: &str = "unerased";
    pub(in super::super) const OVERLAY_REDACTION: &str = "redaction_room_target";
    pub(in super::super) const OVERLAY_PIN: &str = "room_pin_seq";
    pub(in super::super) const REACTION: &str = "room_target_emoji_seq";
    pub(in super::super) const REACTION_USER: &str = "room_user_target_emoji";
    pub(in super::super) const MENTION: &str = "whom_message";
    pub(in super::super) const MENTION_PLACE: &str = "whom_room_seq";
    pub(in super::super) const FILE_OWNER: &str = "owner_id";
    pub(in super::super) const FILE_PLACE: &str = "room_seq";
    pub(in super::super) const FILE_SIZE: &str = "size_id";
    pub(in super::super) const FILE_UNUSED: &str = "unused";
    pub(in super::super) const FILE_GONE: &str = "gone_at_id";
    pub(in super::super) const REPLY: &str = "room_target_seq";
    pub(in super::super) const SEGMENT: &str = "room_last";
    pub(in super::super) const KEY_AGE: &str = "created_at_id";
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
    pub(super) reactions: Collection<ReactionDoc>,
    pub(super) replies: Collection<ReplyDoc>,
    pub(super) mentions: Collection<MentionDoc>,
    pub(super) files: Collection<FileDoc>,
    pub(super) redactions: Collection<RedactionDoc>,
    pub(super) segments: Collection<SegmentDoc>,
    pub(super) runs: Collection<RunDoc>,
    pub(super) holds: Collection<HoldDoc>,
    pub(super) meta: Collection<Document>,
    /// Whether the database is there.
    pub(super) presence: Presence,
}

impl Collections {
    pub(super) fn new(client: Client, database: Database, presence: Presence) -> Self {
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
            reactions: database.collection("reactions"),
            replies: database.collection("replies"),
            mentions: database.collection("mentions"),
            files: database.collection("files"),
            redactions: database.collection("redactions"),
            segments: database.collection("segments"),
            runs: database.collection("runs"),
            holds: database.collection("holds"),
            meta: database.collection("meta"),
            client,
            database,
            presence,
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
    let mut said = false;
    while found(db).await? < VERSION {
        if let Some(lease) = Lease::take(db, clock).await? {
            let done = migrate(db, clock, &lease).await;
            let free = lease.release().await;
            done.and(free)?;
        } else {
            if !std::mem::replace(&mut said, true) {
                tracing::info!("waiting for another chatd, which brings the schema up to date");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    let none = || Error::Damaged("meta has no identity".into());
    identity(db).await?.ok_or_else(none)
}

/// Which incarnation a database is, once it is one.
pub(super) async fn epoch(db: &Collections) -> Result<Option<Epoch>, Error> {
    Ok(identity(db).await?.map(|identity| identity.epoch))
}

async fn identity(db: &Collections) -> Result<Option<Identity>, Error> {
    let found = within(db.meta.find_one(doc! { "_id": "identity" }))
        .await
        .map_err(store_error)?;
    let Some(doc) = found else { return Ok(None) };
    let IdentityDoc { epoch, secret, .. } = mongodb::bson::deserialize_from_document(doc)
        .map_err(|e| Error::Damaged(format!("meta has an identity that does not read: {e}")))?;
    Ok(Some(Identity {
        epoch: Epoch::from_bytes(epoch.bytes()),
        secret: bytes(&secret)?,
    }))
}

/// The schema's version; 0 for a database that is none of ours yet.
pub(super) async fn found(db: &Collections) -> Result<u32, Error> {
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

/// Runs the steps that are missing, as long as the lease is ours.
async fn migrate(db: &Collections, clock: &Clock, lease: &Lease<'_>) -> Result<(), Error> {
    let known = found(db).await?;
    for (version, step) in (1..).zip(STEPS).skip(known as usize) {
        if lease.hold(step(db, clock.now())).await?.is_none() {
            tracing::warn!("another chatd has taken over bringing the schema up to date");
            return Ok(());
        }
        // Never back, should we have been too slow.
        let reached = doc! { "$max": { "version": version } };
        let write = db.meta.update_one(doc! { "_id": "schema" }, reached);
        within(write.upsert(true)).await.map_err(store_error)?;
        if known > 0 {
            tracing::info!(
                schema = version,
                "the store's schema was brought up to date"
            );
        }
    }
    Ok(())
}

/// The first step.
async fn begin(db: &Collections, now: Millis) -> Result<(), Error> {
    validators::create(db, validators::FIRST).await?;
    make_collections(db, &["settings"])
        .await
        .map_err(store_error)?;
    indexes::create(db, indexes::first())
        .await
        .map_err(store_error)?;
    make_identity(db, now).await
}

/// The second step: roles, sanctions and reports.
async fn keep_order(db: &Collections) -> mongodb::error::Result<()> {
    make_collections(db, &["roles", "address_bans"]).await?;
    indexes::create(db, indexes::order()).await
}

/// The fourth step: what lies over messages, and redactions.
async fn take_back(db: &Collections) -> mongodb::error::Result<()> {
    make_collections(db, &["redactions"]).await?;
    indexes::create(db, indexes::overlay()).await
}

/// The fifth step: the archive.
async fn archive(db: &Collections) -> Result<(), Error> {
    validators::create(db, validators::ARCHIVE).await?;
    make_collections(db, &["runs", "holds"])
        .await
        .map_err(store_error)?;
    indexes::create(db, indexes::archive())
        .await
        .map_err(store_error)
}

/// The eighth step: how people react to messages.
async fn reactions(db: &Collections) -> Result<(), Error> {
    validators::create(db, validators::REACTIONS).await?;
    indexes::create(db, indexes::reactions())
        .await
        .map_err(store_error)
}

/// The ninth step: what is pinned.
async fn pins(db: &Collections) -> mongodb::error::Result<()> {
    indexes::create(db, indexes::pins()).await
}

/// The tenth step: what answers which message.
async fn replies(db: &Collections) -> Result<(), Error> {
    validators::create(db, validators::REPLIES).await?;
    indexes::create(db, indexes::replies())
        .await
        .map_err(store_error)
}

/// The eleventh step: where who was mentioned.
async fn mentions(db: &Collections) -> Result<(), Error> {
    validators::create(db, validators::MENTIONS).await?;
    indexes::create(db, indexes::mentions())
        .await
        .map_err(store_error)
}

/// The twelfth step: what is known of files.
async fn files(db: &Collections) -> Result<(), Error> {
    validators::create(db, validators::FILES).await?;
    indexes::create(db, indexes::files())
        .await
        .map_err(store_error)
}

/// The thirteenth step: which mentions are unread.
async fn unread_mentions(db: &Collections) -> mongodb::error::Result<()> {
    indexes::create(db, indexes::mention_places()).await
}

/// The fourteenth step: the largest files first.
async fn file_sizes(db: &Collections) -> mongodb::error::Result<()> {
    indexes::create(db, indexes::file_sizes()).await
}

/// Makes collections that have no index of their own; a transaction should not be what makes them.
async fn make_collections(db: &Collections, names: &[&str]) -> mongodb::error::Result<()> {
    for name in names {
        if let Err(fault) = db.database.create_collection(*name).await
            && code(&fault) != Some(EXISTS)
        {
            return Err(fault);
        }
    }
    Ok(())
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
