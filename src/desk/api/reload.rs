//! Reading the settings anew.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the settings shall be read anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewReload {
    /// Why; kept in the audit log.
    pub reason: Option<String>,
    /// Check everything and change nothing.
    pub dry_run: bool,
}

/// What came of reading the settings anew.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// The settings that differ from what held.
    pub changed: Vec<ChangedSetting>,
    /// Whether it is in the audit log. It is not while the store does not answer; left out of a dry run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recorded: Option<bool>,
}

/// A setting that differs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedSetting {
    /// `section.key`.
    pub key: String,
    /// What held, as TOML, without secrets.
    pub before: String,
    /// What is said now.
    pub after: String,
    /// `live`: it holds from now on; `restart`: it waits for the server to start anew.
    pub changes: String,
    /// The command by which something else was decided that goes before it; none where it holds.
    pub overruled: Option<String>,
}
