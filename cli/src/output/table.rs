//! Tables: columns and rows of cells, from which both the table for people and tab-separated values are made.

use chatd::clock::Millis;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Row, Table as Drawn, presets::NOTHING,
};

use super::{ago, bold, bytes, escape, exact, number, style::embolden};

/// What stands in one place of a table: as people read it, and as scripts do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    shown: String,
    raw: String,
}

impl Cell {
    /// A text, which need not have been escaped.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::pair(text.as_ref(), escape(text.as_ref()))
    }

    /// A text that may be missing, and what people are shown then.
    pub(crate) fn or(text: Option<&str>, missing: &str) -> Self {
        text.map_or_else(|| Self::pair("", missing), Self::text)
    }

    /// Something that scripts read otherwise than people. What people read was escaped.
    pub(crate) fn pair(raw: impl Into<String>, shown: impl Into<String>) -> Self {
        Self {
            shown: shown.into(),
            raw: raw.into(),
        }
    }

    /// A number.
    pub(crate) fn number(many: u64) -> Self {
        Self::pair(many.to_string(), number(many))
    }

    /// A size in bytes.
    pub(crate) fn bytes(many: u64) -> Self {
        Self::pair(many.to_string(), bytes(many))
    }

    /// A time; people are told how long ago.
    pub(crate) fn ago(at: Millis, now: Millis) -> Self {
        Self::pair(exact(at), ago(at, now))
    }

    /// A time that may be missing, and what people are shown then.
    pub(crate) fn ago_or(at: Option<Millis>, now: Millis, missing: &str) -> Self {
        at.map_or_else(|| Self::pair("", missing), |at| Self::ago(at, now))
    }

    /// Yes or nothing: the word for people, `true` or `false` for scripts.
    pub(crate) fn flag(set: bool, word: &str) -> Self {
        Self::pair(set.to_string(), if set { word } else { "" })
    }
}

/// A list of things of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// How people see it, where that is no table.
    blocks: Option<String>,
}

impl Table {
    /// A heading that begins with `#` is of a column of numbers, which stand to the right.
    pub(crate) fn new(
        headings: &[&'static str],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: rows.into_iter().collect(),
            blocks: None,
        }
    }

    /// The same for scripts, while people see this: it was escaped.
    #[must_use]
    pub(crate) fn shown_as(mut self, blocks: String) -> Self {
        self.blocks = Some(blocks);
        self
    }

    /// As people read it.
    pub(crate) fn words(self) -> String {
        let shown = |row: Vec<Cell>| row.into_iter().map(|cell| cell.shown).collect();
        match self.blocks {
            Some(blocks) => blocks,
            None => table(&self.headings, self.rows.into_iter().map(shown)),
        }
    }

    /// Tab-separated values: a line with the names of all columns, then one for each row.
    pub(crate) fn tsv(&self) -> String {
        let name = |heading: &&str| {
            let name = heading.trim_start_matches('#').to_lowercase();
            name.replace(' ', "_")
        };
        let header = self.headings.iter().map(name).collect::<Vec<_>>();
        let mut text = header.join("\t") + "\n";
        for row in &self.rows {
            let cells = row.iter().map(|cell| escape_tsv(&cell.raw));
            text.push_str(&cells.collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
        text
    }
}

/// A value between tabs: tab, newline and backslash are written `\t`, `\n` and `\\`, all else that acts as it is
/// everywhere.
pub(crate) fn escape_tsv(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\t', "\\t");
    escape(&text.replace('\n', "\\n").replace('\r', "\\r")).into_owned()
}

/// A table of cells that were escaped. A heading that begins with `#` is of a column of numbers, which
/// stand to the right. All columns keep their width on a narrow terminal but the last, which is cut.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    // A column with nothing in it only takes room.
    let shown = |i: &usize| rows.iter().any(|row| !row[*i].is_empty());
    let shown: Vec<usize> = (0..headings.len()).filter(shown).collect();
    let headings: Vec<&str> = shown.iter().map(|i| headings[*i]).collect();
    let mut table = Drawn::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let names = headings.iter().map(|name| name.trim_start_matches('#'));
    let mut header = Row::from(names.collect::<Vec<_>>());
    header.max_height(1);
    table.set_header(header);
    // What does not fit is cut where the space ends, not where a word does. No cell holds a NUL.
    table.set_delimiter('\0');
    for row in &rows {
        let mut row = Row::from(shown.iter().map(|i| &row[*i]).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    let last = headings.len().saturating_sub(1);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i == last { 0 } else { 3 }));
        if headings[i].starts_with('#') {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if i != last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let text = table.trim_fmt();
    match text.split_once('\n') {
        Some((header, rows)) => {
            let rows: Vec<_> = rows.lines().map(embolden).collect();
            format!("{}\n{}", bold(header), rows.join("\n"))
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;

    const NOW: Millis = Millis(1_763_818_320_000);

    fn rooms() -> Table {
        let row = |name: &str, many, locked| {
            vec![
                Cell::text(name),
                Cell::number(many),
                Cell::ago(Millis(NOW.0 - 60_000), NOW),
                Cell::or(None, "operator"),
                Cell::flag(locked, "locked"),
            ]
        };
        let headings = ["NAME", "#MESSAGES", "LAST ACTIVE", "BY", "LOCK"];
        let rows = [row("general", 1234, false), row("a\tb\\\u{1b}", 5, false)];
        Table::new(&headings, rows)
    }

    #[test]
    fn people_get_columns_that_stand_below_each_other() {
        let text = plain(&rooms().words()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "NAME             MESSAGES   LAST ACTIVE   BY",
                "general             1,234   1 min ago     operator",
                "a\\u{9}b\\\\u{1b}          5   1 min ago     operator",
            ]
        );
    }

    #[test]
    fn scripts_get_every_column_raw() {
        assert_eq!(
            rooms().tsv(),
            "name\tmessages\tlast_active\tby\tlock\n\
             general\t1234\t2025-11-22T13:31:00Z\t\tfalse\n\
             a\\tb\\\\\\u{1b}\t5\t2025-11-22T13:31:00Z\t\tfalse\n"
        );
    }

    #[test]
    fn blocks_are_for_people_only() {
        let blocks = rooms().shown_as("one\ntwo".into());
        assert!(blocks.tsv().starts_with("name\t"));
        assert_eq!(blocks.words(), "one\ntwo");
    }
}
