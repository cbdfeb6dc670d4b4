//! A row for each figure: what it is now, its peak, and its last minutes as bars over one time axis that
//! all rows share, so that what happened together stands below each other.

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::text::{UNKNOWN, bytes, count, rate, whole};
use crate::state::{History, Metric, WINDOW};

/// The width of the figures: the longest name, and a value as long as `1,000,000`.
const FIGURES: u16 = 27;

/// The heights a bar can have within one cell.
const EIGHTHS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// What stands for a known nothing, to be told from nothing known, which stays empty.
const ZERO: &str = "_";

/// Round numbers, to be multiplied by a power of ten.
const ROUND: &[f64] = &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

/// Round numbers of bytes, to be multiplied by a power of two.
const ROUND_BYTES: &[f64] = &[1.0, 1.25, 1.5, 1.75, 2.0];

/// Draws all rows and the axis. The height is that of the rows, all alike, and one line.
pub(super) fn render(history: &History, frame: &mut Frame<'_>, area: Rect) {
    let [rows, axis] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    let columns = area.width.saturating_sub(FIGURES + 1).max(1);
    let seconds = WINDOW.as_secs().div_ceil(u64::from(columns)).max(1);
    let rows = Layout::vertical([Constraint::Fill(1); Metric::ALL.len()]).split(rows);
    for (metric, row) in Metric::ALL.into_iter().zip(rows.iter()) {
        let [left, right, _] = split(*row);
        frame.render_widget(figures(metric, history, row.height), left);
        let columns = history.columns(right.width.into(), seconds, |sample| metric.of(sample));
        // A row with room to spare leaves its first line empty, so that the graphs do not grow together.
        let gap = u16::from(right.height > 3);
        let graph = Rect {
            y: right.y + gap,
            height: right.height - gap,
            ..right
        };
        bars(
            &columns,
            ceiling(metric, history),
            graph,
            frame.buffer_mut(),
        );
    }
    let [_, right, _] = split(axis);
    minutes(seconds, right, frame.buffer_mut());
}

fn split(row: Rect) -> [Rect; 3] {
    Layout::horizontal([
        Constraint::Length(FIGURES),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(row)
}

/// The name, the value now, and below it the peak, at the foot of the row like the bars.
fn figures(metric: Metric, history: &History, height: u16) -> Paragraph<'static> {
    let now = value(metric, metric.now(history));
    let mut lines = vec![Line::from_iter([
        Span::from(format!(" {:<14}", metric.name())),
        Span::from(format!("{now:>10}")).bold(),
    ])];
    if height > 1 {
        let peak = value(metric, metric.peak(history));
        lines.push(Line::from(format!(" {:<14}{peak:>10}", "  peak")).dim());
    }
    for _ in lines.len()..usize::from(height) {
        lines.insert(0, Line::default());
    }
    Paragraph::new(lines)
}

fn value(metric: Metric, value: Option<f64>) -> String {
    match (metric, value) {
        (_, None) => UNKNOWN.to_owned(),
        (Metric::Memory, Some(value)) => bytes(whole(value)),
        (Metric::Connections, Some(value)) => count(whole(value)),
        (_, Some(value)) => rate(value),
    }
}

/// What the full height of a graph stands for: the next round number above the peak, so that the scale
/// stays put while the peak creeps.
fn ceiling(metric: Metric, history: &History) -> f64 {
    let peak = metric.peak(history).unwrap_or(0.0).max(1.0);
    let (steps, unit) = match metric {
        Metric::Memory => (ROUND_BYTES, peak.log2().floor().exp2()),
        _ => (ROUND, 10_f64.powf(peak.log10().floor())),
    };
    let mut round = steps.iter().map(|step| step * unit);
    round.find(|round| *round >= peak).unwrap_or(peak)
}

/// Draws one graph. The topmost eighth stays free, so that a full bar does not touch the graph above.
fn bars(columns: &[Option<f64>], ceiling: f64, area: Rect, buffer: &mut Buffer) {
    let levels = f64::from(area.height * 8 - 1);
    for (x, value) in (area.x..area.right()).zip(columns) {
        let Some(value) = *value else { continue };
        if value <= 0.0 {
            buffer.set_string(x, area.bottom() - 1, ZERO, Style::new().dim());
            continue;
        }
        // What is more than nothing shows.
        let mut left = whole((value / ceiling).min(1.0) * levels).max(1);
        for y in (area.y..area.bottom()).rev() {
            let Some(eighth) = left.min(8).checked_sub(1) else {
                break;
            };
            let symbol = EIGHTHS[usize::try_from(eighth).unwrap_or(0)];
            buffer.set_string(x, y, symbol, Style::new().cyan());
            left -= eighth + 1;
        }
    }
}

/// Writes the minutes below the columns they are at.
fn minutes(seconds: u64, area: Rect, buffer: &mut Buffer) {
    let dim = Style::new().dim();
    for minute in 1..=WINDOW.as_secs() / 60 {
        let back = u16::try_from(minute * 60 / seconds).unwrap_or(u16::MAX);
        if let Some(x) = (area.right() - 1)
            .checked_sub(back)
            .filter(|x| *x >= area.x)
        {
            buffer.set_string(x, area.y, format!("{minute}m"), dim);
        }
    }
    buffer.set_string(area.right().saturating_sub(3), area.y, "now", dim);
}
