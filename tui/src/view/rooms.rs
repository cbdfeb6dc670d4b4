//! The table of rooms.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Line,
    widgets::Widget as _,
};

use super::{
    conns::title,
    table::{self, Column, figures, texts},
    text::{UNKNOWN, ago, clean, count, rate},
};
use crate::state::State;

const COLUMNS: &[Column] = &[
    texts("name", "ROOM", 0),
    texts("", "", 8),
    figures("members", "MEMBERS", 8),
    figures("listeners", "LISTEN", 7),
    figures("message_rate", "MSG/S", 7),
    figures("delivery_rate", "OUT/S", 8),
    figures("messages", "MESSAGES", 11),
    figures("last_at", "LAST", 6),
];

/// Draws it, below a line that says how many there are.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let frame = &state.picture().frame;
    let [first, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let Some(rooms) = &frame.rooms else {
        return Line::from(" Waiting for the server …").render(first, buffer);
    };
    title("rooms", rooms, &state.rooms.filter, first, buffer);
    let now = frame.status.at;
    // The first frame of a watch knows no rates yet.
    let per_second = |value: f64| {
        if frame.frame > 1 {
            rate(value)
        } else {
            UNKNOWN.into()
        }
    };
    let rows: Vec<_> = rooms
        .rows
        .iter()
        .map(|room| {
            let kind = match (room.locked, room.private) {
                (true, _) => "locked",
                (false, true) => "private",
                (false, false) => "",
            };
            let cells = vec![
                clean(&room.name),
                kind.to_owned(),
                count(room.members),
                count(room.listeners),
                per_second(room.message_rate),
                per_second(room.delivery_rate),
                count(room.messages),
                room.last_at
                    .map_or_else(|| UNKNOWN.into(), |at| ago(at, now)),
            ];
            (cells, Style::new())
        })
        .collect();
    let ids: Vec<&str> = rooms.rows.iter().map(|room| &*room.id).collect();
    let place = state.rooms.place(&ids);
    table::render(
        COLUMNS,
        Some(state.rooms.sorted()),
        &rows,
        place,
        below,
        buffer,
    );
}
