//! The top lines: which server this is and whether it lives, the screens, and what is most in need of somebody.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Borders, Widget as _},
};

use super::text::{clean, fit, period, time};
use crate::state::{Outage, Screen, State, Weight, most_urgent};

/// The server, the screens, and a rule or what is wrong.
pub(super) const HEIGHT: u16 = 3;

/// Draws the top lines.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let [first, second, third] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    server(state, first, buffer);
    tabs(state).render(second, buffer);
    lowest(state, third, buffer);
}

/// Draws them without the screens.
pub(super) fn render_plain(state: &State, area: Rect, buffer: &mut Buffer) {
    let [first, second, _] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    server(state, first, buffer);
    lowest(state, second, buffer);
}

fn server(state: &State, area: Rect, buffer: &mut Buffer) {
    let clock = clock(state);
    let width = u16::try_from(clock.width()).unwrap_or(u16::MAX);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    life(state).render(left, buffer);
    clock.render(right, buffer);
}

/// What it is, and whether it lives.
fn life(state: &State) -> Line<'static> {
    let status = &state.picture().frame.status;
    let name = format!(" chatd {}", clean(&status.version));
    let life = match state.outage() {
        Some(outage) => {
            let length = period(outage.now.since(outage.since));
            Span::from(format!("✖ no answer for {length}, {}", countdown(outage)))
                .red()
                .bold()
        }
        None if state.restarted() => Span::from("● running, restarted").green().bold(),
        None => Span::from("● running").green(),
    };
    let mut spans = vec![Span::from(name).bold(), Span::from("  "), life];
    if state.outage().is_none() {
        let up = period(status.at.since(status.started_at));
        spans.push(Span::from(format!("   up {up}")));
        spans.push(Span::from("   registration ").dim());
        spans.push(Span::from(clean(&status.registration)));
    }
    Line::from(spans)
}

fn countdown(outage: &Outage) -> String {
    let left = outage.next.since(outage.now);
    // Rounded up: as long as it waits it says so.
    match left.as_millis().div_ceil(1000) {
        0 => "trying now".into(),
        seconds => format!("next try in {seconds} s"),
    }
}

/// Of when the picture is.
fn clock(state: &State) -> Line<'static> {
    let at = state.picture().frame.status.at;
    let mut spans = vec![Span::from(" ")];
    if state.paused() {
        spans.extend([Span::from(" paused ").reversed().bold(), Span::from("  ")]);
    }
    if let Some(outage) = state.outage() {
        let age = period(outage.now.since(at));
        spans.extend([
            Span::from(format!("as of {age} ago")).bold(),
            Span::from("  "),
        ]);
    }
    spans.push(Span::from(format!("{} ", time(at))).dim());
    Line::from(spans)
}

fn tabs(state: &State) -> Line<'static> {
    let tab = |(i, screen): (usize, Screen)| {
        let text = format!(" {} {} ", i + 1, screen.title());
        let style = if screen == state.screen {
            Style::new().bold().reversed()
        } else {
            Style::new()
        };
        Span::styled(text, style)
    };
    Screen::ALL.into_iter().enumerate().map(tab).collect()
}

/// A rule when all is well.
fn lowest(state: &State, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let line = |text: &str, color: Color| {
        let text = format!(" ▲ {}", clean(text));
        Line::styled(fit(&text, columns, false), Style::new().fg(color).bold())
    };
    if let Some(outage) = state.outage() {
        return line(&outage.why, Color::Red).render(area, buffer);
    }
    match most_urgent(state.picture()) {
        Some((Weight::Broken, text)) => line(&text, Color::Red).render(area, buffer),
        Some((Weight::Worrying, text)) => line(&text, Color::Magenta).render(area, buffer),
        None => Block::new()
            .borders(Borders::TOP)
            .dim()
            .render(area, buffer),
    }
}
