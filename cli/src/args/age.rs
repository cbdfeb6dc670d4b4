//! Ages as people type them, and what they may have meant.

use chatd::config::Period;

/// A hundred years, in seconds: nothing here is as old as that.
const OLDEST: u64 = 100 * 365 * 24 * 60 * 60;

/// How an age is written.
const HOW: &str = "write a number and a unit, such as 30d, 12h or 1h30m";
const EVERYTHING: &str = "that would be everything; an age is more than nothing, such as 30d";
const TOO_OLD: &str = "that is more than a hundred years; write an age such as 30d";

/// What people write for the units that are read, and for those that have no fixed length.
const WORDS: &[(&[&str], u64, &str)] = &[
    (&["second", "seconds", "sec", "secs"], 1, "s"),
    (&["minute", "minutes", "min", "mins"], 1, "m"),
    (&["hour", "hours", "hr", "hrs"], 1, "h"),
    (&["day", "days"], 1, "d"),
    (&["week", "weeks", "wk", "wks"], 1, "w"),
    (&["month", "months", "mo", "mon"], 30, "d"),
    (&["year", "years", "y", "yr", "yrs"], 365, "d"),
];

/// How old something is at least, such as `30d`; more than nothing.
pub(crate) fn age(text: &str) -> Result<Period, String> {
    match text.parse::<Period>() {
        Ok(age) if age.get().is_zero() => Err(EVERYTHING.into()),
        Ok(age) if age.get().as_secs() > OLDEST => Err(TOO_OLD.into()),
        Ok(age) => Ok(age),
        Err(_) => Err(why_not(&text.trim().to_ascii_lowercase())),
    }
}

/// An age, or `never`, or `default` for what the settings say.
pub(crate) fn age_or_word(text: &str) -> Result<String, String> {
    match text {
        "never" | "default" => Ok(text.to_owned()),
        _ => match age(text) {
            Ok(age) => Ok(age.to_string()),
            Err(why) => Err(format!("{why}; or never, or default")),
        },
    }
}

/// What is wrong with a text that is no length of time.
fn why_not(text: &str) -> String {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if text.strip_prefix('-').is_some_and(is_number) {
        return "an age is not negative; write how old, such as 30d".into();
    }
    if !is_number(text) {
        return HOW.into();
    }
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim();
    match (number.parse::<u64>(), unit) {
        (Err(_), _) => TOO_OLD.into(),
        (Ok(0), "") => EVERYTHING.into(),
        (Ok(_), "") => format!("{number} of what? Add a unit, such as {number}d or {number}h"),
        (Ok(number), unit) => meant(number, unit),
    }
}

/// What somebody meant who wrote a unit in another way.
fn meant(number: u64, unit: &str) -> String {
    let known = WORDS.iter().find(|(words, ..)| words.contains(&unit));
    let (times, unit) = known.map_or((1, unit), |(_, times, unit)| (*times, *unit));
    if known.is_none() && format!("1{unit}").parse::<Period>().is_err() {
        return HOW.into();
    }
    let meant = format!("{}{unit}", number.saturating_mul(times));
    match meant.parse::<Period>().map(|age| age.get().as_secs()) {
        Ok(0) => EVERYTHING.into(),
        Ok(1..=OLDEST) if times > 1 => {
            format!("months and years have no fixed length; write days, such as {meant}")
        }
        Ok(1..=OLDEST) => format!("{HOW}; did you mean {meant}?"),
        _ => TOO_OLD.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        let hours = |h: u64| Ok(Period(Duration::from_secs(h * 3600)));
        assert_eq!(age("30d"), hours(720));
        assert_eq!(age("1d12h"), hours(36));
        assert_eq!(age("2w"), hours(336));
        assert_eq!(age("36500d"), hours(876_000));
    }

    #[test]
    fn what_is_no_age_is_told_what_would_be() {
        for (text, why) in [
            ("0", "everything"),
            ("0d", "everything"),
            ("0ms", "everything"),
            ("-5d", "not negative"),
            ("-1", "not negative"),
            ("30", "30 of what"),
            ("30 days", "did you mean 30d?"),
            ("12hours", "did you mean 12h?"),
            ("30D", "did you mean 30d?"),
            ("1y", "365d"),
            ("6 months", "180d"),
            ("36501d", "hundred years"),
            ("99999999999d", "hundred years"),
            ("99999999999999999999999d", "hundred years"),
            ("", "a number and a unit"),
            ("a month", "a number and a unit"),
            ("30x", "a number and a unit"),
            ("30.5d", "a number and a unit"),
            ("--dry-run", "a number and a unit"),
        ] {
            let is = age(text).expect_err(text);
            assert!(is.contains(why), "{text}: {is}");
        }
    }

    #[test]
    fn a_policy_knows_two_words_more() {
        assert_eq!(age_or_word("never").as_deref(), Ok("never"));
        assert_eq!(age_or_word("default").as_deref(), Ok("default"));
        assert_eq!(age_or_word("90d").as_deref(), Ok("90d"));
        let why = age_or_word("0").expect_err("0");
        assert!(why.ends_with("or never, or default"), "{why}");
    }
}
