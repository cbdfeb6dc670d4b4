//! Cron expressions: when something is to be done, in UTC.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};

use crate::clock::Millis;

/// When something is to be done: a cron expression in UTC, of five fields, or six with seconds first.
#[derive(Clone, Debug)]
pub struct Cron {
    pub(super) text: String,
    cron: croner::Cron,
}

impl Cron {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let how = "write minute, hour, day of month, month and day of week, as in \"30 3 * * *\" for every day at \
                   3:30 UTC";
        let words: Vec<_> = text.split_whitespace().collect();
        if ![5, 6].contains(&words.len()) {
            return Err(format!("this has {} fields: {how}", words.len()));
        }
        let text = words.join(" ");
        let cron = croner::Cron::from_str(&text)
            .map_err(|e| format!("{}; {how}", e.to_string().trim_end_matches('.')))?;
        let this = Self { text, cron };
        match this.after(Millis(0)) {
            Some(_) => Ok(this),
            None => Err("there is no such moment".into()),
        }
    }

    /// The first moment after `at`.
    pub fn after(&self, at: Millis) -> Option<Millis> {
        let at = DateTime::<Utc>::from_timestamp_millis(at.0)?;
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Some(Millis(next.timestamp_millis()))
    }

    /// With seconds, as the scheduler wants it.
    pub(super) fn with_seconds(&self) -> String {
        match self.text.split(' ').count() {
            5 => format!("0 {}", self.text),
            _ => self.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn an_expression_tells_its_next_moment_in_utc() {
        let daily = Cron::parse(" 30  3 * * * ").unwrap();
        let next = daily.after(at("2026-03-29T00:59:59Z")).unwrap();
        assert_eq!(
            next,
            at("2026-03-29T03:30:00Z"),
            "whatever the clocks do there"
        );
        assert_eq!(daily.after(next).unwrap(), at("2026-03-30T03:30:00Z"));
        assert_eq!(daily.with_seconds(), "0 30 3 * * *");
        let seconds = Cron::parse("*/10 * * * * *").unwrap();
        assert_eq!(seconds.after(Millis(0)), Some(Millis(10_000)));
        assert_eq!(seconds.with_seconds(), "*/10 * * * * *");
    }

    #[test]
    fn what_is_no_schedule_says_how_one_is_written() {
        for bad in ["", "daily", "61 * * * *", "* * *", "0 0 31 2 *"] {
            let why = Cron::parse(bad).unwrap_err();
            assert!(!why.is_empty(), "{bad}");
        }
        assert!(
            Cron::parse("61 * * * *")
                .unwrap_err()
                .contains("30 3 * * *")
        );
    }
}
