//! How a state looks. Pure: the same state and size give the same picture.
//!
//! Colours are the terminal's own few named ones on its own background, so that the screen is readable on light, on
//! dark and with 16 colours; and nothing is said by colour alone, for `NO_COLOR` and for eyes that do not see it. Where
//! there is only ASCII, `look` puts it in place of the signs at the end.

mod big;
mod conn;
mod conns;
mod dialog;
mod feeds;
mod footer;
mod gauge;
mod graph;
mod header;
mod help;
mod jobs;
mod overview;
mod room;
mod rooms;
mod table;
mod text;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::Line,
    widgets::{Paragraph, Widget as _},
};

use crate::{
    keys::Place,
    state::{Drill, Overlay, State},
};

/// The smallest window in which everything has its place.
const SMALLEST: (u16, u16) = (80, 24);

/// Draws the whole screen.
pub(crate) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(area, buffer);
        return state.look.finish(buffer);
    }
    let [header, body, footer] = Layout::vertical([
        Constraint::Length(header::HEIGHT),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::render(state, header, buffer);
    content(state, body, buffer);
    if state.outage().is_some() {
        fade(buffer, body);
    }
    match &state.overlay {
        None => footer::render(state, footer, buffer),
        Some(Overlay::Filter(input)) => dialog::filter(state, input, footer, buffer),
        Some(Overlay::Help) => {
            footer::render(state, footer, buffer);
            help::render(state, area, buffer);
        }
        Some(Overlay::Dialog(dialog)) => dialog::render(dialog, body.union(footer), buffer),
    }
    state.look.finish(buffer);
}

/// Draws the same without what is only of use to somebody at the keys.
pub(crate) fn render_plain(state: &State, area: Rect, buffer: &mut Buffer) {
    let [header, body] =
        Layout::vertical([Constraint::Length(header::HEIGHT), Constraint::Fill(1)]).areas(area);
    header::render_plain(state, header, buffer);
    content(state, body, buffer);
    state.look.finish(buffer);
}

fn content(state: &State, area: Rect, buffer: &mut Buffer) {
    match (state.drills.last(), state.place()) {
        (Some(Drill::Room(view)), _) => room::render(state, view, area, buffer),
        (Some(Drill::Conn(view)), _) => conn::render(state, view, area, buffer),
        (None, Place::Rooms) => rooms::render(state, area, buffer),
        (None, Place::Conns) => conns::render(state, area, buffer),
        (None, Place::Jobs) => jobs::render(state, area, buffer),
        (None, Place::Events) => feeds::events(state, area, buffer),
        (None, Place::Log) => feeds::log(state, area, buffer),
        (None, _) => overview::render(state, area, buffer),
    }
}

/// Greys what is no longer so.
fn fade(buffer: &mut Buffer, area: Rect) {
    let faded = Style::new()
        .fg(Color::Reset)
        .remove_modifier(Modifier::BOLD | Modifier::REVERSED)
        .add_modifier(Modifier::DIM);
    buffer.set_style(area, faded);
}

fn too_small(area: Rect, buffer: &mut Buffer) {
    let lines = [
        Line::from("This window is too small.").bold(),
        Line::from(format!("It is {}×{}.", area.width, area.height)),
        Line::from(format!("It takes {}×{}.", SMALLEST.0, SMALLEST.1)),
        Line::from("q quits."),
    ];
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let middle = area.centered_vertically(Constraint::Length(height));
    Paragraph::new(lines.to_vec())
        .centered()
        .render(middle, buffer);
}

#[cfg(test)]
mod tests;
