//! Text from users, made harmless: a name must not move the cursor, set the window's title, or turn the
//! rest of the line around.

use std::{borrow::Cow, fmt::Write as _};

/// One line: every character that acts instead of showing is written out, `\u{1b}` for escape.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_hidden, |out, c| {
        write!(out, "{}", c.escape_unicode())
    })
}

/// The same for text of ours with lines of its own.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| c != '\n' && is_hidden(c),
        |out, c| write!(out, "{}", c.escape_unicode()),
    )
}

/// The same for a JSON document, which means what it meant: such characters stand only in its strings.
pub(crate) fn escape_json(text: &str) -> String {
    let escaped = replace(
        text,
        |c| c != '\n' && is_hidden(c),
        |out, c| write!(out, "\\u{:04x}", u32::from(c)),
    );
    escaped.into_owned()
}

fn replace(
    text: &str,
    hidden: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char) -> std::fmt::Result,
) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            write(&mut out, c).expect("a String takes all that is written to it");
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// C0, DEL and C1; line and paragraph separators; the marks that reorder a line (Unicode's `Bidi_Control`);
/// and the byte order mark. All are in the basic plane, so that JSON's `\uXXXX` holds each.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out() {
        for (raw, shown) in [
            ("ana", "ana"),
            ("ünï 漢字 💚", "ünï 漢字 💚"),
            ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
            ("a\nb\tc\rd", "a\\u{a}b\\u{9}c\\u{d}d"),
            ("\u{7f}\u{9b}31m", "\\u{7f}\\u{9b}31m"),
            (
                "a\u{202e}b\u{2066}c\u{200f}",
                "a\\u{202e}b\\u{2066}c\\u{200f}",
            ),
            ("\u{2028}\u{feff}", "\\u{2028}\\u{feff}"),
        ] {
            assert_eq!(escape(raw), shown);
        }
        // The joiner of families and flags stays.
        assert_eq!(escape("👩\u{200d}🚀"), "👩\u{200d}🚀");
        assert_eq!(escape_lines("a\n\u{1b}"), "a\n\\u{1b}");
    }

    #[test]
    fn nothing_that_acts_is_left_and_nothing_visible_is_lost() {
        let all: String = (0..=0x2_ffff).filter_map(char::from_u32).collect();
        let shown = escape(&all);
        assert!(!shown.chars().any(is_hidden));
        let visible = all.chars().filter(|c| !is_hidden(*c));
        assert!(visible.into_iter().all(|c| shown.contains(c)));
    }

    #[test]
    fn json_means_what_it_meant() {
        let value = serde_json::json!({"name": "\u{9b}31m\u{202e}\u{1b}\u{7f}\n"});
        let text = escape_json(&serde_json::to_string_pretty(&value).expect("JSON"));
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text:?}");
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back, value);
    }
}
