//! Store and jobs: what the store is and how long its commits take, the archive, and work in the background.

use chatd::{
    admin::api::{EndedJob, Frame, Job},
    clock::Millis,
    stats::Durations,
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{
    gauge::bar,
    text::{UNKNOWN, ago, bytes, clean, count, fit, maybe_took, period, rate, took, whole},
};
use crate::state::{Metric, State};

/// The bars of the histogram: up to how long, in microseconds.
const STEPS: &[u64] = &[250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, u64::MAX];
/// The same where there are few lines.
const FEW_STEPS: &[u64] = &[1_000, 5_000, 50_000, u64::MAX];
/// How high the body of a window is that has room for all of them.
const TALL: u16 = 28;

/// Draws the screen.
pub(super) fn render(state: &State, area: Rect, buffer: &mut Buffer) {
    let steps = if area.height < TALL { FEW_STEPS } else { STEPS };
    let many = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let frame = &state.picture().frame;
    // What ended has the room that is left, and at least a line and its title.
    let jobs = many(frame.jobs.len()).saturating_add(1);
    let least = if frame.ended.is_empty() { 0 } else { 2 };
    let [store, _, commits, _, below] = Layout::vertical([
        Constraint::Length(5),
        Constraint::Length(1),
        Constraint::Length(many(steps.len()) + 1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [jobs, _, past] = Layout::vertical([
        Constraint::Length(jobs.min(below.height.saturating_sub(least))),
        Constraint::Length(u16::from(area.height >= TALL)),
        Constraint::Fill(1),
    ])
    .areas(below);
    Paragraph::new(facts(state)).render(store, buffer);
    histogram(state, steps, commits, buffer);
    list(state, jobs, buffer);
    ended(frame, past, buffer);
}

fn known(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| UNKNOWN.into())
}

/// A count with its noun: `1 user`, `2 users`.
fn many(figure: Option<u64>, noun: &str) -> String {
    let end = if figure == Some(1) { "" } else { "s" };
    format!("{} {noun}{end}", known(figure.map(count)))
}

/// What the store holds, in one line.
pub(super) fn store_line(state: &State) -> Line<'static> {
    let store = &state.picture().frame.status.store;
    let ready = if store.ready {
        Span::from("● ready").green()
    } else {
        Span::from("✖ away").red().bold()
    };
    Line::from_iter([
        Span::from(" store     "),
        ready,
        Span::from(format!(
            "  {} {}, {}, {}, {}",
            clean(&store.backend),
            clean(&store.version),
            known(store.bytes.map(bytes)),
            many(store.users, "user"),
            many(store.rooms, "room")
        )),
    ])
}

/// How the archive stands, in one line, with a bar while it runs.
pub(super) fn archive_line(state: &State) -> Line<'static> {
    let frame = &state.picture().frame;
    let mut spans = vec![Span::from(" archive   ")];
    match frame.jobs.iter().find(|job| job.kind == "archive") {
        Some(job) => spans.extend(progress(job, 20)),
        None => spans.push(Span::from(schedule(frame))),
    }
    Line::from(spans)
}

fn schedule(frame: &Frame) -> String {
    let now = frame.status.at;
    let Some(archive) = &frame.status.archive else {
        return "not known: the store does not answer".into();
    };
    let last = match (archive.last_at, archive.last_state) {
        (Some(at), Some(state)) => {
            format!("; the last run {} ago: {}", ago(at, now), state.as_str())
        }
        _ => String::new(),
    };
    let until = |at: Millis| period(at.since(now));
    match (&archive.schedule, archive.paused, archive.next_at) {
        (None, _, _) => format!("runs when asked to{last}"),
        (Some(cron), true, _) => format!("held; its schedule is {}{last}", clean(cron)),
        (Some(_), false, Some(at)) => format!("runs again in {}{last}", until(at)),
        (Some(cron), false, None) => format!("runs by {}{last}", clean(cron)),
    }
}

fn facts(state: &State) -> Vec<Line<'static>> {
    let picture = state.picture();
    let (store, history) = (&picture.frame.status.store, &picture.history);
    let pair = |name: &str, value: String| {
        Line::from_iter([Span::from(format!(" {name:<10}")).dim(), Span::from(value)])
    };
    let latency = history.latency(|t| &t.commit);
    let now = |metric| known(history.now(metric).map(rate));
    vec![
        store_line(state),
        pair(
            "where",
            format!("{}, schema {}", clean(&store.location), store.schema),
        ),
        disk(state),
        archive_line(state),
        pair(
            "commits",
            format!(
                "{}/s with {} entries each; p50 {}, p99 {}",
                now(Metric::Commits),
                now(Metric::Batch),
                maybe_took(latency.p50),
                maybe_took(latency.p99)
            ),
        ),
    ]
}

/// How much room there is, and how near the end of it is.
fn disk(state: &State) -> Line<'static> {
    let store = &state.picture().frame.status.store;
    let name = Span::from(format!(" {:<10}", "disk")).dim();
    let (Some(free), Some(least)) = (store.free, store.min_free) else {
        let why = if store.backend == "sqlite" {
            UNKNOWN
        } else {
            "of the database's own machine"
        };
        return Line::from_iter([name, Span::from(why)]);
    };
    let (text, below) = (format!("{} free", bytes(free)), bytes(least));
    let (text, why) = if free < least {
        let why = format!(": messages are refused, as below {below}");
        (Span::from(text).red().bold(), why)
    } else if free < least.saturating_mul(2) {
        let why = format!(": soon messages are refused, as below {below}");
        (Span::from(text).magenta().bold(), why)
    } else {
        let why = format!("; below {below} messages are refused");
        (Span::from(text), why)
    };
    Line::from_iter([name, text, Span::from(why)])
}

/// How many commits took how long.
#[expect(clippy::cast_precision_loss, reason = "a bar to look at")]
fn histogram(state: &State, steps: &[u64], area: Rect, buffer: &mut Buffer) {
    let spread = state.picture().history.spread(|t| &t.commit);
    let all = spread.count();
    let title = format!(" Commits of the last seconds: {}", count(all));
    let mut lines = vec![Line::from(title).bold()];
    let columns = usize::from(area.width).saturating_sub(34);
    for (text, many) in shares(&spread, steps) {
        let share = if all == 0 {
            0.0
        } else {
            many as f64 / all as f64
        };
        lines.push(Line::from_iter([
            Span::from(format!(" {text:>12}  ")),
            Span::from(bar(share, columns)).cyan(),
            Span::from(format!(" {:>8} {:>4} %", count(many), whole(share * 100.0))),
        ]));
    }
    Paragraph::new(lines).render(area, buffer);
}

fn shares(spread: &Durations, steps: &[u64]) -> Vec<(String, u64)> {
    let mut least = 0;
    let mut shares = Vec::new();
    for &most in steps {
        let within = spread
            .buckets
            .iter()
            .filter(|(us, _)| (least..most).contains(us));
        let many = within.map(|(_, count)| count).sum();
        let text = match most {
            u64::MAX => format!("≥ {}", took(least)),
            most => format!("< {}", took(most)),
        };
        shares.push((text, many));
        least = most;
    }
    shares
}

fn list(state: &State, area: Rect, buffer: &mut Buffer) {
    let frame = &state.picture().frame;
    if frame.jobs.is_empty() {
        return Line::from(" Nothing is under way in the background.")
            .dim()
            .render(area, buffer);
    }
    let stops = if frame.jobs.iter().any(|job| job.stoppable) {
        "; x stops the chosen one"
    } else {
        ""
    };
    let title = format!(" Under way: {}{stops}", frame.jobs.len());
    Line::from(title)
        .bold()
        .render(Rect { height: 1, ..area }, buffer);
    let height = usize::from(area.height).saturating_sub(1);
    let begin = (state.job + 1).saturating_sub(height);
    let shown = frame.jobs.iter().enumerate().skip(begin);
    for ((i, job), y) in shown.zip(area.y + 1..area.bottom()) {
        let meant = i == state.job;
        let sign = if meant { ">" } else { " " };
        let mut spans = vec![Span::from(format!(
            "{sign}{:<10}",
            fit(&clean(&job.kind), 10, false)
        ))];
        let since = ago(job.since, frame.status.at);
        spans.push(Span::from(format!("{since:>4}  ")).dim());
        spans.extend(progress(job, 16));
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        Line::from(spans).render(line, buffer);
        if meant {
            buffer.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// What ended lately, the newest first.
fn ended(frame: &Frame, area: Rect, buffer: &mut Buffer) {
    if frame.ended.is_empty() {
        return;
    }
    let lines = frame.ended.iter().map(|job| past(job, frame.status.at));
    let lines: Vec<_> = [Line::from(" Ended").bold()]
        .into_iter()
        .chain(lines)
        .collect();
    Paragraph::new(lines).render(area, buffer);
}

fn past(job: &EndedJob, now: Millis) -> Line<'static> {
    let state = format!("{:<12}", fit(&clean(&job.state), 11, false));
    let state = match job.state.as_str() {
        "done" => Span::from(state).green(),
        "failed" => Span::from(state).red().bold(),
        _ => Span::from(state).magenta(),
    };
    let lasted = job.ended_at.map(|at| at.since(job.since));
    let lasted = lasted.map_or_else(String::new, |lasted| {
        let us = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX);
        match lasted.as_secs() {
            0..60 => format!(" in {}", took(us)),
            _ => format!(" in {}", period(lasted)),
        }
    });
    let why = job
        .trouble
        .as_deref()
        .map_or_else(String::new, |why| format!(": {}", clean(why)));
    Line::from_iter([
        Span::from(format!(" {}", fit(&clean(&job.kind), 10, false))),
        Span::from(format!(
            "{:>4}  ",
            ago(job.ended_at.unwrap_or(job.since), now)
        ))
        .dim(),
        state,
        Span::from(format!(
            "{} {}{lasted}{why}",
            count(job.done),
            clean(&job.unit)
        )),
    ])
}

/// How far a job is.
#[expect(clippy::cast_precision_loss, reason = "a bar to look at")]
fn progress(job: &Job, columns: usize) -> Vec<Span<'static>> {
    let unit = clean(&job.unit);
    let at = job
        .at
        .as_deref()
        .map_or_else(String::new, |at| format!(", at {}", clean(at)));
    match job.total.filter(|total| *total > 0) {
        Some(total) => {
            let share = (job.done as f64 / total as f64).min(1.0);
            vec![
                Span::from("[").dim(),
                Span::from(bar(share, columns)).cyan(),
                Span::from("]").dim(),
                Span::from(format!(
                    " {:>3} %  {} of {} {unit}{at}",
                    whole(share * 100.0),
                    count(job.done),
                    count(total)
                )),
            ]
        }
        None => vec![Span::from(format!("{} {unit}{at}", count(job.done)))],
    }
}
