//! The table of connections, on its own screen and below a room.

use chatd::admin::api::Rows;
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::Widget as _,
};

use super::{
    table::{self, Column, figures, texts, wide},
    text::{UNKNOWN, ago, bytes, clean, count, rate, took},
};
use crate::state::{State, Table};

const COLUMNS: &[Column] = &[
    texts("user", "USER", 0),
    texts("address", "ADDRESS", 16),
    wide(texts("", "DEVICE", 18)),
    figures("since", "SINCE", 6),
    figures("rooms", "ROOMS", 6),
    figures("sent_rate", "OUT/S", 7),
    figures("received_rate", "IN/S", 6),
    wide(figures("", "SENT", 11)),
    figures("waiting", "WAITING", 10),
    figures("lag", "LAG", 7),
];

/// From which lag on a connection stands out, in milliseconds.
const LATE_MS: u64 = 1000;

/// Draws it, below a line that says how many there are.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let [first, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let Some(conns) = &state.picture().frame.conns else {
        return Line::from(" Waiting for the server …").render(first, buffer);
    };
    title("connections", conns, &state.conns.filter, first, buffer);
    rows(state, &state.conns, below, buffer);
}

/// How many there are, how many of them are meant, and how many are shown.
pub(super) fn title<T>(what: &str, rows: &Rows<T>, filter: &str, area: Rect, buffer: &mut Buffer) {
    let shown = rows.rows.len() as u64;
    let text = if rows.matched == rows.total {
        format!(" {} {what}", count(rows.total))
    } else {
        format!(" {} of {} {what}", count(rows.matched), count(rows.total))
    };
    let mut spans = vec![Span::from(text)];
    if shown < rows.matched {
        spans.push(format!("; the first {} are here", count(shown)).into());
    }
    if !filter.is_empty() {
        spans.push(Span::from("   only ").dim());
        spans.push(Span::from(clean(filter)).bold());
    }
    Line::from(spans).render(area, buffer);
}

/// Draws the rows.
pub(super) fn rows(state: &State, table: &Table, area: Rect, buffer: &mut Buffer) {
    let frame = &state.picture().frame;
    let now = frame.status.at;
    // The first frame of a watch knows no rates yet.
    let per_second = |value: f64| {
        if frame.frame > 1 {
            rate(value)
        } else {
            UNKNOWN.into()
        }
    };
    let shown = state.conn_rows();
    let rows: Vec<_> = shown
        .iter()
        .map(|conn| {
            let late = conn.lag_ms >= LATE_MS;
            let lag = took(conn.lag_ms * 1000);
            let cells = vec![
                clean(&conn.user),
                clean(&conn.address),
                clean(conn.device.as_deref().unwrap_or_default()),
                ago(conn.since, now),
                count(conn.rooms),
                per_second(conn.sent_rate),
                per_second(conn.received_rate),
                count(conn.sent),
                bytes(conn.waiting),
                if conn.lag_ms == 0 { "0".into() } else { lag },
            ];
            (
                cells,
                if late {
                    Style::new().red().bold()
                } else {
                    Style::new()
                },
            )
        })
        .collect();
    let ids: Vec<&str> = shown.iter().map(|conn| &*conn.id).collect();
    table::render(
        COLUMNS,
        Some(table.sorted()),
        &rows,
        table.place(&ids),
        area,
        buffer,
    );
}
