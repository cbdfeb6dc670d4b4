//! The store, over the admin socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::StoreStatus;
use crate::{clock::Millis, store::backup::Manifest};

/// What the store is and what it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreInfo {
    /// What it is.
    #[serde(flatten)]
    pub store: StoreStatus,
    /// When it was made: the time in its epoch.
    pub epoch_at: Option<Millis>,
    /// Whether a server runs on it.
    pub running: bool,
    /// How many records it has, table by table.
    pub tables: Vec<TableCount>,
}

/// How many records a table has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableCount {
    /// Its name.
    pub table: String,
    /// How many.
    pub records: u64,
}

/// One line of a check that is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CheckLine {
    /// How far it is.
    Progress {
        /// In which table.
        table: String,
        /// How many records it has read there.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// Something that is wrong.
    Problem(Problem),
    /// The search index was looked at.
    Index(IndexChecked),
    /// The end.
    Done {
        /// How many records it has read.
        records: u64,
        /// How many problems it has found, those of the search index included; of many, only the first are told.
        problems: u64,
    },
    /// It could not go on.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a check of the search index came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexChecked {
    /// How many messages are in the index; none where there is no index of this store, which is made by itself.
    pub messages: Option<u64>,
    /// How many messages were compared with the store.
    pub compared: u64,
    /// How many differ in rooms in which the index is behind: nothing can be said of those.
    pub behind: u64,
    /// How many problems there are.
    pub problems: u64,
}

/// Something that is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
}

/// A new incarnation to be made.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct NewEpoch {
    /// Only check whether it could be made.
    #[serde(default)]
    pub dry_run: bool,
}

/// A new incarnation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochSet {
    /// Which it was.
    pub before: String,
    /// Which it is.
    pub epoch: Option<String>,
    /// Whether it was only checked.
    pub dry_run: bool,
}

/// A backup to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// Where: a directory that is not there yet, in one that is, as an absolute path.
    pub to: PathBuf,
    /// Whether it may take the place of a backup that is there.
    #[serde(default)]
    pub force: bool,
    /// Only say whether it could be made, and how large it would be.
    #[serde(default)]
    pub dry_run: bool,
}

/// One line of a backup that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BackupLine {
    /// It was only asked whether it could be made.
    Plan {
        /// Where it would be.
        to: PathBuf,
        /// About how many bytes it would have.
        bytes: u64,
        /// True.
        dry_run: bool,
    },
    /// So much is copied.
    Copied {
        /// How much.
        done: u64,
        /// Of how much.
        of: u64,
        /// Of what: `bytes` of an SQLite, `records` of a MongoDB.
        unit: String,
    },
    /// It is being checked.
    Checked {
        /// In which table.
        table: String,
        /// How many records were read there.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// The check found something, which the store has as well.
    Problem(Problem),
    /// It is there, and nothing is wrong with it but what was told.
    Done {
        /// Where.
        path: PathBuf,
        /// What it is.
        #[serde(flatten)]
        manifest: Box<Manifest>,
    },
    /// There is none.
    Failed {
        /// What kind of failure it is: the code of a refusal, or `exists`, or `problems`.
        code: String,
        /// What happened, why, what to do.
        why: String,
    },
}

/// A search index to be made anew.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIndex {
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// One line of a search index that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ReindexLine {
    /// It was only asked what would be done.
    Plan {
        /// How many rooms there are.
        rooms: u64,
        /// True.
        dry_run: bool,
    },
    /// How far it is.
    Progress {
        /// So many entries are in it.
        done: u64,
        /// Of so many.
        of: u64,
    },
    /// It is made.
    Done {
        /// How many entries it goes over.
        entries: u64,
        /// How many bytes it has on disk.
        bytes: u64,
    },
    /// It does not go on.
    Failed {
        /// Why.
        why: String,
    },
}
