//! The top lines: which server this is, where it is, and whether it still answers.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph},
};

use super::text::{escape, period, tail, time};
use crate::state::{Outage, Picture, State};

/// Two lines about the server, and one that is a rule, or says what is wrong.
pub(super) const HEIGHT: u16 = 3;

/// Draws the top lines.
pub(super) fn render(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let [first, second, third] = rows(area);
    let picture = state.picture();
    let since = clock(state);
    let width = u16::try_from(since.width()).unwrap_or(u16::MAX);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(first);
    frame.render_widget(life(state), left);
    frame.render_widget(since, right);
    frame.render_widget(place(picture, second.width), second);
    match state.outage() {
        Some(outage) => frame.render_widget(reason(outage), third),
        None => frame.render_widget(Block::new().borders(Borders::TOP).dim(), third),
    }
}

/// Where in the area the line is that is about a life of the server, and gets old with it.
pub(super) fn place_of(area: Rect) -> Rect {
    rows(area)[1]
}

fn rows(area: Rect) -> [Rect; 3] {
    Layout::vertical([Constraint::Length(1); 3]).areas(area)
}

/// What it is, and whether it lives.
fn life(state: &State) -> Line<'static> {
    let status = &state.picture().status;
    let name = format!(" chatd {}", escape(&status.version));
    let life = match state.outage() {
        Some(outage) => {
            let length = period(outage.at.since(outage.since));
            let since = time(outage.since);
            Span::from(format!("✖ no answer since {since}, {length}; retrying"))
                .red()
                .bold()
        }
        None if status.running => Span::from("● running").green(),
        None => Span::from("○ not running; this is its store").bold(),
    };
    Line::from_iter([Span::from(name).bold(), Span::from("  "), life])
}

/// For how long it has run, and of when the picture is.
fn clock(state: &State) -> Line<'static> {
    let status = &state.picture().status;
    let mut spans = vec![Span::from(" ")];
    if state.paused() {
        spans.extend([Span::from(" paused ").reversed().bold(), Span::from("   ")]);
    }
    if status.running && state.outage().is_none() {
        let up = period(status.at.since(status.started_at));
        spans.push(Span::from(format!("up {up}   ")));
    }
    spans.push(Span::from(format!("{} ", time(status.at))).dim());
    Line::from(spans)
}

/// Where it listens, which process it is, whom it lets in, and where its data is.
fn place(picture: &Picture, width: u16) -> Line<'static> {
    let status = &picture.status;
    let mut pairs = Vec::new();
    if let Some(listen) = &status.listen {
        pairs.push(("listen", escape(listen)));
    }
    pairs.push(("pid", status.pid.to_string()));
    pairs.push(("registration", escape(&status.registration)));
    let mut spans = vec![Span::from(" ")];
    for (name, value) in pairs {
        spans.push(Span::from(format!("{name} ")).dim());
        spans.push(Span::from(format!("{value}   ")));
    }
    spans.push(Span::from("data ").dim());
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(used + 1);
    spans.push(Span::from(tail(&escape(&status.store.location), room)));
    Line::from(spans)
}

/// Why there is no answer.
fn reason(outage: &Outage) -> Paragraph<'static> {
    Paragraph::new(Line::from(format!(" {}", escape(&outage.why))).red())
}
