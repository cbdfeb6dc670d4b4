//! A table: titles with the sign of the sorting, rows, and the one that is meant.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::Widget as _,
};

use super::text::fit;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// What the server calls it when it sorts by it; empty when it cannot.
    pub(super) word: &'static str,
    /// Its title.
    pub(super) title: &'static str,
    /// How wide it is; 0 for what is left.
    pub(super) width: usize,
    /// Whether its texts stand at the right edge.
    pub(super) right: bool,
    /// From which width of the window on it is shown.
    pub(super) from: u16,
}

/// A column of figures.
pub(super) const fn figures(word: &'static str, title: &'static str, width: usize) -> Column {
    Column {
        word,
        title,
        width,
        right: true,
        from: 0,
    }
}

/// A column of texts.
pub(super) const fn texts(word: &'static str, title: &'static str, width: usize) -> Column {
    Column {
        word,
        title,
        width,
        right: false,
        from: 0,
    }
}

/// The same in wide windows only.
pub(super) const fn wide(column: Column) -> Column {
    Column {
        from: 110,
        ..column
    }
}

/// A row: a text for each column, and how it stands out.
pub(super) type Row = (Vec<String>, Style);

/// Draws a table, of which `sorted` is the column it is sorted by and whether the largest comes first, and `place`
/// the row that is meant.
pub(super) fn render(
    columns: &[Column],
    sorted: Option<(&str, bool)>,
    rows: &[Row],
    place: Option<usize>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let shown: Vec<(usize, &Column)> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.from <= area.width)
        .collect();
    let fixed: usize = shown.iter().map(|(_, c)| c.width + 1).sum();
    let left = usize::from(area.width).saturating_sub(fixed + 1);
    let width = |column: &Column| {
        if column.width == 0 {
            left
        } else {
            column.width
        }
    };
    let titles = shown.iter().map(|(_, column)| {
        let (sign, by) = match sorted {
            Some((word, largest)) if word == column.word => (if largest { "▼" } else { "▲" }, true),
            _ => ("", false),
        };
        let title = fit(
            &format!("{}{sign}", column.title),
            width(column),
            column.right,
        );
        let style = if by {
            Style::new().bold()
        } else {
            Style::new().dim()
        };
        Span::styled(title + " ", style)
    });
    let titles: Line<'_> = std::iter::once(Span::from(" ")).chain(titles).collect();
    let first = Rect { height: 1, ..area };
    titles.render(first, buffer);
    let height = usize::from(area.height.saturating_sub(1));
    let begin = first_row(rows.len(), height, place);
    for ((i, (cells, style)), y) in rows
        .iter()
        .enumerate()
        .skip(begin)
        .zip(area.y + 1..area.bottom())
    {
        let texts = shown.iter().map(|(at, column)| {
            let text = cells.get(*at).map_or("", String::as_str);
            fit(text, width(column), column.right) + " "
        });
        let meant = place == Some(i);
        let sign = if meant { ">" } else { " " };
        let text = sign.to_owned() + &texts.collect::<String>();
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        let style = if meant {
            style.add_modifier(Modifier::REVERSED)
        } else {
            *style
        };
        Line::styled(fit(&text, area.width.into(), false), style).render(line, buffer);
    }
}

/// The first row in sight: the meant one stands in the middle, as far as there are rows around it.
fn first_row(rows: usize, height: usize, place: Option<usize>) -> usize {
    let middle = place.unwrap_or(0).saturating_sub(height / 2);
    middle.min(rows.saturating_sub(height))
}
