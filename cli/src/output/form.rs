//! The forms in which a command answers.

use std::fmt::Write as _;

use chatd::clock::Millis;
use clap::ValueEnum;
use serde_json::Value;

use super::{exact, table::escape_tsv};

/// In which form a command answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Tables and words, for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// JSON, one line for each item
    Jsonl,
    /// Tab-separated values, with the names of the columns first
    Tsv,
}

/// One thing as lines of name, tab and value. Members of members have both names, with a dot between.
pub(super) fn tsv(value: &Value) -> String {
    let mut text = String::new();
    flatten("", value, &mut text);
    text
}

fn flatten(name: &str, value: &Value, text: &mut String) {
    let below = |member: &str| match name {
        "" => member.to_owned(),
        _ => format!("{name}.{member}"),
    };
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                flatten(&below(member), value, text);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                flatten(&below(&i.to_string()), value, text);
            }
        }
        value => writeln!(
            text,
            "{}\t{}",
            escape_tsv(name),
            escape_tsv(&raw(name, value))
        )
        .expect("a String takes all that is written to it"),
    }
}

/// A value as scripts read it. What is called `at`, `since`, `until` or `…_at` is a time in all of the API.
fn raw(name: &str, value: &Value) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_time = matches!(last, "at" | "since" | "until") || last.ends_with("_at");
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(at) if is_time => at
            .as_i64()
            .map_or_else(|| at.to_string(), |at| exact(Millis(at))),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_thing_is_a_line_for_each_member() {
        let value = json!({
            "name": "a\tb", "n": 5, "created_at": 1_763_818_320_000_i64, "title": null, "bot": false,
            "people": [{"name": "ana", "at": 0}], "rules": {"locked": true},
        });
        let text = tsv(&value);
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "bot\tfalse",
                "created_at\t2025-11-22T13:32:00Z",
                "n\t5",
                "name\ta\\tb",
                "people.0.at\t1970-01-01T00:00:00Z",
                "people.0.name\tana",
                "rules.locked\ttrue",
                "title\t",
            ]
        );
    }
}
