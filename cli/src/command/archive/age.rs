//! From which age on: how old, or before when.

use chatd::{
    admin::{Error, api::Moment},
    clock::{Clock, Millis},
    config::Period,
};
use clap::Args;

use crate::{
    args::{When, age},
    failure::Failure,
};

/// From which age on something is done; said in one of two ways.
#[derive(Debug, Args)]
pub(super) struct Old {
    /// What is older than this, such as 30d, 12h or 1d12h
    #[arg(long, value_name = "AGE", value_parser = age, allow_hyphen_values = true)]
    older_than: Option<Period>,

    /// What is from before: a day (its beginning) or a moment, in UTC
    #[arg(long, value_name = "T", value_parser = parse_before, allow_hyphen_values = true,
        conflicts_with = "older_than")]
    before: Option<Millis>,
}

impl Old {
    /// Whether it was said how old.
    pub(super) fn is_age(&self) -> bool {
        self.older_than.is_some()
    }

    /// As the API takes it; none when neither was said.
    pub(super) fn moment(&self) -> Option<Moment> {
        let age = self.older_than.map(|age| Moment::Ago(age.to_string()));
        age.or(self.before.map(Moment::At))
    }
}

/// A refusal of the moment, in words that fit to what was typed: the API calls it `before` either way.
pub(super) fn plainly(failure: Failure) -> Failure {
    match failure {
        Failure::Admin(Error::Refused(mut why)) if why.field.as_deref() == Some("before") => {
            if let Some(detail) = why.detail.strip_prefix("before: ") {
                why.detail = detail.to_owned();
            }
            Failure::Admin(Error::Refused(why))
        }
        other => other,
    }
}

fn parse_before(text: &str) -> Result<Millis, String> {
    before(text, Clock::system().now())
}

/// A day or a moment that is past.
fn before(text: &str, now: Millis) -> Result<Millis, String> {
    const HOW: &str = "write a day or a moment in UTC, such as 2026-01-31 or 2026-01-31T13:30";
    match text.parse::<When>() {
        Ok(When::Ago(_)) => Err(format!(
            "an age goes with --older-than, as in --older-than {text}"
        )),
        Ok(When::At(at) | When::Day(at, _)) if at.0 < 0 => {
            Err("nothing is from before 1970".into())
        }
        Ok(When::At(at) | When::Day(at, _)) if at > now => {
            Err("that is yet to come; name a day or a moment that is past".into())
        }
        Ok(When::At(at) | When::Day(at, _)) => Ok(at),
        Err(_) => Err(HOW.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_526_700_000);

    #[test]
    fn a_day_is_its_beginning() {
        assert_eq!(before("2026-11-24", NOW), Ok(Millis(1_795_478_400_000)));
        let moment = before("2026-11-24T13:24:00+00:00", NOW);
        assert_eq!(moment, Ok(Millis(1_795_526_640_000)));
    }

    #[test]
    fn what_is_no_past_day_is_told_why() {
        for (text, why) in [
            ("30d", "--older-than 30d"),
            ("2026-11-25", "yet to come"),
            ("9998-12-31", "yet to come"),
            ("1969-07-20", "before 1970"),
            ("2026-02-30", "2026-01-31"),
            ("24.11.2026", "2026-01-31"),
            ("yesterday", "2026-01-31"),
            ("", "2026-01-31"),
        ] {
            let is = before(text, NOW).expect_err(text);
            assert!(is.contains(why), "{text}: {is}");
        }
    }
}
