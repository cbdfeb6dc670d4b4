//! What can go wrong, in words, and what to do next.

mod exit;
mod hint;

use std::{fmt, time::Duration};

use chatd::{admin, config, server, store};
use serde::Serialize;

pub(crate) use self::exit::Exit;

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
    /// It destroys something, and was not confirmed.
    Unconfirmed,
    /// A check found this.
    Problems(String),
    /// A check found something about which more is known.
    Found {
        /// What.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Several things at once, each on a line of its own.
    Listed {
        /// What came of it.
        what: String,
        /// Each of them.
        lines: Vec<Flaw>,
        /// How it ends.
        exit: Exit,
        /// What to do next.
        hint: String,
    },
    /// It took longer than `--timeout` allows.
    TimedOut(Duration),
    /// Whatever else.
    Other(anyhow::Error),
    /// Any of these, with what it was about.
    While {
        /// What could not be done: "show user ana".
        doing: String,
        /// Why.
        why: Box<Failure>,
        /// What to try next when it is about this exit code.
        hint: (Exit, String),
    },
}

/// One of several things that are wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Flaw {
    /// On which line of a file.
    pub(crate) line: u64,
    /// In which column.
    pub(crate) column: Option<String>,
    /// What is wrong, and what would be right.
    pub(crate) why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, why } = self;
        match column {
            Some(column) => write!(f, "line {line}, {column}: {why}"),
            None => write!(f, "line {line}: {why}"),
        }
    }
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) => Exit::BadConfig,
            Self::Admin(e) => Exit::of_admin(e),
            Self::Server(e) => Exit::of_server(e),
            Self::NotRunning | Self::NoStore(_) | Self::TimedOut(_) => Exit::Unreachable,
            Self::Exists(_) | Self::Unconfirmed => Exit::Unconfirmed,
            Self::Problems(_) | Self::Found { .. } => Exit::Problems,
            Self::Listed { exit, .. } => *exit,
            Self::Other(_) => Exit::Other,
            Self::While { why, .. } => why.exit(),
        }
    }

    /// The word for scripts; a refusal keeps its own.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Admin(admin::Error::Refused(refused)) => &refused.code,
            Self::NoStore(_) => "no_store",
            Self::TimedOut(_) => "timeout",
            Self::Exists(_) => "exists",
            Self::While { why, .. } => why.code(),
            other => other.exit().word(),
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

    /// Each of several things, where it is several.
    pub(crate) fn lines(&self) -> &[Flaw] {
        match self {
            Self::Listed { lines, .. } => lines,
            _ => &[],
        }
    }

    /// What to do next, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::While { why, hint, .. } => match hint {
                (exit, hint) if *exit == why.exit() => hint,
                _ => return why.hint(),
            },
            Self::Config(_) | Self::Server(server::Error::Config(_)) => {
                "`chatd config show` lists every key; `chatd config check` checks again"
            }
            Self::NotRunning => "start it with `chatd serve`",
            Self::NoStore(_) => {
                "say where the data is with --data-dir or --config; `chatd serve` makes a new store"
            }
            Self::TimedOut(_) => {
                "what was asked may be done all the same: look before you repeat it, or give it longer"
            }
            Self::Unconfirmed => {
                "add --yes to do it without being asked, or --dry-run to see what it would do"
            }
            Self::Exists(_) => "add --force to overwrite it, or name another file",
            Self::Problems(_) => "look at the server's log; `chatd status` shows more",
            Self::Found { hint, .. } => hint,
            Self::Server(e) if hint::about(e).is_some() => {
                return hint::about(e).map(str::to_owned);
            }
            Self::Listed { hint, .. } => hint,
            // clap brings its own advice, and so do these.
            Self::Usage(_)
            | Self::Other(_)
            | Self::Server(server::Error::Store(store::Error::Unavailable(_))) => return None,
            Self::Admin(_) | Self::Server(_) => match self.exit() {
                Exit::Permission => {
                    "run it as root or as the user chatd runs as, for example with sudo"
                }
                Exit::Unreachable
                    if matches!(self.code(), "busy" | "rate_limited" | "unavailable") =>
                {
                    "try again in a moment"
                }
                Exit::Unreachable => {
                    "`chatd health` tells whether a server runs with these settings"
                }
                _ => return None,
            },
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
            Self::Unconfirmed => {
                f.write_str("it cannot be undone, and was not confirmed — nothing was changed")
            }
            Self::TimedOut(most) => {
                write!(
                    f,
                    "it was not done within {most:?}, which is all that --timeout gives it"
                )
            }
            Self::Problems(what) | Self::Found { what, .. } => f.write_str(what),
            Self::Listed { what, lines, .. } => {
                f.write_str(what)?;
                lines.iter().try_for_each(|line| write!(f, "\n{line}"))
            }
            Self::Other(e) => write!(f, "{e:#}"),
            Self::While { doing, why, .. } => write!(f, "cannot {doing} — {why}"),
        }
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

impl From<chatd_tui::Error> for Failure {
    fn from(e: chatd_tui::Error) -> Self {
        match e {
            chatd_tui::Error::Server(e) => Self::Admin(e),
            chatd_tui::Error::Terminal(_) => Self::Other(e.into()),
        }
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
        self.map_err(|why| match why.into() {
            why @ Failure::Admin(_) => Failure::While {
                doing: doing(),
                why: Box::new(why),
                hint,
            },
            // Settings, store, usage: it never came to asking.
            other => other,
        })
    }
}

#[cfg(test)]
mod tests;
