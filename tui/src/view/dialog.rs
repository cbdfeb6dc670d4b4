//! What is asked before something is done, and the line in which a filter is typed. The dialog takes the whole width
//! and has no frame at the sides, so that the command can be marked and copied with the mouse.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph, Widget as _, Wrap},
};

use super::text::{clean, fit};
use crate::state::{Dialog, Field, Input, Stage, State};

/// What the keys do.
const KEYS: &str = " Enter does it · Ctrl-T only tries it · Esc leaves it";

/// Draws a dialog over the lower part of an area.
pub(super) fn render(dialog: &Dialog, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width).max(1);
    let command = clean(&dialog.command());
    let command_lines = (command.chars().count() + 2).div_ceil(columns);
    let answer = answer(dialog);
    let answer_lines = answer.width().div_ceil(columns).max(1);
    let size = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let height = size(dialog.fields.len() + command_lines + answer_lines + 8).min(area.height);
    let [_, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(area);
    Clear.render(below, buffer);
    let block = Block::new()
        .borders(Borders::TOP)
        .title(format!(" {} ", clean(&dialog.act.title())).bold());
    let inner = block.inner(below);
    block.render(below, buffer);
    let mut lines = vec![
        Line::from(format!(" {}", dialog.act.does())),
        Line::default(),
    ];
    for (i, (field, input)) in dialog.fields.iter().enumerate() {
        lines.push(typed(
            &label(*field, dialog),
            input,
            i == dialog.at,
            columns,
        ));
    }
    if !dialog.fields.is_empty() {
        lines.push(Line::default());
    }
    lines.push(Line::from(" The same as:").dim());
    lines.push(Line::from(format!("  {command}")).bold());
    lines.push(Line::default());
    lines.push(answer);
    if matches!(dialog.stage, Stage::Typing(_) | Stage::Tried(_)) {
        lines.push(Line::from(KEYS).dim());
    }
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .render(inner, buffer);
}

fn label(field: Field, dialog: &Dialog) -> String {
    match field {
        Field::Reason => "reason".into(),
        Field::Period => "for (2h, 7d; empty: for good)".into(),
        Field::Age => "older than".into(),
        Field::Text => "text".into(),
        Field::Confirm => format!("type {} to do it", dialog.act.confirm().unwrap_or_default()),
    }
}

fn answer(dialog: &Dialog) -> Line<'static> {
    match &dialog.stage {
        Stage::Typing(None) => Line::default(),
        Stage::Typing(Some(why)) => Line::from(format!(" {}", clean(why))).red().bold(),
        Stage::Asked => Line::from(" Asking the server …"),
        Stage::Tried(said) => Line::from(format!(" {}", clean(said))).bold(),
        Stage::Over(Ok(said)) => Line::from(format!(" {} Any key goes on.", clean(said)))
            .green()
            .bold(),
        Stage::Over(Err(why)) => Line::from(format!(
            " Not done: {}. Any key goes on.",
            clean(why.trim_end_matches('.'))
        ))
        .red()
        .bold(),
    }
}

/// A field: its label, what was typed, and the cursor if it is there.
fn typed(label: &str, input: &Input, here: bool, columns: usize) -> Line<'static> {
    let label = format!(" {label}: ");
    let room = columns.saturating_sub(label.chars().count() + 2);
    let mut spans = vec![if here {
        Span::from(label).bold()
    } else {
        Span::from(label).dim()
    }];
    spans.extend(shown(input, here, room));
    Line::from(spans)
}

/// As much of a line as there is room for, around the cursor.
fn shown(input: &Input, here: bool, room: usize) -> Vec<Span<'static>> {
    let (before, after) = input.halves();
    let (before, after) = (clean(&before), clean(&after));
    let length = before.chars().count();
    let before: String = before
        .chars()
        .skip(length.saturating_sub(room / 2))
        .collect();
    let mut behind = after.chars();
    let under = behind.next().unwrap_or(' ');
    let rest: String = behind.take(room / 2).collect();
    let cursor = if here {
        Style::new().reversed()
    } else {
        Style::new()
    };
    vec![
        Span::from(before),
        Span::styled(under.to_string(), cursor),
        Span::from(rest),
    ]
}

/// Draws the line in which a filter is typed, and above it what was wrong with the last.
pub(super) fn filter(state: &State, input: &Input, area: Rect, buffer: &mut Buffer) {
    Clear.render(area, buffer);
    typed("filter", input, true, area.width.into()).render(area, buffer);
    let above = Rect {
        y: area.y.saturating_sub(1),
        ..area
    };
    let Some(note) = &state.note else {
        let keys = "Enter applies · Esc leaves it as it was ";
        let at = area
            .right()
            .saturating_sub(u16::try_from(keys.chars().count()).unwrap_or(0));
        if input.text().chars().count() < 28 {
            buffer.set_string(at, area.y, keys, Style::new().dim());
        }
        return;
    };
    let text = fit(&format!(" {}", clean(note)), above.width.into(), false);
    Clear.render(above, buffer);
    Line::styled(text, Style::new().red().bold()).render(above, buffer);
}
