//! What each key means: one table, which the input, the footer and the help overlay all read, so that
//! none of them can promise what another does not keep.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Close what is open; when nothing is, leave.
    Back,
    /// Leave, whatever is open.
    Quit,
    /// Hold the picture still, or let it go on.
    Pause,
    /// Forget what was recorded.
    Reset,
    /// Show the keys.
    Help,
    /// Nothing; but any key closes the help.
    Other,
}

/// A row of the table.
pub(crate) struct Key {
    /// What it asks for.
    pub(crate) action: Action,
    /// What has to be typed: any of these.
    codes: &'static [(KeyCode, KeyModifiers)],
    /// How the help writes the keys.
    pub(crate) names: &'static str,
    /// How the footer writes it: the key and a word. None for what everybody knows anyway.
    pub(crate) footer: Option<(&'static str, &'static str)>,
    /// What it does, for the help.
    pub(crate) does: &'static str,
}

const NONE: KeyModifiers = KeyModifiers::NONE;

/// Every key there is.
pub(crate) const KEYS: &[Key] = &[
    Key {
        action: Action::Back,
        codes: &[(KeyCode::Char('q'), NONE), (KeyCode::Esc, NONE)],
        names: "q, Esc",
        footer: Some(("q", "quit")),
        does: "leave the dashboard; the server runs on",
    },
    Key {
        action: Action::Pause,
        codes: &[(KeyCode::Char('p'), NONE), (KeyCode::Char(' '), NONE)],
        names: "p, Space",
        footer: Some(("p", "pause")),
        does: "hold the picture still, or go on; nothing is missed",
    },
    Key {
        action: Action::Reset,
        codes: &[(KeyCode::Char('r'), NONE)],
        names: "r",
        footer: Some(("r", "reset")),
        does: "forget graphs and peaks; the server's totals stay",
    },
    Key {
        action: Action::Help,
        codes: &[(KeyCode::Char('?'), NONE)],
        names: "?",
        footer: Some(("?", "help")),
        does: "show this; any key closes it",
    },
    Key {
        action: Action::Quit,
        codes: &[(KeyCode::Char('c'), KeyModifiers::CONTROL)],
        names: "Ctrl-C",
        footer: None,
        does: "leave at once",
    },
];

/// What a key asks for. Shift is ignored: terminals differ on whether they report it for `?`.
pub(crate) fn action(typed: KeyEvent) -> Action {
    let with = typed.modifiers - KeyModifiers::SHIFT;
    KEYS.iter()
        .find(|key| key.codes.contains(&(typed.code, with)))
        .map_or(Action::Other, |key| key.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_table_says() {
        let plain = |c| action(KeyEvent::new(KeyCode::Char(c), NONE));
        assert_eq!(plain('q'), Action::Back);
        assert_eq!(plain(' '), Action::Pause);
        assert_eq!(plain('c'), Action::Other);
        let shifted = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(action(shifted), Action::Help);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(interrupt), Action::Quit);
    }

    #[test]
    fn no_key_means_two_things() {
        let mut codes: Vec<_> = KEYS.iter().flat_map(|key| key.codes).collect();
        let all = codes.len();
        codes.sort_by_key(|code| format!("{code:?}"));
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
