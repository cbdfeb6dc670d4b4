//! The help: the keys of the place from the table, and what the screen does not say by itself.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Block, Clear, Padding, Paragraph, Widget as _},
};

use crate::{
    keys::{self, Place},
    state::State,
};

/// What cannot be guessed from a screen.
fn note(place: Place) -> &'static str {
    match place {
        Place::Overview => "A bar is the highest second of its column; ▲ marks what is wrong.",
        Place::Rooms => "Filters: room:eng* members>=100 rate>5; words all hold.",
        Place::Conns => "Filters: user:ana* room:eng* lag>50ms waiting>1KiB; words all hold.",
        Place::Room | Place::Conn => "What was looked into stays when it is gone, and says so.",
        Place::Jobs => "Times are of the last ten seconds.",
        Place::Events | Place::Log => "Scrolled back it stands still; End goes on with what comes.",
    }
}

/// Draws the help over the middle of the screen.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let place = state.place();
    let keys = keys::at(place).filter(|key| !key.names.is_empty());
    let mut lines: Vec<Line<'static>> = keys
        .map(|key| {
            Line::from_iter([
                Span::from(format!("{:<17}", key.names)).bold(),
                Span::from(key.does),
            ])
        })
        .collect();
    lines.push(Line::from(note(place)).dim());
    let size = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let width = size(lines.iter().map(Line::width).max().unwrap_or(0) + 6);
    let height = size(lines.len() + 2);
    let middle = area.centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered()
        .title(" Keys; any key closes this ")
        .padding(Padding::horizontal(2));
    Clear.render(middle, buffer);
    Paragraph::new(lines).block(block).render(middle, buffer);
}
