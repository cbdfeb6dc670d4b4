//! The help: the keys from the table, and what the screen does not say by itself.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, Padding, Paragraph},
};

use crate::keys::KEYS;

/// What cannot be guessed from the screen.
const NOTES: [&str; 3] = [
    "A bar is the highest second of its column; empty means unknown.",
    "Each graph has its own scale, from zero to just above its peak.",
    "▲ marks what went wrong within the graphs' time.",
];

/// Draws the help over the middle of the screen.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect) {
    let mut lines: Vec<Line<'static>> = KEYS
        .iter()
        .map(|key| {
            Line::from_iter([
                Span::from(format!("{:<10}", key.names)).bold(),
                Span::from(key.does),
            ])
        })
        .collect();
    lines.push(Line::default());
    lines.extend(NOTES.map(|note| Line::from(note).dim()));
    let size = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let width = size(lines.iter().map(Line::width).max().unwrap_or(0) + 6);
    let height = size(lines.len() + 2);
    let middle = area.centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .title(" Keys ")
        .padding(Padding::horizontal(2));
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(block), middle);
}
