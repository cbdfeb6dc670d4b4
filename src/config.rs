//! Settings: read at the start, and anew at a reload; everything else is handed values, or looks at [`Live`].
//!
//! Every key is declared once, in `sections`: the structs, the environment variables, `config show`, the
//! suggestions for a misspelt key and `docs/configuration.md` are made from that declaration. Values are
//! parsed and checked here, so that nobody who holds a [`Config`] checks them again.
//!
//! It reads the one file it is given; it looks at no environment but the one passed in.

mod change;
mod confidential;
mod filter;
mod key;
mod live;
mod load;
mod named;
mod period;
mod render;
mod rules;
mod sections;
mod value;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::PathBuf};

pub(crate) use self::named::{Readers, read_named};
pub use self::{
    change::{Difference, differences, merge},
    confidential::{Endpoint, Secret, Url, without_secrets},
    filter::LogFilter,
    key::{Applies, Key},
    live::Live,
    load::load,
    period::{InvalidPeriod, Period},
    render::{example, reference, render},
    sections::{
        Admin, Archive, Auth, Config, Files, Http, KEYS, Limits, Log, Messages, Metrics, SECTIONS,
        Server, Store, Tls, Webhook, Ws,
    },
    value::{LogFormat, Push, Registration},
};

/// Where settings come from, the later over the earlier; built-in values are under all of them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file named by `--config`; without one, `CHATD_CONFIG` in `env` may name it.
    pub file: Option<PathBuf>,
    /// The environment; only names that begin with `CHATD_` are looked at.
    pub env: Vec<(String, String)>,
    /// `--set`: `section.key` and its value.
    pub set: Vec<(String, String)>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each comes from, by `section.key`; every key is there.
    pub origin: BTreeMap<&'static str, Origin>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is built in.
    Default,
    /// A file said so.
    File {
        /// Which.
        path: PathBuf,
        /// In which line, from 1.
        line: usize,
    },
    /// This environment variable said so.
    Env(String),
    /// `--set` said so.
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(variable) => write!(f, "environment {variable}"),
            Self::Set => f.write_str("--set"),
        }
    }
}

/// Everything that is wrong with the settings, at once: nobody likes to be told one by one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error(pub Vec<Problem>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said: file and line, variable, or `--set` with the key.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Error {
    /// A line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}
