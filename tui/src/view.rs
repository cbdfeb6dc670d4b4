//! How a state looks. Pure: the same state and size give the same picture.
//!
//! Colours are the terminal's own few named ones on its own background, so that the screen is readable on
//! light, on dark and with 16 colours; and nothing is said by colour alone, for `NO_COLOR` and for eyes that
//! do not see it.

mod footer;
mod graphs;
mod header;
mod health;
mod help;
mod text;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::Line,
    widgets::Paragraph,
};

use crate::state::{Metric, State};

/// The smallest window in which every figure has its place.
const SMALLEST: (u16, u16) = (76, 17);

/// Draws the whole screen.
pub(crate) fn render(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(frame, area);
    }
    // An empty line between the parts where there is room for it.
    let air = u16::from(area.height >= 22);
    let [header, _, graphs, _, health, _, footer] = Layout::vertical([
        Constraint::Length(header::HEIGHT),
        Constraint::Length(u16::from(area.height >= 24)),
        Constraint::Length(graphs_height(area.height, air)),
        Constraint::Length(air),
        Constraint::Length(health::HEIGHT),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::render(state, frame, header);
    graphs::render(&state.picture().history, frame, graphs);
    health::render(state.picture(), frame, health);
    if state.outage().is_some() {
        for old in [header::place_of(header), graphs, health] {
            fade(frame, old);
        }
    }
    footer::render(frame, footer);
    if state.help() {
        help::render(frame, area);
    }
}

/// As many whole rows for each graph as there is room for, and the time axis. Taller than six, a graph says
/// no more.
fn graphs_height(height: u16, air: u16) -> u16 {
    let graphs = u16::try_from(Metric::ALL.len()).unwrap_or(u16::MAX);
    let others = header::HEIGHT + health::HEIGHT + 2 * air + 2;
    (height.saturating_sub(others) / graphs).clamp(1, 6) * graphs + 1
}

/// Greys what is no longer so.
fn fade(frame: &mut Frame<'_>, area: Rect) {
    let faded = Style::new()
        .fg(Color::Reset)
        .remove_modifier(Modifier::BOLD | Modifier::REVERSED)
        .add_modifier(Modifier::DIM);
    frame.buffer_mut().set_style(area, faded);
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let lines = [
        Line::from("This window is too small.").bold(),
        Line::from(format!("It is {}×{}.", area.width, area.height)),
        Line::from(format!("It takes {}×{}.", SMALLEST.0, SMALLEST.1)),
        Line::from("q quits."),
    ];
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let middle = area.centered_vertically(Constraint::Length(height));
    frame.render_widget(Paragraph::new(lines.to_vec()).centered(), middle);
}

#[cfg(test)]
mod tests;
