//! Bold, for whoever can see it: words are made with it, and the console takes it out again where it does not show.

use std::borrow::Cow;

const BOLD: &str = "\u{1b}[1m";
const OFF: &str = "\u{1b}[0m";

/// A title or a header.
pub(crate) fn bold(text: &str) -> String {
    format!("{BOLD}{text}{OFF}")
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
}
