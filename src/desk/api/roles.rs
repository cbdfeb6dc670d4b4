//! Roles and what they include.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Permissions;

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it lets one do.
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub permissions: Permissions,
    /// Whether it is always there and always the same.
    pub builtin: bool,
    /// How many accounts have it.
    pub users: u64,
}

/// A role to be made, or what of one is to be changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RoleChange {
    /// Its name; only for one to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for; the empty text takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All that it lets one do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<crate::model::Permission>>)]
    pub permissions: Option<Permissions>,
    /// What it lets one do besides.
    #[serde(default)]
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub add: Permissions,
    /// What it no longer lets one do.
    #[serde(default)]
    #[schema(value_type = Vec<crate::model::Permission>)]
    pub remove: Permissions,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// One of the things that can be done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PermissionInfo {
    /// Its name.
    pub name: String,
    /// What it lets one do.
    pub what: String,
    /// The built-in roles that include it.
    pub roles: Vec<String>,
}

/// A role to be given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GiveRole {
    /// Its name.
    pub role: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
