//! Sanctions, banned addresses and reports.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{clock::Millis, model::SanctionKind};

/// That somebody is muted or banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sanction {
    /// What it takes away.
    pub kind: SanctionKind,
    /// The person's id.
    pub user: String,
    /// Their name.
    pub name: Option<String>,
    /// The room's id; none for everywhere.
    pub room: Option<String>,
    /// Until when; none for good.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why.
    pub reason: Option<String>,
    /// The name of who decided, or their id; none when an operator did.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// A sanction to be imposed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewSanction {
    /// For how many seconds; for good when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Why; the person is told.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Addresses that are banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AddressBan {
    /// The range, such as `198.51.100.0/24`.
    pub network: String,
    /// Until when; none for good.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Why.
    pub reason: Option<String>,
    /// The name of who decided, or their id; none when an operator did.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// Addresses to be banned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAddressBan {
    /// The range, or one address.
    pub network: String,
    /// For how many seconds; for good when not said.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A report of a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// The room's id.
    pub room: String,
    /// The room's name, if it is there.
    pub room_name: Option<String>,
    /// The message's number.
    pub seq: u64,
    /// The message's id.
    pub message: String,
    /// The name of who said it, or their id.
    pub author: Option<String>,
    /// The name of who reported it, or their id.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// `open` or `resolved`.
    pub state: crate::model::ReportState,
    /// What came of it.
    pub resolution: Option<String>,
    /// The name of who resolved it, or their id; none when an operator did.
    pub resolved_by: Option<String>,
    /// When.
    #[schema(value_type = Option<i64>)]
    pub resolved_at: Option<Millis>,
}

/// What came of a report.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Resolve {
    /// In a few words.
    pub resolution: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
