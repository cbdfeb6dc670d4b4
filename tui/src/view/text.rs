//! Figures and foreign text as they are shown.

use std::time::Duration;

use bytesize::ByteSize;
use chatd::{clock::Millis, model::text::is_unsafe};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "–";

/// How many marks may stand on one letter: more of them are there to cover other lines.
const MARKS: usize = 2;

/// Text that came from elsewhere, on one line: everything that could move the cursor, reorder the line or has no width
/// that all terminals agree on is spelt out or left out.
pub(super) fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        match c {
            // Between parts of a sign, which are then shown each by itself.
            '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => {}
            c if is_unsafe(c) => safe.extend(c.escape_unicode()),
            c if width > 0 => {
                marks = 0;
                safe.push(c);
            }
            // A space in disguise, or a mark with nothing below it.
            '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}' => {
                safe.extend(c.escape_unicode());
            }
            c => {
                marks += 1;
                if marks <= MARKS && !safe.is_empty() {
                    safe.push(c);
                }
            }
        }
    }
    safe
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// A text in exactly so many columns, cut with `…` or filled up with spaces, at the right edge if so wanted.
pub(super) fn fit(text: &str, columns: usize, right: bool) -> String {
    let wide = width(text);
    if wide <= columns {
        let space = " ".repeat(columns - wide);
        return if right {
            space + text
        } else {
            text.to_owned() + &space
        };
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        cut.push(c);
        used += wide;
    }
    if columns > 0 {
        cut.push('…');
        used += 1;
    }
    cut + &" ".repeat(columns.saturating_sub(used))
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

/// The time of day alone.
pub(super) fn clock(at: Millis) -> String {
    time(at).trim_end_matches(" UTC").to_owned()
}

/// How long something took: `0.8 ms`, `12 ms`, `1.4 s`.
#[expect(clippy::cast_precision_loss, reason = "figures to look at")]
pub(super) fn took(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..9_950 => format!("{:.1} ms", us as f64 / 1e3),
        9_950..999_500 => format!("{:.0} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// The same where nothing may be known.
pub(super) fn maybe_took(us: Option<u64>) -> String {
    us.map_or_else(|| UNKNOWN.to_owned(), took)
}

/// How long ago, by the largest unit: `3d`, `4h`, `12m`, `42s`.
pub(super) fn ago(at: Millis, now: Millis) -> String {
    let s = now.since(at).as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..86_400 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
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
        assert_eq!(
            [999, 1000, 12_345, 999_600, 61_000_000].map(took),
            ["999 µs", "1.0 ms", "12 ms", "1.0 s", "61.0 s"]
        );
        assert_eq!(ago(Millis(0), Millis(7_200_000)), "2h");
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}é"), r"a\u{1b}[2Jb\u{202e}é");
        assert_eq!(clean("a\u{200b}b"), r"a\u{200b}b");
        assert_eq!(clean("e\u{301}\u{302}\u{303}\u{304}x"), "e\u{301}\u{302}x");
        assert_eq!(clean("👩\u{200d}🚀 ☂\u{fe0f}"), "👩🚀 ☂");
        assert_eq!(clean("\u{301}漢字"), "漢字");
    }

    #[test]
    fn a_text_takes_the_columns_it_is_given() {
        assert_eq!(fit("ana", 5, false), "ana  ");
        assert_eq!(fit("ana", 5, true), "  ana");
        assert_eq!(fit("anaanaana", 5, false), "anaa…");
        // A wide sign that would stick out is left out.
        assert_eq!(fit("漢字漢字", 6, false), "漢字… ");
        assert_eq!(width(&fit("漢字漢字", 6, false)), 6);
        assert_eq!(fit("a", 0, false), "");
    }
}
