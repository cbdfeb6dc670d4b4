//! How the server is, on one screen.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{
    big, feeds,
    gauge::gauge,
    graph, jobs,
    text::{UNKNOWN, bytes, count, maybe_took, rate, whole},
};
use crate::state::{History, Latency, Metric, State};

/// The three figures that one looks at first.
const FIRST: [(Metric, &str); 3] = [
    (Metric::Connections, "connections"),
    (Metric::Messages, "messages/s"),
    (Metric::Deliveries, "deliveries/s"),
];

/// How high a window's body is that has room for large digits.
const TALL: u16 = 32;

/// Draws the screen.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let tall = area.height >= TALL;
    let first = if tall { 11 } else { 6 };
    let [figures, _, times, _, load, _, work, _, recent] = Layout::vertical([
        Constraint::Length(first),
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Length(u16::from(tall)),
        Constraint::Length(4),
        Constraint::Length(u16::from(tall)),
        Constraint::Length(2),
        Constraint::Length(u16::from(tall)),
        Constraint::Fill(1),
    ])
    .areas(area);
    let history = &state.picture().history;
    if tall {
        side_by_side(state, history, figures, buffer);
    } else {
        below_each_other(history, figures, buffer);
    }
    latencies(history, times, buffer);
    busy(state, load, buffer);
    Paragraph::new(vec![jobs::archive_line(state), jobs::store_line(state)]).render(work, buffer);
    feeds::recent(state, recent, buffer);
}

fn figure(metric: Metric, value: Option<f64>) -> String {
    match (metric, value) {
        (_, None) => UNKNOWN.to_owned(),
        (Metric::Connections, Some(value)) => count(whole(value)),
        (_, Some(value)) => rate(value),
    }
}

/// Large digits above graphs.
fn side_by_side(state: &State, history: &History, area: Rect, buffer: &mut Buffer) {
    let columns = Layout::horizontal([Constraint::Fill(1); 3]).split(area);
    for ((metric, name), column) in FIRST.into_iter().zip(columns.iter()) {
        let column = Rect {
            x: column.x + 1,
            width: column.width.saturating_sub(3),
            ..*column
        };
        let [title, digits, bars, axis] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(big::HEIGHT),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(column);
        let now = figure(metric, history.now(metric));
        let peak = figure(metric, history.peak(metric));
        let mut text = vec![Span::from(name).bold()];
        if state.look.ascii || big::width(&now) > column.width.into() {
            text.push(Span::from(format!("  {now}")).bold());
        } else {
            big::render(&now, Style::new().bold(), digits, buffer);
        }
        text.push(Span::from(format!("   peak {peak}")).dim());
        Line::from(text).render(title, buffer);
        graph::of_metric(history, metric, bars, buffer);
        graph::minutes(axis, buffer);
    }
}

/// Figures with their graphs at the right.
fn below_each_other(history: &History, area: Rect, buffer: &mut Buffer) {
    let rows = Layout::vertical([Constraint::Length(2); 3]).split(area);
    for ((metric, name), row) in FIRST.into_iter().zip(rows.iter()) {
        let [left, bars, _] = Layout::horizontal([
            Constraint::Length(27),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(*row);
        let now = figure(metric, history.now(metric));
        let peak = figure(metric, history.peak(metric));
        let lines = vec![
            Line::from(format!(" {:<14}{peak:>10}", "  peak")).dim(),
            Line::from_iter([
                Span::from(format!(" {name:<14}")),
                Span::from(format!("{now:>10}")).bold(),
            ]),
        ];
        let lines: Vec<_> = lines.into_iter().rev().collect();
        Paragraph::new(lines).render(left, buffer);
        graph::of_metric(history, metric, bars, buffer);
    }
}

/// How long things took, and the worst of it over the minutes.
fn latencies(history: &History, area: Rect, buffer: &mut Buffer) {
    const FIGURES: u16 = 46;
    let rows = Layout::vertical([Constraint::Length(1); 4]).split(area);
    let cells = |name: &str, cells: [String; 3]| {
        let [p50, p99, p999] = cells;
        format!(" {name:<10}{p50:>11}{p99:>11}{p999:>11}")
    };
    let title = cells("", ["p50".into(), "p99".into(), "p99.9".into()]);
    let title = format!("{title}   p99 over the last minutes");
    Line::from(title).dim().render(rows[0], buffer);
    let lines = [
        (
            "delivery",
            Metric::Delivery,
            history.latency(|t| &t.delivery),
        ),
        ("send", Metric::Send, history.latency(|t| &t.send)),
        ("commit", Metric::Commit, history.latency(|t| &t.commit)),
    ];
    for ((name, metric, latency), row) in lines.into_iter().zip(rows.iter().skip(1)) {
        let Latency { p50, p99, p999 } = latency;
        let text = cells(name, [p50, p99, p999].map(maybe_took));
        Line::from(text).render(*row, buffer);
        let bars = Rect {
            x: row.x + FIGURES,
            width: row.width.saturating_sub(FIGURES + 1),
            ..*row
        };
        graph::of_metric(history, metric, bars, buffer);
    }
}

/// Queues against their limits at the left, what the machine gives at the right.
fn busy(state: &State, area: Rect, buffer: &mut Buffer) {
    let picture = state.picture();
    let (load, status) = (&picture.frame.load, &picture.frame.status);
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
    let columns = if area.width >= 110 { 18 } else { 10 };
    let row = |name: &str, now: u64, most: u64, text: String| {
        let mut spans = vec![Span::from(format!(" {name:<10}"))];
        spans.extend(gauge(now, most, columns));
        spans.push(Span::from(text));
        Line::from(spans)
    };
    let of = |now: u64, most: u64| format!(" {} of {}", count(now), count(most));
    let longest = format!(
        " outboxes  {}, longest {}",
        bytes(load.outbox_bytes),
        bytes(load.outbox_longest)
    );
    let queues = vec![
        row(
            "appender",
            load.append_queue,
            load.append_limit,
            of(load.append_queue, load.append_limit),
        ),
        row(
            "passwords",
            load.hash_queue,
            load.hash_limit,
            of(load.hash_queue, load.hash_limit),
        ),
        row(
            "files",
            load.open_files,
            load.max_files,
            of(load.open_files, load.max_files),
        ),
        Line::from(longest),
    ];
    Paragraph::new(queues).render(left, buffer);
    let cpu = picture.history.now(Metric::Cpu);
    let thousandths = whole(cpu.unwrap_or(0.0) * 1000.0);
    let used = cpu.map_or_else(|| UNKNOWN.into(), |cpu| format!("{:.0} %", cpu * 100.0));
    let cores = match load.cores {
        1 => "1 core".into(),
        cores => format!("{cores} cores"),
    };
    let machine = vec![
        row(
            "cpu",
            thousandths,
            load.cores * 1000,
            format!(" {used} of {cores}"),
        ),
        Line::from_iter([
            Span::from(format!(" {:<10}", "memory")),
            Span::from(bytes(status.memory_bytes)),
        ]),
        trouble(state),
        Line::from(format!(
            " commits   {}/s, {} entries each",
            maybe(picture.history.now(Metric::Commits)),
            maybe(picture.history.now(Metric::Batch))
        )),
    ];
    Paragraph::new(machine).render(right, buffer);
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.into(), rate)
}

/// The counters that should stand still, within the minutes that are shown.
fn trouble(state: &State) -> Line<'static> {
    let recent = state.picture().history.trouble();
    let part = |many: u64, what: &str| {
        let text = format!("{} {what}", count(many));
        if many > 0 {
            Span::from(text).magenta().bold()
        } else {
            Span::from(text)
        }
    };
    Line::from_iter([
        Span::from(" refused   "),
        part(recent.slow_consumers, "slow"),
        Span::from(", "),
        part(recent.rate_limited, "limited"),
        Span::from(", "),
        part(recent.failed_logins, "logins"),
    ])
}
