//! One connection: whose it is, how it does, and what it listens to.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _, Wrap},
};

use super::{
    graph,
    text::{UNKNOWN, ago, bytes, clean, count, took},
};
use crate::state::{ConnView, State};

/// Draws it.
pub(super) fn render(state: &State, view: &ConnView, area: Rect, buffer: &mut Buffer) {
    let [facts, _, graphs, _, rooms] = Layout::vertical([
        Constraint::Length(7),
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    Paragraph::new(particulars(state, view)).render(facts, buffer);
    graph::of_rates(["sent/s", "received/s"], &view.rates, graphs, buffer);
    listens(view).render(rooms, buffer);
}

fn particulars(state: &State, view: &ConnView) -> Vec<Line<'static>> {
    let (row, now) = (&view.row, state.picture().frame.status.at);
    let mut first = vec![Span::from(format!(" {}", clean(&row.user))).bold()];
    if !view.here {
        first.push(Span::from("   gone: it has closed").red().bold());
    }
    let pair = |name: &str, value: String| {
        Line::from_iter([Span::from(format!(" {name:<10}")).dim(), Span::from(value)])
    };
    let device = row.device.as_deref().map_or_else(|| UNKNOWN.into(), clean);
    vec![
        Line::from(first),
        pair("id", clean(&row.id)),
        pair("session", clean(&row.session)),
        pair("from", format!("{}, {device}", clean(&row.address))),
        pair("since", format!("{} ago", ago(row.since, now))),
        pair(
            "frames",
            format!(
                "{} sent to it, {} received",
                count(row.sent),
                count(row.received)
            ),
        ),
        pair(
            "waiting",
            format!(
                "{}, the oldest for {}",
                bytes(row.waiting),
                took(row.lag_ms * 1000)
            ),
        ),
    ]
}

fn listens(view: &ConnView) -> Paragraph<'static> {
    let text = match &view.detail.known {
        None => " Waiting for the server …".into(),
        Some(Err(why)) => format!(" {}", clean(why)),
        Some(Ok(detail)) if detail.listens_to.is_empty() => " It listens to no room.".into(),
        Some(Ok(detail)) => {
            let rooms: Vec<String> = detail.listens_to.iter().map(|room| clean(room)).collect();
            format!(
                " Listens to {}: {}",
                count(view.row.rooms),
                rooms.join(", ")
            )
        }
    };
    Paragraph::new(text).wrap(Wrap { trim: false })
}
