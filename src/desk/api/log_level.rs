//! Which lines the server logs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// Which lines are logged.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLevel {
    /// The level in force, such as `info` or `info,chatd::ws=debug`.
    pub level: String,
    /// What the settings say.
    pub configured: String,
    /// When it goes back to that by itself; none when it stays until the server stops.
    #[schema(value_type = Option<i64>)]
    pub until: Option<Millis>,
    /// Of one that was just set: whether that is in the audit log. It is not while the store does not answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recorded: Option<bool>,
}

/// Which lines shall be logged.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct NewLogLevel {
    /// A level or, by module, `info,chatd::ws=debug`; null for what the settings say. Has to be said.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    pub level: Option<String>,
    /// For how many seconds; until the server stops when not said. Whatever was set before is forgotten.
    #[serde(rename = "for", default)]
    pub lasts: Option<u64>,
    /// Why; kept in the audit log.
    #[serde(default)]
    pub reason: Option<String>,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
