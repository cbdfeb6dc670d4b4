//! Importing accounts, as it goes over these URLs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// As many accounts as one request may name.
pub const MOST: usize = 500;

/// An import begins.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewRun {
    /// How many accounts it names.
    pub accounts: u64,
    /// How many of them it makes.
    pub create: u64,
    /// How many it changes.
    pub update: u64,
    /// The names of those who, by what was told when it was tried, administer no more; at most [`MOST`]. When
    /// nobody would be left who does, it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loses_admin: Vec<String>,
    /// SHA-256 of the file, in hexadecimal.
    pub file: Option<String>,
    /// Only check.
    #[serde(default)]
    pub dry_run: bool,
}

/// An import that was begun.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The number of its act in the control log; 0 when it was only checked.
    pub run: u64,
}

/// An account as it should be; what is absent is not said.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// How the person wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// An address, which can then be used to log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the user may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The password's bcrypt or Argon2 hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// `active`, `invited` or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Accounts to be imported.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    /// The run they belong to; needed unless it is only tried.
    #[serde(default)]
    pub run: Option<u64>,
    /// At most [`MOST`] accounts.
    pub accounts: Vec<Account>,
    /// Change accounts that are there and differ.
    #[serde(default)]
    pub update: bool,
    /// Only tell what would become of each.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was there and as it should be.
    Unchanged,
    /// It was there and was changed.
    Updated,
    /// It was there and differs, or something of it is taken.
    Conflict,
}

/// One account of an import.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// In which columns it differed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Whether somebody who administers does not any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loses_admin: bool,
    /// Why not, where it is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The one-time code for its owner. Shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Until when the code is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub code_expires_at: Option<Millis>,
}
