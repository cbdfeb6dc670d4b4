//! How things look: tables, details, times, sizes, and text that is safe to show.

mod bar;
mod escape;
mod facts;
mod form;
mod lines;
mod style;
mod table;
mod time;

pub(crate) use self::{
    bar::bar,
    escape::{escape, escape_json, escape_lines},
    facts::Facts,
    form::Form,
    lines::{Lines, is_closed},
    style::{bold, hit, plain},
    table::{Cell, Table, table},
    time::{ago, exact, moment, span},
};

/// One thing as tab-separated names and values.
pub(crate) fn tsv(value: &serde_json::Value) -> String {
    form::tsv(value)
}

/// A size as people read it.
pub(crate) fn bytes(many: u64) -> String {
    bytesize::ByteSize(many).display().iec().to_string()
}

/// A number with its thousands apart.
pub(crate) fn number(many: u64) -> String {
    let digits = many.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: "1 user", "2 users".
pub(crate) fn count(many: u64, thing: &str) -> String {
    let s = if many == 1 { "" } else { "s" };
    format!("{} {thing}{s}", number(many))
}

/// A count of entries: "1 entry", "2 entries".
pub(crate) fn count_entries(many: u64) -> String {
    match many {
        1 => "1 entry".into(),
        many => format!("{} entries", number(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "room"), "1 room");
        assert_eq!(count(1000, "room"), "1,000 rooms");
        assert_eq!(count_entries(1), "1 entry");
        assert_eq!(count_entries(2000), "2,000 entries");
        assert_eq!(bytes(25_270_681), "24.1 MiB");
    }
}
