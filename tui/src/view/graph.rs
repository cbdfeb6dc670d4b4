//! A figure's last minutes as bars.

use std::collections::VecDeque;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::Widget as _,
};

use super::text::{UNKNOWN, rate, whole};
use crate::state::{History, Metric, WINDOW};

/// The heights a bar can have within one cell.
const EIGHTHS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// What stands for a known nothing, to be told from nothing known, which stays empty.
const ZERO: &str = "_";

/// Round numbers, to be multiplied by a power of ten.
const ROUND: &[f64] = &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

/// Round numbers of bytes, to be multiplied by a power of two.
const ROUND_BYTES: &[f64] = &[1.0, 1.25, 1.5, 1.75, 2.0];

/// Draws a figure's history.
pub(super) fn of_metric(history: &History, metric: Metric, area: Rect, buffer: &mut Buffer) {
    let seconds = seconds(area.width);
    let columns = history.columns(area.width.into(), seconds, metric);
    bars(&columns, ceiling(metric, history), area, buffer);
}

/// Draws values, one a column, the newest at the right edge.
pub(super) fn of_values(
    values: impl DoubleEndedIterator<Item = f64>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut columns: Vec<Option<f64>> = values.rev().take(area.width.into()).map(Some).collect();
    columns.resize(area.width.into(), None);
    columns.reverse();
    let peak = columns.iter().flatten().copied().fold(1.0, f64::max);
    bars(
        &columns,
        round(ROUND, peak, 10_f64.powf(peak.log10().floor())),
        area,
        buffer,
    );
}

/// Draws two rates with their names, each with its number of now and what it was lately, a line each.
pub(super) fn of_rates(
    names: [&str; 2],
    rates: &VecDeque<[f64; 2]>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let rows = Layout::vertical([Constraint::Length(1); 2]).split(area);
    for ((i, name), row) in names.into_iter().enumerate().zip(rows.iter()) {
        let now = rates
            .back()
            .map_or_else(|| UNKNOWN.into(), |rates| rate(rates[i]));
        let text = Line::from_iter([
            Span::from(format!(" {name:<14}")),
            Span::from(format!("{now:>8}  ")).bold(),
        ]);
        text.render(*row, buffer);
        let bars = Rect {
            x: row.x + 26,
            width: row.width.saturating_sub(27),
            ..*row
        };
        of_values(rates.iter().map(|rates| rates[i]), bars, buffer);
    }
}

/// How many seconds a column stands for, with so many columns.
fn seconds(columns: u16) -> u64 {
    WINDOW.as_secs().div_ceil(u64::from(columns.max(1))).max(1)
}

/// What the full height stands for: the next round number above the peak, so that the scale stays put while the peak
/// creeps.
fn ceiling(metric: Metric, history: &History) -> f64 {
    let peak = history.peak(metric).unwrap_or(0.0);
    match metric {
        Metric::Memory => round(
            ROUND_BYTES,
            peak.max(1.0),
            peak.max(1.0).log2().floor().exp2(),
        ),
        Metric::Cpu => round(
            ROUND,
            peak.max(0.1),
            10_f64.powf(peak.max(0.1).log10().floor()),
        ),
        _ => round(
            ROUND,
            peak.max(1.0),
            10_f64.powf(peak.max(1.0).log10().floor()),
        ),
    }
}

fn round(steps: &[f64], peak: f64, unit: f64) -> f64 {
    let mut round = steps.iter().map(|step| step * unit);
    round.find(|round| *round >= peak).unwrap_or(peak)
}

/// Draws bars. The topmost eighth stays free, so that a full bar does not touch what is above.
fn bars(columns: &[Option<f64>], ceiling: f64, area: Rect, buffer: &mut Buffer) {
    let levels = f64::from((area.height * 8).saturating_sub(1));
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
pub(super) fn minutes(area: Rect, buffer: &mut Buffer) {
    let dim = Style::new().dim();
    let seconds = seconds(area.width);
    for minute in 1..=WINDOW.as_secs() / 60 {
        let back = u16::try_from(minute * 60 / seconds).unwrap_or(u16::MAX);
        let place = (area.right() - 1).checked_sub(back);
        if let Some(x) = place.filter(|x| *x >= area.x) {
            buffer.set_string(x, area.y, format!("{minute}m"), dim);
        }
    }
    buffer.set_string(area.right().saturating_sub(3), area.y, "now", dim);
}
