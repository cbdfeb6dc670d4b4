//! The last line: the keys, from the table.

use ratatui::{
    Frame,
    layout::Rect,
    style::Stylize as _,
    text::{Line, Span},
};

use crate::keys::KEYS;

/// Draws the line.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect) {
    let mut spans = vec![Span::from(" ")];
    for (key, word) in KEYS.iter().filter_map(|key| key.footer) {
        spans.push(Span::from(key).bold());
        spans.push(Span::from(format!(" {word}   ")).dim());
    }
    frame.render_widget(Line::from(spans), area);
}
