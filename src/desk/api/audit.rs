//! The control log, as it goes over these URLs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use crate::store::RawEntry;
use crate::{clock::Millis, model::Level};

/// One act of the control log, with the names of those in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditAct)]
pub struct Act {
    /// Its number.
    pub seq: u64,
    /// When; none when the row was damaged.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Millis>,
    /// What was done; none when the row does not read.
    pub act: Option<String>,
    /// Who did it.
    pub actor: Option<Actor>,
    /// What it was done to.
    pub target: Option<Target>,
    /// Before, after, reason; none where there is nothing more to say, or the row does not read.
    #[schema(value_type = Option<Object>)]
    pub detail: Value,
    /// The particulars that name a person.
    pub personal: BTreeMap<String, String>,
    /// Whether there were particulars that have been erased.
    pub erased: bool,
    /// What those are called whose ids are in `detail`, as far as they are known.
    pub names: BTreeMap<String, String>,
    /// Its hash.
    pub hash: String,
}

/// Who did something.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct Actor {
    /// By which door: `rest`, `ws`, `admin` or `server`.
    pub door: String,
    /// The account, when one acted.
    pub user: Option<Target>,
    /// The session.
    pub session: Option<String>,
    /// The address.
    pub address: Option<String>,
    /// The request's id, as in the server's log.
    pub request: Option<String>,
    /// The user of the operating system, as the kernel told.
    pub uid: Option<u32>,
    /// Their group.
    pub gid: Option<u32>,
    /// The process.
    pub pid: Option<i32>,
    /// What that user was called then.
    #[serde(default)]
    pub name: Option<String>,
    /// How much they might do over the admin socket then.
    #[serde(default)]
    pub level: Option<Level>,
    /// What the client said it ran.
    pub command: Option<String>,
    /// Who it said ran `sudo`.
    pub sudo_user: Option<String>,
}

/// What something was done to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTarget)]
pub struct Target {
    /// Its id.
    pub id: String,
    /// Its name, if it has one and is still there.
    pub name: Option<String>,
}

/// Rows of the control log as they lie in the store.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditRows)]
pub struct Rows {
    /// The rows.
    pub items: Vec<RawEntry>,
    /// The number of the log's last row.
    pub head: u64,
}

/// Where a moment is in the control log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditPosition)]
pub struct Position {
    /// The number of the first act at or after it.
    pub seq: u64,
}
