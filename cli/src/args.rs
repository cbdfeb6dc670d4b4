//! Values that several commands take, read where they are typed: words to choose from, lengths of time.

mod age;
mod sure;
mod when;

use chatd::{config::Period, model::Permission};
use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

pub(crate) use self::{
    age::{age, age_or_word},
    sure::Sure,
    when::{When, span},
};
use crate::cli::DryRun;

/// A hundred years: what lasts longer lasts for good.
const LONGEST: u64 = 100 * 365 * 24 * 60 * 60;

/// Why something is done, and whether it only is tried: of commands about whose reason nobody is told.
#[derive(Debug, Args)]
pub(crate) struct Noted {
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<chatd::model::Reason>,

    #[command(flatten)]
    pub(crate) dry: DryRun,
}

impl Noted {
    /// The reason as the API takes it.
    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.as_ref().map(ToString::to_string)
    }
}

/// One of these words.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    choose(
        all,
        name,
        PossibleValuesParser::new(all.iter().map(|v| name(*v))),
    )
}

/// A permission, by its name.
pub(crate) fn permission() -> impl TypedValueParser<Value = Permission> {
    let all = Permission::ALL;
    let values = all
        .iter()
        .map(|p| PossibleValue::new(p.as_str()).help(p.what()));
    choose(all, Permission::as_str, PossibleValuesParser::new(values))
}

fn choose<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    words: PossibleValuesParser,
) -> impl TypedValueParser<Value = T> {
    words.try_map(move |word| {
        let found = all.iter().copied().find(|v| name(*v) == word);
        found.ok_or("none of the possible values")
    })
}

/// A name or an id, which is looked up where it is used: it is not empty.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("it is empty; write a name or an id"),
        _ => Ok(text.to_owned()),
    }
}

/// How long something lasts, in whole seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let period: Period = text.parse().map_err(|e| format!("{e}"))?;
    match period.get().as_secs() {
        0 => Err("a second is the least, such as 1s".into()),
        seconds @ 1..=LONGEST => Ok(seconds),
        _ => Err("a hundred years is the most; leave the option out for good".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_empty() {
        assert_eq!(name("general").as_deref(), Ok("general"));
        assert!(name("").is_err() && name(" ").is_err());
    }

    #[test]
    fn what_lasts_lasts_a_second_at_least() {
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("1500ms"), Ok(1));
        for bad in ["", "2", "0s", "500ms", "-1h", "101y", "5300w"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
