//! What a reload makes of new settings: which differ, and which of them it takes over.

use super::{Applies, Config, Error, KEYS, Key, Problem, rules};

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `section.key`.
    pub key: &'static str,
    /// What holds now, as TOML, without secrets.
    pub before: String,
    /// What is wanted.
    pub after: String,
    /// Whether a reload changes it.
    pub applies: Applies,
}

/// How `wanted` differs from what holds, in the order of the documentation.
pub fn differences(now: &Config, wanted: &Config) -> Vec<Difference> {
    let differ = KEYS.iter().filter(|key| !(key.same)(now, wanted));
    differ
        .map(|key| Difference {
            key: key.path,
            before: key.value(now),
            after: key.value(wanted),
            applies: key.applies,
        })
        .collect()
}

/// The settings after a reload: `wanted`, and as it is now what only a start changes. Refused where the two do
/// not fit together.
pub fn merge(now: &Config, wanted: &Config) -> Result<Config, Error> {
    let mut merged = wanted.clone();
    let stays = |key: &&Key| key.applies == Applies::Restart;
    for key in KEYS.iter().filter(stays) {
        (key.copy)(&mut merged, now);
    }
    let breaches = rules::check(&merged);
    if breaches.is_empty() {
        return Ok(merged);
    }
    let problem = |(path, what): (&str, String)| Problem {
        place: "with what only a restart changes".into(),
        what: format!("{path}: {what}"),
    };
    Err(Error(breaches.into_iter().map(problem).collect()))
}
