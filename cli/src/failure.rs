//! What can go wrong, and the one map from that to an exit code, a word for scripts and advice.

use std::fmt;

use chatd::{admin, config, server, store};

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
            Self::NotFound => "there is no such user or room",
            Self::Conflict => "it does not fit with how things stand, such as a name taken",
            Self::Permission => "you may not do this",
            Self::Unreachable => "chatd is not running, does not answer, or has the store locked",
            Self::Unconfirmed => "it would overwrite something; confirm with --force",
            Self::Problems => "a check ran and found problems",
            Self::BadConfig => "the settings are wrong",
        }
    }

    /// The exit code for a refusal's code. The codes are those of `chatd::model::Refusal`.
    fn of_refusal(code: &str) -> Self {
        match code {
            "invalid_field" | "too_large" | "unknown_op" => Self::Usage,
            "not_found" => Self::NotFound,
            "conflict" | "txn_reused" => Self::Conflict,
            "unauthorized" | "token_expired" | "forbidden" | "locked" => Self::Permission,
            "unavailable" | "busy" | "rate_limited" => Self::Unreachable,
            // storage_full, internal, and what a newer server may say.
            _ => Self::Other,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was typed cannot be; clap's own words.
    Usage(String),
    /// The settings are wrong.
    Config(config::Error),
    /// The daemon, or the store in this process, did not do it.
    Admin(admin::Error),
    /// The server did not start, or nobody could be asked.
    Server(server::Error),
    /// A daemon is needed and none runs.
    NotRunning,
    /// There is nothing to look at: no store here.
    NoStore(String),
    /// It would overwrite this.
    Exists(String),
    /// A check found this.
    Problems(String),
    /// Whatever else.
    Other(anyhow::Error),
    /// Any of these, with what it was about.
    While {
        /// What could not be done: "show user ana".
        doing: String,
        /// Why.
        why: Box<Failure>,
        /// What to try next when it is about this exit code.
        hint: Option<(Exit, String)>,
    },
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) => Exit::BadConfig,
            Self::Admin(e) => exit_of_admin(e),
            Self::Server(e) => exit_of_server(e),
            Self::NotRunning | Self::NoStore(_) => Exit::Unreachable,
            Self::Exists(_) => Exit::Unconfirmed,
            Self::Problems(_) => Exit::Problems,
            Self::Other(_) => Exit::Other,
            Self::While { why, .. } => why.exit(),
        }
    }

    /// The word for scripts; a refusal keeps its own.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Usage(_) => "usage",
            Self::Config(_) | Self::Server(server::Error::Config(_)) => "bad_config",
            Self::Admin(admin::Error::Refused(refused)) => &refused.code,
            Self::Admin(admin::Error::Unreachable { .. }) | Self::NotRunning => "unreachable",
            Self::Admin(admin::Error::Odd(_)) | Self::Other(_) => "internal",
            Self::Server(e) => match exit_of_server(e) {
                Exit::Unreachable => "unreachable",
                _ => "internal",
            },
            Self::NoStore(_) => "no_store",
            Self::Exists(_) => "exists",
            Self::Problems(_) => "problems",
            Self::While { why, .. } => why.code(),
        }
    }

    /// The field that is wrong, where it is one.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Admin(admin::Error::Refused(refused)) => refused.field.as_deref(),
            Self::While { why, .. } => why.field(),
            _ => None,
        }
    }

    /// What to do next, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::While { why, hint, .. } => match hint {
                Some((exit, hint)) if *exit == why.exit() => hint,
                _ => return why.hint(),
            },
            Self::Config(_) | Self::Server(server::Error::Config(_)) => {
                "`chatd config show` lists every key; `chatd config check` checks again"
            }
            Self::NotRunning => "start it with `chatd serve`",
            Self::NoStore(_) => {
                "say where the data is with --data-dir or --config; `chatd serve` makes a new store"
            }
            Self::Exists(_) => "add --force to overwrite it, or name another file",
            Self::Problems(_) => "look at the server's log; `chatd status` shows more",
            Self::Admin(_) => match (self.exit(), self.code()) {
                (Exit::Permission, _) => {
                    "run it as root or as the user that runs chatd, for example with sudo"
                }
                (Exit::Unreachable, "unreachable") => {
                    "is chatd running? `chatd health` asks; `chatd serve` starts it"
                }
                (Exit::Unreachable, _) => "try again in a moment",
                _ => return None,
            },
            // clap brings its own advice; the library's errors say what to do next themselves.
            Self::Usage(_) | Self::Server(_) | Self::Other(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for Failure {
    /// What happened and why, not escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Config(e) if e.0.len() > 1 => write!(f, "the settings are wrong\n{e}"),
            Self::Config(e) => e.fmt(f),
            Self::Admin(e) => e.fmt(f),
            Self::Server(e) => e.fmt(f),
            Self::NotRunning => {
                f.write_str("chatd is not running — nobody holds the store of these settings")
            }
            Self::NoStore(path) => {
                write!(
                    f,
                    "there is no store at {path} — no server has run with these settings"
                )
            }
            Self::Exists(what) => write!(f, "{what} is there already — nothing was written"),
            Self::Problems(what) => f.write_str(what),
            Self::Other(e) => write!(f, "{e:#}"),
            Self::While { doing, why, .. } => write!(f, "cannot {doing} — {why}"),
        }
    }
}

fn exit_of_admin(e: &admin::Error) -> Exit {
    match e {
        admin::Error::Refused(refused) => Exit::of_refusal(&refused.code),
        admin::Error::Unreachable { .. } => Exit::Unreachable,
        admin::Error::Odd(_) => Exit::Other,
    }
}

fn exit_of_server(e: &server::Error) -> Exit {
    match e {
        server::Error::Config(_) => Exit::BadConfig,
        server::Error::Store(store::Error::Locked { .. } | store::Error::Unavailable(_))
        | server::Error::Unreachable(_) => Exit::Unreachable,
        _ => Exit::Other,
    }
}

impl From<config::Error> for Failure {
    fn from(e: config::Error) -> Self {
        Self::Config(e)
    }
}

impl From<admin::Error> for Failure {
    fn from(e: admin::Error) -> Self {
        Self::Admin(e)
    }
}

impl From<server::Error> for Failure {
    fn from(e: server::Error) -> Self {
        Self::Server(e)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::Other(e)
    }
}

/// Says what a failure was about.
pub(crate) trait Explain<T> {
    /// "cannot `doing` — why", and the next command for the failures of one exit code.
    fn explain(self, doing: impl FnOnce() -> String, hint: (Exit, String)) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Explain<T> for Result<T, E> {
    fn explain(self, doing: impl FnOnce() -> String, hint: (Exit, String)) -> Result<T, Failure> {
        self.map_err(|why| Failure::While {
            doing: doing(),
            why: Box::new(why.into()),
            hint: Some(hint),
        })
    }
}
