//! Figures and foreign text as they are shown.

use std::time::Duration;

use bytesize::ByteSize;
use chatd::{clock::Millis, model::text::is_unsafe};

/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "–";

/// Text that came from elsewhere, with everything that could move the cursor or reorder a line spelt out.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// At most `width` characters of a text, its end kept: of a path, that is the telling part.
pub(super) fn tail(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    std::iter::once('…')
        .chain(text.chars().skip(count - kept))
        .collect()
}

/// A count: `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or a mean: `0`, `4.2`, `1,234`. A decimal only where it says something.
pub(super) fn rate(n: f64) -> String {
    if n > 0.0 && n < 9.95 {
        // What happens less than once in twenty seconds still does not look like nothing.
        return format!("{:.1}", n.max(0.1));
    }
    count(whole(n))
}

/// A size: `12.4 MiB`.
pub(super) fn bytes(n: u64) -> String {
    ByteSize(n).display().iec().to_string()
}

/// The nearest whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float turned into an integer saturates, which is what is wanted of one that does not fit"
)]
pub(super) fn whole(n: f64) -> u64 {
    n.round() as u64
}

/// A length of time by its two largest units: `3d 4h`, `4h 05m`, `12m 09s`, `42s`.
pub(super) fn period(length: Duration) -> String {
    let s = length.as_secs();
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s:02}s"),
        (0, h, m, _) => format!("{h}h {m:02}m"),
        (d, h, _, _) => format!("{d}d {h}h"),
    }
}

/// The time of day: `14:03:22 UTC`, as the server's log has it.
pub(super) fn time(at: Millis) -> String {
    let s = at.unix_seconds().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.0, 0.01, 4.24, 9.96, 1234.5].map(rate),
            ["0", "0.1", "4.2", "10", "1,235"]
        );
        assert_eq!(bytes(13_002_342), "12.4 MiB");
        let periods = [42, 729, 14_700, 273_600].map(|s| period(Duration::from_secs(s)));
        assert_eq!(periods, ["42s", "12m 09s", "4h 05m", "3d 4h"]);
        assert_eq!(time(Millis(1_700_000_000_000)), "22:13:20 UTC");
        assert_eq!(tail("/var/lib/chatd.db", 9), "…chatd.db");
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}é"), r"a\u{1b}[2Jb\u{202e}é");
    }
}
