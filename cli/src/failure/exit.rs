//! The exit codes, and the one map from what went wrong to them.

use std::io;

use chatd::{
    admin::{self, SocketError},
    auth::keys,
    server, shelf,
    store::{self, backup, copy},
};

/// How a command ends. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Other = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Permission = 5,
    Unreachable = 6,
    Unconfirmed = 8,
    Problems = 10,
    /// `EX_CONFIG` of sysexits.h: systemd can be told not to restart on it.
    BadConfig = 78,
}

impl Exit {
    /// All of them, in the order of the numbers.
    pub(crate) const ALL: &[Self] = &[
        Self::Ok,
        Self::Other,
        Self::Usage,
        Self::NotFound,
        Self::Conflict,
        Self::Permission,
        Self::Unreachable,
        Self::Unconfirmed,
        Self::Problems,
        Self::BadConfig,
    ];

    /// What it tells, for the help.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Other => "something else went wrong",
            Self::Usage => "the command or one of its values is not right",
            Self::NotFound => "what was named is not there, such as a user or a room",
            Self::Conflict => "it does not fit with how things stand, such as a name taken",
            Self::Permission => "you may not do this",
            Self::Unreachable => {
                "chatd or its database is not running or does not answer, or the store is locked"
            }
            Self::Unconfirmed => "it would overwrite or destroy something; confirm it",
            Self::Problems => "a check ran and found problems",
            Self::BadConfig => "the settings are wrong, or the store they name will not do",
        }
    }

    /// The word that stands for it in JSON.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Other => "internal",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Permission => "forbidden",
            Self::Unreachable => "unreachable",
            Self::Unconfirmed => "unconfirmed",
            Self::Problems => "problems",
            Self::BadConfig => "bad_config",
        }
    }

    /// The exit code for a refusal's code. The codes are those of `chatd::model::Refusal`.
    fn of_refusal(code: &str) -> Self {
        match code {
            "invalid_field" | "too_large" | "unknown_op" => Self::Usage,
            "not_found" => Self::NotFound,
            "conflict" | "txn_reused" => Self::Conflict,
            "unauthorized" | "token_expired" | "forbidden" | "locked" | "muted" | "banned" => {
                Self::Permission
            }
            "unavailable" | "busy" | "rate_limited" => Self::Unreachable,
            // storage_full, internal, and what a newer server may say.
            _ => Self::Other,
        }
    }

    pub(super) fn of_admin(e: &admin::Error) -> Self {
        match e {
            admin::Error::Refused(refused) => Self::of_refusal(&refused.code),
            admin::Error::Denied { .. } => Self::Permission,
            admin::Error::Unreachable { .. } => Self::Unreachable,
            admin::Error::Odd(_) => Self::Other,
        }
    }

    pub(super) fn of_server(e: &server::Error) -> Self {
        match e {
            server::Error::Config(_)
            | server::Error::Admin(
                SocketError::TooLong(_)
                | SocketError::Group(_)
                | SocketError::Taken(_)
                | SocketError::Exposed { .. },
            ) => Self::BadConfig,
            server::Error::Argument(_) => Self::Usage,
            server::Error::Files(e) => Self::of_shelf(e),
            server::Error::Refused(e) => Self::of_refusal(e.code()),
            server::Error::Store(e) => Self::of_store(e),
            server::Error::Copy(e) => Self::of_copy(e),
            server::Error::Backup(e) => Self::of_backup(e),
            server::Error::Unreachable(e) => Self::of_admin(e),
            server::Error::Listen { source, .. }
            | server::Error::Io { source, .. }
            | server::Error::Keys(keys::Error::Io { source, .. })
            | server::Error::Admin(SocketError::Io { source, .. }) => Self::of_io(source),
            server::Error::Admin(SocketError::InUse(_) | SocketError::Locked(_)) => {
                Self::Unreachable
            }
            server::Error::Keys(_) | server::Error::Passwords(_) => Self::Other,
        }
    }

    fn of_shelf(e: &shelf::Error) -> Self {
        match e {
            shelf::Error::Remote { lasting: true, .. } => Self::BadConfig,
            shelf::Error::Remote { .. } => Self::Unreachable,
            shelf::Error::Io { source, .. } => Self::of_io(source),
            shelf::Error::Full | shelf::Error::Missing(_) => Self::Other,
        }
    }

    fn of_store(e: &store::Error) -> Self {
        match e {
            store::Error::Locked { .. } | store::Error::Unavailable(_) | store::Error::Away(_) => {
                Self::Unreachable
            }
            store::Error::Unfinished { .. } | store::Error::HalfRestored { .. } => Self::Conflict,
            // Trying again mends nothing: somebody has to see to the store, to the settings or to this binary.
            store::Error::Unfit { .. } | store::Error::Newer { .. } => Self::BadConfig,
            store::Error::Full | store::Error::Damaged(_) | store::Error::Open { .. } => {
                Self::Other
            }
        }
    }

    fn of_copy(e: &copy::Error) -> Self {
        match e {
            copy::Error::Nothing(_) => Self::Unreachable,
            copy::Error::Source(e) | copy::Error::Destination(e) => Self::of_store(e),
            copy::Error::Old(..)
            | copy::Error::NotEmpty { .. }
            | copy::Error::Other(_)
            | copy::Error::Moved(_) => Self::Conflict,
            copy::Error::Differ(_) => Self::Problems,
        }
    }

    fn of_backup(e: &backup::Error) -> Self {
        match e {
            backup::Error::Exists(_) => Self::Unconfirmed,
            backup::Error::Foreign(_) => Self::Conflict,
            backup::Error::Unfit { .. } | backup::Error::None { .. } => Self::Usage,
            backup::Error::Busy(_) => Self::Unreachable,
            backup::Error::Altered { .. } => Self::Problems,
            backup::Error::Newer { .. } => Self::BadConfig,
            backup::Error::Space { .. } => Self::Other,
            backup::Error::Io { source, .. } => Self::of_io(source),
            backup::Error::Store(e) => Self::of_store(e),
        }
    }

    fn of_io(e: &io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission,
            io::ErrorKind::AddrInUse => Self::Conflict,
            _ => Self::Other,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
