//! Moments as people type them: how long ago, or a date.

use std::str::FromStr;

use chatd::{clock::Millis, config::Period};
use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};

use crate::failure::Failure;

/// A moment as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// So long ago.
    Ago(Period),
    /// Then.
    At(Millis),
    /// That day, in UTC: its beginning, and the one of the next.
    Day(Millis, Millis),
}

impl When {
    /// From then on: a day from its beginning.
    pub(crate) fn since(self, now: Millis) -> Millis {
        match self {
            Self::Ago(period) => now.minus(period.into()),
            Self::At(at) | Self::Day(at, _) => at,
        }
    }

    /// Up to then: a day is in it whole.
    pub(crate) fn until(self, now: Millis) -> Millis {
        match self {
            Self::Day(_, end) => end,
            other => other.since(now),
        }
    }
}

/// From when on and up to when, where both are given the one before the other.
pub(crate) fn span(
    since: Option<When>,
    until: Option<When>,
    now: Millis,
) -> Result<(Option<Millis>, Option<Millis>), Failure> {
    let (since, until) = (since.map(|w| w.since(now)), until.map(|w| w.until(now)));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let why = "--since is not before --until: no message can be in between";
        return Err(Failure::Usage(why.into()));
    }
    Ok((since, until))
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(period) = text.parse() {
            return Ok(Self::Ago(period));
        }
        let moment = |time: Timestamp| Millis(time.as_millisecond());
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(moment(time)));
        }
        let utc = |time: civil::DateTime| time.to_zoned(TimeZone::UTC).ok();
        let is_day = !text.contains(['T', 't', ' ', ':']);
        let day = text.parse::<civil::Date>().ok().filter(|_| is_day);
        let ends = day.and_then(|day| Some((day, day.checked_add(1.day()).ok()?)));
        let read = match ends {
            Some((day, next)) => {
                let (day, next) = (utc(day.into()), utc(next.into()));
                day.zip(next)
                    .map(|(day, next)| Self::Day(moment(day.timestamp()), moment(next.timestamp())))
            }
            None => text
                .parse::<civil::DateTime>()
                .ok()
                .and_then(utc)
                .map(|time| Self::At(moment(time.timestamp()))),
        };
        read.ok_or(
            "write how long ago, such as 2h or 7d, or a day or moment in UTC, such as 2026-11-24 \
             or 2026-11-24T13:30",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn moments_are_typed_in_many_ways() {
        let now = Millis(1_795_526_700_000);
        let day = Millis(1_795_478_400_000);
        for (text, since, until) in [
            ("2h", now.0 - 2 * 3_600_000, now.0 - 2 * 3_600_000),
            ("2026-11-24", day.0, day.0 + DAY),
            ("2026-11-24T13:30", day.0 + 48_600_000, day.0 + 48_600_000),
            (
                "2026-11-24 13:30:00",
                day.0 + 48_600_000,
                day.0 + 48_600_000,
            ),
            (
                "2026-11-24T13:30:00Z",
                day.0 + 48_600_000,
                day.0 + 48_600_000,
            ),
            (
                "2026-11-24T14:30:00+01:00",
                day.0 + 48_600_000,
                day.0 + 48_600_000,
            ),
        ] {
            let when: When = text.parse().expect(text);
            assert_eq!(when.since(now).0, since, "{text}");
            assert_eq!(when.until(now).0, until, "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "5",
            "2026-13-01",
            "2026-11-31",
            "24.11.2026",
            "-2h",
        ] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }
}
