//! Tables without lines: columns, a bold header on a terminal, one line a row.

use std::io;

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table,
    presets::NOTHING,
};

use crate::console::has_style;

/// A table of cells that were escaped. A heading that begins with `#` is of a column of numbers, which
/// stand to the right. All columns keep their width on a narrow terminal but the last, which is cut.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let style = has_style(&io::stdout());
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    // A column with nothing in it only takes room.
    let shown = |i: &usize| rows.iter().any(|row| !row[*i].is_empty());
    let shown: Vec<usize> = (0..headings.len()).filter(shown).collect();
    let headings: Vec<&str> = shown.iter().map(|i| headings[*i]).collect();
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let header = headings.iter().map(|heading| {
        let cell = Cell::new(heading.trim_start_matches('#'));
        if style {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    });
    let mut header = Row::from(header.collect::<Vec<_>>());
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
    table.trim_fmt()
}
