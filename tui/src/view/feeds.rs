//! Events and the log: the newest at the bottom.

use chatd::{
    admin::api::{Happening, Kind, LogLine},
    feed::Numbered,
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::{Line as Text, Span},
    widgets::Widget as _,
};

use super::text::{clean, clock, count, fit};
use crate::state::{LEVELS, Line, State, Tail, level_passes, of_kind};

/// Draws the events.
pub(super) fn events(state: &State, area: Rect, buffer: &mut Buffer) {
    let kind = state
        .events
        .kind
        .map_or("all kinds", |kind| Kind::ALL[kind].as_str());
    let (title, below) = parts(area);
    let (lines, all) = state.events.window(below.height.into(), of_kind);
    titled(&state.events, all, kind, title, buffer);
    show(&lines, below, buffer, |item| event(item, area.width.into()));
}

/// Draws the log.
pub(super) fn log(state: &State, area: Rect, buffer: &mut Buffer) {
    let level = state.log.kind.map_or("all levels", |level| LEVELS[level]);
    let (title, below) = parts(area);
    let (lines, all) = state.log.window(below.height.into(), level_passes);
    titled(&state.log, all, level, title, buffer);
    show(&lines, below, buffer, |item| {
        log_line(item, area.width.into())
    });
}

/// Draws the last events, where there is room for them.
pub(super) fn recent(state: &State, area: Rect, buffer: &mut Buffer) {
    let (title, below) = parts(area);
    if below.height == 0 || area.height < 2 {
        return;
    }
    let (lines, _) = state.events.window(below.height.into(), |_, _| true);
    Text::from(" Last events").bold().render(title, buffer);
    show(&lines, below, buffer, |item| event(item, area.width.into()));
}

fn parts(area: Rect) -> (Rect, Rect) {
    let [title, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    (title, below)
}

fn titled<T: crate::state::Item>(
    tail: &Tail<T>,
    all: usize,
    kind: &str,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut spans = vec![Span::from(format!(" {} lines, {kind}", count(all as u64)))];
    if !tail.words.is_empty() {
        spans.push(Span::from("   only with ").dim());
        spans.push(Span::from(clean(&tail.words)).bold());
    }
    if tail.back() > 0 {
        let text = format!(
            "   scrolled back, {} more below; End goes on",
            count(tail.back() as u64)
        );
        spans.push(Span::from(text).magenta());
    }
    Text::from(spans).render(area, buffer);
}

fn show<T>(
    lines: &[&Line<T>],
    area: Rect,
    buffer: &mut Buffer,
    each: impl Fn(&Numbered<T>) -> Text<'static>,
) {
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        let text = match line {
            Line::Item(item) => each(item),
            Line::Gap(missed) => {
                let text = format!(" ··· {} are missing here ···", count(*missed));
                Text::from(text).magenta()
            }
            Line::Restart => Text::from(" ─── the server was started anew ───").bold(),
        };
        text.render(
            Rect {
                y,
                height: 1,
                ..area
            },
            buffer,
        );
    }
}

fn event(item: &Numbered<Happening>, columns: usize) -> Text<'static> {
    let event = &item.item;
    let bad = matches!(
        event.what.as_str(),
        "login.failed" | "login.limited" | "store.away"
    );
    let what = fit(&clean(&event.what), 18, false);
    let what = match event.kind {
        _ if bad => Span::from(what).red(),
        Kind::Store | Kind::Server => Span::from(what).magenta(),
        Kind::Act | Kind::Job => Span::from(what).bold(),
        Kind::Connection | Kind::Login => Span::from(what),
    };
    let mut rest = Vec::new();
    rest.extend(event.who.as_deref().map(clean));
    rest.extend(
        event
            .target
            .as_deref()
            .map(|target| format!("→ {}", clean(target))),
    );
    rest.extend(
        event
            .detail
            .as_deref()
            .map(|detail| format!("({})", clean(detail))),
    );
    let rest = fit(&rest.join(" "), columns.saturating_sub(31), false);
    Text::from_iter([
        Span::from(format!(" {} ", clock(event.at))).dim(),
        what,
        Span::from(format!("  {rest}")),
    ])
}

fn log_line(item: &Numbered<LogLine>, columns: usize) -> Text<'static> {
    let line = &item.item;
    let level = format!("{} ", fit(&clean(&line.level), 5, false));
    let level = match line.level.as_str() {
        "ERROR" => Span::from(level).red().bold(),
        "WARN" => Span::from(level).magenta().bold(),
        "INFO" => Span::from(level).green(),
        _ => Span::from(level).dim(),
    };
    let target = clean(line.target.trim_start_matches("chatd::"));
    let mut text = clean(&line.message);
    for field in &line.fields {
        text.push(' ');
        text.push_str(&clean(field));
    }
    Text::from_iter([
        Span::from(format!(" {} ", clock(line.at))).dim(),
        level,
        Span::from(format!("{} ", fit(&target, 14, false))).dim(),
        Span::from(fit(&text, columns.saturating_sub(32), false)),
    ])
}
