//! A line that is being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// As long as the longest text that a field takes.
const LONGEST: usize = 1000;

/// A line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    text: Vec<char>,
    cursor: usize,
}

impl Input {
    /// With something in it, the cursor behind.
    pub(crate) fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        Self {
            cursor: text.len(),
            text,
        }
    }

    /// What was typed.
    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Whether nothing was.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.iter().all(|c| c.is_whitespace())
    }

    /// What stands before the cursor, and what behind it.
    pub(crate) fn halves(&self) -> (String, String) {
        let (before, after) = self.text.split_at(self.cursor);
        (before.iter().collect(), after.iter().collect())
    }

    /// Takes a key; false for one that is not for a line.
    pub(crate) fn press(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if control => self.erase_word(),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                if self.text.len() < LONGEST && !c.is_control() {
                    self.text.insert(self.cursor, c);
                    self.cursor += 1;
                }
            }
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            KeyCode::Delete if self.cursor < self.text.len() => {
                self.text.remove(self.cursor);
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Backspace | KeyCode::Delete => {}
            _ => return false,
        }
        true
    }

    fn erase_word(&mut self) {
        let before = &self.text[..self.cursor];
        let word = before.iter().rev().skip_while(|c| c.is_whitespace());
        let spaces = before.iter().rev().take_while(|c| c.is_whitespace());
        let length = spaces.count() + word.take_while(|c| !c.is_whitespace()).count();
        self.text.drain(self.cursor - length..self.cursor);
        self.cursor -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode, modifiers: KeyModifiers) {
        input.press(KeyEvent::new(code, modifiers));
    }

    #[test]
    fn a_line_is_typed_and_mended() {
        let mut input = Input::new("room:en");
        for code in [
            KeyCode::Char('ü'),
            KeyCode::Backspace,
            KeyCode::Char('g'),
            KeyCode::Home,
            KeyCode::Delete,
            KeyCode::Char('R'),
            KeyCode::End,
        ] {
            press(&mut input, code, KeyModifiers::NONE);
        }
        assert_eq!(input.text(), "Room:eng");
        press(&mut input, KeyCode::Char(' '), KeyModifiers::NONE);
        press(&mut input, KeyCode::Char('x'), KeyModifiers::NONE);
        press(&mut input, KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(input.text(), "Room:eng ");
        press(&mut input, KeyCode::Left, KeyModifiers::NONE);
        assert_eq!(input.halves(), ("Room:eng".into(), " ".into()));
        press(&mut input, KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(input.text(), " ");
        assert!(input.is_empty());
    }

    #[test]
    fn a_line_has_an_end() {
        let mut input = Input::default();
        for _ in 0..2000 {
            press(&mut input, KeyCode::Char('a'), KeyModifiers::NONE);
        }
        assert_eq!(input.text().len(), LONGEST);
    }
}
