//! One line, whole: gathered from an event and the spans it happened in, safe to show and bounded.

use std::fmt::{self, Write as _};

use tracing::{
    Level,
    field::{Field, Visit},
};

use crate::{clock::Millis, feed::LogLine, model::text::is_unsafe};

/// How long one value may be. What is cut ends in `…`.
const LONGEST: usize = 4096;
/// How many values a line may have.
const MOST: usize = 32;

/// One line.
pub(super) struct Line {
    pub(super) at: Millis,
    pub(super) level: Level,
    /// The module that says it.
    pub(super) target: &'static str,
    pub(super) message: String,
    pub(super) fields: Fields,
}

/// Names and values.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) list: Vec<(&'static str, Value)>,
    /// What was said under the name `message`.
    pub(super) message: String,
}

/// A value of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// As it is written in JSON.
    Number(String),
    Bool(bool),
}

impl Line {
    /// As the feed keeps it.
    pub(super) fn to_feed(&self) -> LogLine {
        let fields = self.fields.list.iter();
        LogLine {
            at: self.at,
            level: self.level.to_string(),
            target: self.target.to_owned(),
            message: self.message.clone(),
            fields: fields.map(|(name, it)| format!("{name}={it}")).collect(),
        }
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match value {
            Value::Text(text) if name == "message" => self.message = text,
            // A span may say more than once how it stands.
            value => match self.list.iter().position(|(it, _)| *it == name) {
                Some(at) => self.list[at].1 = value,
                None if self.list.len() < MOST => self.list.push((name, value)),
                None => {}
            },
        }
    }

    fn put_shown(&mut self, field: &Field, shown: fmt::Arguments<'_>) {
        let mut text = Harmless(String::new());
        // Ends early with what is too long.
        let _cut = text.write_fmt(shown);
        self.put(field, Value::Text(text.0));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_shown(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_shown(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_shown(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Number(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Number(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let number = serde_json::Number::from_f64(value);
        let value = number.map_or_else(
            || Value::Text(value.to_string()),
            |number| Value::Number(number.to_string()),
        );
        self.put(field, value);
    }
}

impl fmt::Display for Value {
    /// In quotes where it would not be clear where it ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=');
                if !text.is_empty() && text.chars().all(plain) {
                    f.write_str(text)
                } else {
                    write!(f, "\"{}\"", text.replace('"', "\\\""))
                }
            }
            Self::Number(number) => f.write_str(number),
            Self::Bool(is) => is.fmt(f),
        }
    }
}

/// Text that is written without what could move a cursor, begin a line or turn one around, and with an end.
struct Harmless(String);

impl fmt::Write for Harmless {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            if self.0.len() >= LONGEST {
                self.0.push('…');
                return Err(fmt::Error);
            }
            if is_unsafe(c) {
                write!(self.0, "{}", c.escape_unicode())?;
            } else {
                self.0.push(c);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmless(text: &str) -> String {
        let mut out = Harmless(String::new());
        let _cut = out.write_str(text);
        out.0
    }

    #[test]
    fn text_from_users_cannot_act() {
        for (raw, shown) in [
            ("ana 漢字 💚", "ana 漢字 💚"),
            ("a\nERROR forged", "a\\u{a}ERROR forged"),
            ("\u{1b}[31m\u{9b}1m\u{7}", "\\u{1b}[31m\\u{9b}1m\\u{7}"),
            (
                "a\u{202e}b\u{2066}\u{200f}",
                "a\\u{202e}b\\u{2066}\\u{200f}",
            ),
        ] {
            assert_eq!(harmless(raw), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let cut = harmless(&"ü".repeat(LONGEST));
        assert!(
            cut.ends_with('…') && cut.len() <= LONGEST + 8,
            "{}",
            cut.len()
        );
    }

    #[test]
    fn a_value_tells_where_it_ends() {
        let text = |it: &str| Value::Text(it.into()).to_string();
        assert_eq!(text("a/b:1"), "a/b:1");
        assert_eq!(text("a b"), "\"a b\"");
        assert_eq!(text("x=1"), "\"x=1\"");
        assert_eq!(text("say \"hi\""), "\"say \\\"hi\\\"\"");
        assert_eq!(text(""), "\"\"");
    }
}
