//! What the terminal can show: whether signs beyond ASCII, and nothing else. Colours are left to `crossterm`, which
//! leaves them out for `NO_COLOR`.

use chatd::model::text::is_unsafe;
use ratatui::buffer::Buffer;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Only ASCII.
    pub ascii: bool,
}

/// The signs that the dashboard draws with, and what stands for each where there is only ASCII.
const SIGNS: &[(&str, &str)] = &[
    ("─", "-"),
    ("│", "|"),
    ("┌", "+"),
    ("┐", "+"),
    ("└", "+"),
    ("┘", "+"),
    ("▁", "_"),
    ("▂", "."),
    ("▃", "-"),
    ("▄", "="),
    ("▅", "+"),
    ("▆", "o"),
    ("▇", "8"),
    ("█", "#"),
    ("▀", "\""),
    ("▏", " "),
    ("▎", " "),
    ("▍", "-"),
    ("▌", "-"),
    ("▋", "="),
    ("▊", "="),
    ("▉", "#"),
    ("░", "."),
    ("▲", "^"),
    ("▼", "v"),
    ("●", "*"),
    ("○", "o"),
    ("✖", "x"),
    ("·", "."),
    ("–", "-"),
    ("…", "~"),
    ("→", ">"),
    ("×", "x"),
    ("↑", "^"),
    ("↓", "v"),
    ("⏎", "<"),
    ("≥", ">"),
    ("µ", "u"),
];

impl Look {
    /// As the environment says: Unicode where the locale is one of UTF-8, as it is said by the first of these that
    /// says anything.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = said
            .iter()
            .find_map(|name| variable(name).filter(|v| !v.is_empty()));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        Self {
            ascii: !(locale.contains("utf-8") || locale.contains("utf8")),
        }
    }

    /// Has nothing left in a picture that the terminal cannot show, or that would act on it. What others wrote was
    /// cleaned before; this holds whatever was forgotten.
    pub(crate) fn finish(self, picture: &mut Buffer) {
        for cell in &mut picture.content {
            let sign = cell.symbol();
            if sign.is_ascii() && !sign.contains(is_unsafe) {
                continue;
            }
            if sign.contains(is_unsafe) {
                cell.set_symbol("?");
            } else if self.ascii {
                let known = SIGNS.iter().find(|(known, _)| *known == sign);
                let plain = known.map_or("?", |(_, plain)| plain);
                cell.set_symbol(plain);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    #[test]
    fn the_first_variable_that_says_something_decides() {
        let look = |set: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Look::of_environment(value).ascii
        };
        assert!(!look(&[("LANG", "de_DE.UTF-8")]));
        assert!(!look(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(look(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(look(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(look(&[]));
    }

    #[test]
    fn nothing_but_ascii_is_left_where_there_is_nothing_else() {
        let mut picture = Buffer::empty(Rect::new(0, 0, 12, 1));
        picture.set_string(0, 0, "─é漢x● 4\u{1b}", Style::new());
        picture[(11, 0)].set_symbol("\u{202e}");
        Look { ascii: true }.finish(&mut picture);
        let line: String = picture
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(line, "-?? x* 4   ?");
    }
}
