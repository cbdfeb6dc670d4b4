//! The last line: the keys of the place, from the table; or what was refused.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::Widget as _,
};

use super::text::{clean, fit};
use crate::{keys, state::State};

/// Draws the line.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    if let Some(note) = &state.note {
        let text = fit(&format!(" {}", clean(note)), area.width.into(), false);
        return Line::styled(text, Style::new().red().bold()).render(area, buffer);
    }
    let mut spans = vec![Span::from(" ")];
    let mut used = 1;
    for (key, word) in keys::at(state.place()).filter_map(|key| key.footer) {
        used += key.len() + word.len() + 3;
        if used > usize::from(area.width) {
            break;
        }
        spans.push(Span::from(key).bold());
        spans.push(Span::from(format!(" {word}  ")).dim());
    }
    Line::from(spans).render(area, buffer);
}
