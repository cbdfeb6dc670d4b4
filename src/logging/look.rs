//! How a line looks.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json_, json};
use tracing::Level;

use super::line::{Line, Value};

/// A way to write lines. What it writes ends with a newline and has no other.
pub(super) trait Look: Send + Sync {
    /// Writes one.
    fn write(&self, line: &Line, out: &mut String);
}

/// For people: `2026-01-02T03:04:05.678Z  INFO listening address=127.0.0.1:8080`.
pub(super) struct Pretty {
    colours: bool,
}

impl Pretty {
    pub(super) fn new(colours: bool) -> Self {
        Self { colours }
    }
}

impl Look for Pretty {
    fn write(&self, line: &Line, out: &mut String) {
        let (dim, off) = if self.colours {
            ("\x1b[2m", "\x1b[0m")
        } else {
            ("", "")
        };
        let colour = match line.level {
            _ if !self.colours => "",
            Level::ERROR => "\x1b[1;31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            Level::DEBUG => "\x1b[34m",
            Level::TRACE => "\x1b[35m",
        };
        let Line {
            at, level, message, ..
        } = line;
        let _infallible = write!(out, "{dim}{at}{off} {colour}{level:>5}{off} {message}");
        for (name, value) in &line.fields.list {
            let _infallible = write!(out, " {dim}{name}={off}{value}");
        }
        out.push('\n');
    }
}

/// For machines: an object with `timestamp`, `level`, `target`, `message` and the object `fields`.
pub(super) struct Json;

impl Look for Json {
    fn write(&self, line: &Line, out: &mut String) {
        let fields: Map<String, Json_> = line
            .fields
            .list
            .iter()
            .map(|(name, value)| ((*name).to_owned(), to_json(value)))
            .collect();
        let mut object = json!({
            "timestamp": line.at.to_string(),
            "level": line.level.as_str(),
            "target": line.target,
            "message": line.message,
        });
        if !fields.is_empty() {
            object["fields"] = fields.into();
        }
        let _infallible = writeln!(out, "{object}");
    }
}

fn to_json(value: &Value) -> Json_ {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Number(number) => number
            .parse::<serde_json::Number>()
            .map_or_else(|_| number.clone().into(), Json_::Number),
        Value::Bool(is) => (*is).into(),
    }
}
