//! The lower part: how the store is, and the counters that should stand still.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::text::{bytes, count, escape, period};
use crate::state::Picture;

/// A title and three lines.
pub(super) const HEIGHT: u16 = 4;

/// Draws both halves.
pub(super) fn render(picture: &Picture, frame: &mut Frame<'_>, area: Rect) {
    let [left, right, _] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(41),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(store(picture), left);
    frame.render_widget(trouble(picture), right);
}

/// What the store holds, and whether it answers.
fn store(picture: &Picture) -> Paragraph<'static> {
    let store = &picture.status.store;
    let ready = if store.ready {
        Span::from("● ready").green()
    } else {
        Span::from("✖ does not answer").red().bold()
    };
    let backend = format!("{} {}", escape(&store.backend), escape(&store.version));
    let title = [Span::from(" Store  ").bold(), ready];
    let row = |name: &str, value: String, note: &str| {
        Line::from_iter([
            Span::from(format!(" {name:<8}")),
            Span::from(format!("{value:>9}")).bold(),
            Span::from(format!("  {note}")).dim(),
        ])
    };
    Paragraph::new(vec![
        Line::from_iter(title),
        row("size", known(store.bytes.map(bytes)), &backend),
        row("users", known(store.users.map(count)), ""),
        row("rooms", known(store.rooms.map(count)), ""),
    ])
}

/// A figure, or what stands for one that a store without an answer does not tell.
fn known(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "–".into())
}

/// What went wrong: within the history, where it can still be seen above, and since the server's start.
fn trouble(picture: &Picture) -> Paragraph<'static> {
    let recent = picture.history.trouble();
    let total = &picture.status.counts;
    let span = picture.history.span().max(Duration::from_secs(1));
    let last = format!("last {}", period(span));
    let title = Line::from_iter([
        Span::from(format!("{:<16}", "Trouble")).bold(),
        Span::from(format!("{last:>12}{:>13}", "since start")).dim(),
    ]);
    let row = |name: &str, recent: u64, total: u64| {
        let figure = format!("{:>12}", count(recent));
        let (name, figure) = if recent > 0 {
            (
                Span::from(format!("▲ {name:<14}")).red().bold(),
                Span::from(figure).red().bold(),
            )
        } else {
            (Span::from(format!("  {name:<14}")), Span::from(figure))
        };
        Line::from_iter([name, figure, Span::from(format!("{:>13}", count(total)))])
    };
    Paragraph::new(vec![
        title,
        row(
            "slow consumers",
            recent.slow_consumers,
            total.slow_consumers,
        ),
        row("rate limited", recent.rate_limited, total.rate_limited),
        row("failed logins", recent.failed_logins, total.failed_logins),
    ])
}
