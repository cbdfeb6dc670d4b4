//! How full something is.

use ratatui::{
    style::{Style, Stylize as _},
    text::Span,
};

use super::text::whole;

/// The widths that the end of a bar can have within one cell.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of so many columns, in brackets. From four fifths on it is red, and says so with `!`.
#[expect(clippy::cast_precision_loss, reason = "a bar to look at")]
pub(super) fn gauge(now: u64, most: u64, columns: usize) -> Vec<Span<'static>> {
    let share = if most == 0 {
        0.0
    } else {
        (now as f64 / most as f64).min(1.0)
    };
    let full = most > 0 && share >= 0.8;
    let style = if full {
        Style::new().red().bold()
    } else {
        Style::new().cyan()
    };
    let mut spans = vec![Span::from("[").dim()];
    spans.push(Span::styled(bar(share, columns), style));
    spans.push(Span::from("]").dim());
    spans.push(if full {
        Span::styled("!", style)
    } else {
        Span::from(" ")
    });
    spans
}

/// A bar of so many columns.
#[expect(clippy::cast_precision_loss, reason = "a bar to look at")]
pub(super) fn bar(share: f64, columns: usize) -> String {
    // What is more than nothing shows.
    let least = u64::from(share > 0.0);
    let eighths = whole(share * columns as f64 * 8.0).max(least);
    let eighths = usize::try_from(eighths).unwrap_or(0).min(columns * 8);
    let mut bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    let used = eighths.div_ceil(8);
    bar.push_str(&" ".repeat(columns - used));
    bar
}
