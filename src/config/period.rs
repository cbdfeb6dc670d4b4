//! Lengths of time as people write them in settings: `15m`, `30d`, `1h30m`, `250ms`.

use std::{fmt, str::FromStr, time::Duration};

/// A length of time. Days have 24 hours and weeks seven days: a setting must not depend on the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// The units, the longest first, as [`Period`] writes them; `w` is read but not written.
const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is written like 250ms, 10s, 15m, 1h30m, 30d or 2w")]
pub struct InvalidPeriod;

impl Period {
    /// As the standard library has it.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        period.0
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    /// Numbers with units, the longest unit first, each unit once. No sign, no fraction, no bare number:
    /// each of them has been read in two ways before.
    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        let mut rest = text;
        let mut total: u64 = 0;
        let mut shortest = u64::MAX;
        while !rest.is_empty() {
            let (number, tail) = split(rest, |c| c.is_ascii_digit());
            let (unit, tail) = split(tail, |c| c.is_ascii_alphabetic());
            let (_, size) = UNITS
                .into_iter()
                .find(|(u, _)| *u == unit)
                .ok_or(InvalidPeriod)?;
            if size >= shortest {
                return Err(InvalidPeriod);
            }
            let number: u64 = number.parse().map_err(|_| InvalidPeriod)?;
            let part = number.checked_mul(size).ok_or(InvalidPeriod)?;
            total = total.checked_add(part).ok_or(InvalidPeriod)?;
            shortest = size;
            rest = tail.trim_start();
        }
        if text.is_empty() {
            Err(InvalidPeriod)
        } else {
            Ok(Self(Duration::from_millis(total)))
        }
    }
}

fn split(text: &str, part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in &UNITS[1..] {
            if rest >= *size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_as_people_write_them() {
        for (text, ms) in [
            ("250ms", 250),
            ("0s", 0),
            ("10s", 10_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("30d", 30 * 86_400_000),
            ("2w", 14 * 86_400_000),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Period(Duration::from_millis(ms))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for bad in [
            "",
            " ",
            "5",
            "-5s",
            "+5s",
            "1.5h",
            "5 s",
            "s",
            "5x",
            "5S",
            "30m1h",
            "1h1h",
            "5s ms",
            "99999999999999999999s",
            "18446744073709551615w",
            "１s",
        ] {
            assert_eq!(bad.parse::<Period>(), Err(InvalidPeriod), "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for ms in [
            0,
            1,
            999,
            1000,
            61_001,
            5_400_000,
            86_400_000,
            90 * 86_400_000 + 1,
            u64::MAX,
        ] {
            let period = Period(Duration::from_millis(ms));
            assert_eq!(period.to_string().parse(), Ok(period), "{period}");
        }
        assert_eq!(Period(Duration::from_hours(90 * 24)).to_string(), "90d");
    }
}
