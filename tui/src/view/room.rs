//! One room: what it is, how much is said in it, and who is connected there.

use chatd::admin::api::RoomDetail;
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{
    conns, graph,
    text::{UNKNOWN, ago, clean, count, fit},
};
use crate::state::{RoomView, State};

/// Draws it.
pub(super) fn render(state: &State, view: &RoomView, area: Rect, buffer: &mut Buffer) {
    let [facts, graphs, _, title, below] = Layout::vertical([
        Constraint::Length(5),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    Paragraph::new(particulars(state, view, area.width.into())).render(facts, buffer);
    graph::of_rates(["messages/s", "deliveries/s"], &view.rates, graphs, buffer);
    match &state.picture().frame.conns {
        Some(rows) => conns::title("connections", rows, "", title, buffer),
        None => Line::from(" Waiting for the server …").render(title, buffer),
    }
    conns::rows(state, &view.conns, below, buffer);
}

fn particulars(state: &State, view: &RoomView, columns: usize) -> Vec<Line<'static>> {
    let (row, now) = (&view.row, state.picture().frame.status.at);
    let mut first = vec![Span::from(format!(" {}", clean(&view.name))).bold()];
    let signs = [
        (row.locked, "locked"),
        (row.private, "private"),
        (!view.here, "quiet: nobody listens"),
    ];
    for (_, sign) in signs.into_iter().filter(|(is, _)| *is) {
        first.push(Span::from(format!("   {sign}")).magenta());
    }
    let last = row
        .last_at
        .map_or_else(|| UNKNOWN.into(), |at| ago(at, now) + " ago");
    let counts = format!(
        " {} members, {} listen, {} messages, the last entry {last}",
        count(row.members),
        count(row.listeners),
        count(row.messages)
    );
    let mut lines = vec![Line::from(first), Line::from(counts)];
    match &view.detail.known {
        None => {}
        Some(Err(why)) => lines.push(Line::from(format!(" {}", clean(why))).red()),
        Some(Ok(detail)) => lines.extend(known(detail, columns)),
    }
    lines
}

fn known(detail: &RoomDetail, columns: usize) -> Vec<Line<'static>> {
    let room = &detail.room;
    let text = |name: &str, value: &str| {
        let value = fit(&clean(value), columns.saturating_sub(11), false);
        Line::from_iter([Span::from(format!(" {name:<9}")).dim(), Span::from(value)])
    };
    let title = [&room.title, &room.topic];
    let title: Vec<&str> = title.into_iter().flatten().map(String::as_str).collect();
    let people = detail.people.iter().map(|person| &*person.name);
    let people: Vec<&str> = people.collect();
    let slow = match room.rules.slow_mode {
        0 => String::new(),
        seconds => format!(", slow mode {seconds} s"),
    };
    let rules = format!(
        "owner {}, history {}, post {}{slow}",
        room.owner,
        room.history.as_str(),
        room.rules.post.as_str()
    );
    vec![
        text("title", &title.join(" · ")),
        text("rules", &rules),
        text("members", &people.join(", ")),
    ]
}
