//! Bold, for whoever can see it: words are made with it, and the console takes it out again where it does not show.

use std::borrow::Cow;

const BOLD: &str = "\u{1b}[1m";
const OFF: &str = "\u{1b}[0m";
/// Around what is bold in a cell of a table: they take no room, and no text that was escaped has one.
const FROM: char = '\u{2068}';
const TO: char = '\u{2069}';

/// A title or a header.
pub(crate) fn bold(text: &str) -> String {
    format!("{BOLD}{text}{OFF}")
}

/// What is to be bold in a cell of a table, which may be cut in it.
pub(crate) fn hit(text: &str) -> String {
    format!("{FROM}{text}{TO}")
}

/// A line of a table, with its hits in bold.
pub(crate) fn embolden(line: &str) -> String {
    let mut shown = String::new();
    let mut is_bold = false;
    for c in line.chars() {
        match c {
            FROM => shown.push_str(BOLD),
            TO => shown.push_str(OFF),
            c => shown.push(c),
        }
        is_bold = c == FROM || (is_bold && c != TO);
    }
    if is_bold {
        // Cut in the middle.
        shown.push_str(OFF);
    }
    shown
}

/// The same words for where bold does not show. Nothing else in them begins with an escape: they were escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\u{1b}') {
        text.replace(BOLD, "").replace(OFF, "").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_the_words_without_what_made_them_bold() {
        assert_eq!(plain(&format!("{} b", bold("a"))), "a b");
        assert_eq!(plain("a"), "a");
    }

    #[test]
    fn a_hit_that_is_cut_ends_with_its_line() {
        let whole = embolden(&format!("a {} c", hit("b")));
        assert_eq!(whole, format!("a {} c", bold("b")));
        let cut = embolden(hit("b").trim_end_matches(TO));
        assert_eq!(cut, bold("b"));
    }
}
