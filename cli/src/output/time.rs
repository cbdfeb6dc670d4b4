//! Times: relative where people compare, exact where they look closely.

use std::time::Duration;

use chatd::clock::Millis;
use jiff::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Beyond this a date says more than a number of days.
const LONG_AGO: u64 = 60 * DAY;

/// For a table: `3 d ago`, and for what is long ago its date.
pub(crate) fn ago(at: Millis, now: Millis) -> String {
    let past = now.since(at).as_secs();
    let ahead = at.since(now).as_secs();
    match past.max(ahead) {
        0..5 => "just now".into(),
        LONG_AGO.. => day(at),
        _ if ahead > 0 => format!("in {}", span(rounded(ahead))),
        _ => format!("{} ago", span(Duration::from_secs(past))),
    }
}

/// For a detail: `2025-11-22T13:32:00Z (3 d ago)`.
pub(crate) fn moment(at: Millis, now: Millis) -> String {
    let exact = exact(at);
    match ago(at, now) {
        ago if exact.starts_with(&ago) => exact,
        ago => format!("{exact} ({ago})"),
    }
}

/// A length of time in its largest unit: `45 s`, `12 min`, `3 h`, `3 d`.
pub(crate) fn span(length: Duration) -> String {
    match length.as_secs() {
        s @ 0..MINUTE => format!("{s} s"),
        s @ MINUTE..HOUR => format!("{} min", s / MINUTE),
        s @ HOUR..DAY => format!("{} h", s / HOUR),
        s => format!("{} d", s / DAY),
    }
}

/// To the nearest of the unit it will be told in: what is good for three days says so a second later too.
fn rounded(seconds: u64) -> Duration {
    let unit = match seconds {
        DAY.. => DAY,
        HOUR.. => HOUR,
        MINUTE.. => MINUTE,
        _ => 1,
    };
    Duration::from_secs((seconds + unit / 2) / unit * unit)
}

/// RFC 3339 to the second.
pub(crate) fn exact(at: Millis) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => format!("{} ms", at.0),
    }
}

fn day(at: Millis) -> String {
    let exact = exact(at);
    exact
        .split_once('T')
        .map_or(exact.clone(), |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_763_818_320_000);

    #[test]
    fn a_table_says_how_long_ago() {
        for (seconds, text) in [
            (0, "just now"),
            (4, "just now"),
            (45, "45 s ago"),
            (12 * 60 + 59, "12 min ago"),
            (3 * 3600, "3 h ago"),
            (3 * 86_400 + 5, "3 d ago"),
            (59 * 86_400, "59 d ago"),
            (60 * 86_400, "2025-09-23"),
            (-30, "in 30 s"),
            (-3 * 86_400 + 1, "in 3 d"),
        ] {
            assert_eq!(ago(Millis(NOW.0 - seconds * 1000), NOW), text, "{seconds}");
        }
    }

    #[test]
    fn a_detail_says_when() {
        assert_eq!(moment(NOW, NOW), "2025-11-22T13:32:00Z (just now)");
        assert_eq!(moment(Millis(0), NOW), "1970-01-01T00:00:00Z");
        assert_eq!(moment(Millis(i64::MAX), NOW), "9223372036854775807 ms");
    }
}
