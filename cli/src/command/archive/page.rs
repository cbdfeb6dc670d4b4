//! How runs look.

use std::{fmt::Write as _, time::Duration};

use chatd::{
    admin::api::archive::{Run, RunRoom},
    clock::Millis,
    model::{RunKind, RunState},
};

use crate::output::{
    Cell, Facts, Table, bytes, count, count_entries, escape, moment, number, span, table,
};

/// How many rooms are shown; `--json` has all of them.
const ROOMS: usize = 50;

/// A line for each run.
pub(super) fn list(runs: &[Run], now: Millis) -> Table {
    let rows = runs.iter().map(|run| {
        vec![
            Cell::or(run.id.as_deref(), ""),
            Cell::text(run.kind.to_string()),
            Cell::text(
                run.state
                    .map_or_else(String::new, |state| state.to_string()),
            ),
            Cell::ago(run.at, now),
            Cell::number(run.entries),
            Cell::bytes(run.size),
            Cell::text(by(run)),
        ]
    });
    Table::new(
        &["ID", "KIND", "STATE", "WHEN", "#ENTRIES", "#SIZE", "BY"],
        rows,
    )
}

/// One run. Of a restore it says more when it is known what kind of run was restored.
pub(super) fn run(run: &Run, of: Option<RunKind>, now: Millis) -> String {
    let limit = run
        .rate
        .map(|rate| format!("at most {} entries a second", number(rate.into())));
    let limit = limit.filter(|_| run.kind == RunKind::Archive);
    let facts = Facts::default()
        .maybe("id", run.id.as_deref().map(escape))
        .with("kind", run.kind.to_string())
        .maybe("state", run.state.map(|state| state.to_string()))
        .maybe("of run", run.of.as_deref().map(escape))
        .with("began", moment(run.at, now))
        .maybe("took", took(run))
        .maybe("from before", run.before.map(|at| moment(at, now)))
        .maybe("purged from", run.purge_at.map(|at| moment(at, now)))
        .maybe("rate", limit)
        .with("by", by(run))
        .maybe("error", run.error.as_deref().map(escape));
    let page = match run.segments {
        0 => facts,
        segments => facts
            .gap()
            .with(
                "messages",
                format!("{} of {}", number(run.messages), count_entries(run.entries)),
            )
            .with("segments", number(segments))
            .with("size", size(run)),
    };
    let page = page.under(&title(run, of));
    with_rooms(&page, run)
}

/// What a run would archive.
pub(super) fn plan(run: &Run, now: Millis) -> String {
    if run.entries == 0 {
        let when = run
            .before
            .map(|at| format!(" from before {}", moment(at, now)));
        let when = when.unwrap_or_default();
        return format!(
            "Dry run: nothing is live{when} that could be archived. Nothing was changed."
        );
    }
    let rate = match run.rate {
        None => "as many entries a second as it can".to_owned(),
        Some(rate) => format!(
            "at most {} entries a second, so {} or more",
            number(rate.into()),
            length(run.planned.saturating_mul(1000) / u64::from(rate).max(1))
        ),
    };
    let page = Facts::default()
        .maybe("from before", run.before.map(|at| moment(at, now)))
        .with("rate", rate)
        .under(&format!(
            "Dry run: {} ({}) in {} would be archived.",
            count_entries(run.entries),
            count(run.messages, "message"),
            rooms(run)
        ));
    unchanged(&with_rooms(&page, run))
}

/// The page of a dry run: what would be done, and to what.
pub(super) fn dry(run: &Run, title: &str, facts: Facts) -> String {
    unchanged(&with_rooms(&facts.under(title), run))
}

fn unchanged(page: &str) -> String {
    format!("{page}\n\nNothing was changed.")
}

/// In how many rooms a run did something.
pub(super) fn rooms(run: &Run) -> String {
    let touched = run.rooms.iter().filter(|room| room.entries > 0).count();
    count(touched as u64, "room")
}

/// Who began it.
fn by(run: &Run) -> String {
    match &run.by {
        _ if run.scheduled => "schedule".into(),
        Some(by) => escape(by).into_owned(),
        None => "server".into(),
    }
}

fn title(run: &Run, of: Option<RunKind>) -> String {
    let entries = count_entries(run.entries);
    match run.state {
        Some(RunState::Stopped) => {
            return format!("Stopped after {entries}; run the same command again to go on.");
        }
        Some(RunState::Failed) if run.entries == 0 => return "Failed: nothing was done.".into(),
        Some(RunState::Failed) => return format!("Failed in part: {entries} were done."),
        Some(RunState::Interrupted) => {
            return format!("Broken off after {entries}; the same command goes on from there.");
        }
        Some(RunState::Running) if run.planned > 0 => {
            return format!("Under way: {entries} of {} so far.", number(run.planned));
        }
        Some(RunState::Running) => return "Under way: looking what is to be done.".into(),
        Some(RunState::Done) | None => {}
    }
    let what = format!("{entries} in {}", rooms(run));
    match run.kind {
        RunKind::Archive if run.entries == 0 => {
            "Nothing was archived: nothing is old enough.".into()
        }
        RunKind::Archive => format!("Archived {what}."),
        RunKind::Restore if of == Some(RunKind::Prune) => {
            format!("Took it back: {what} stay in the archive.")
        }
        RunKind::Restore => format!("Restored {what}: they are live again."),
        RunKind::Prune if run.entries == 0 => "Nothing was pruned: nothing is old enough.".into(),
        RunKind::Prune => format!("Pruned {what}: they are purged when the time of grace is over."),
        RunKind::Purge => format!("Purged {what}, for good."),
        RunKind::Erase => format!("Erased texts of deleted messages from {}.", segments(run)),
    }
}

fn segments(run: &Run) -> String {
    count(run.segments, "segment")
}

/// `3.2 s, 3,086 entries a second`
fn took(run: &Run) -> Option<String> {
    let ms = run.finished_at?.since(run.at).as_millis();
    let ms = u64::try_from(ms).unwrap_or(u64::MAX);
    let rate = run.entries.saturating_mul(1000) / ms.max(1);
    let moves = matches!(run.kind, RunKind::Archive | RunKind::Restore) && ms >= 100;
    Some(match rate {
        1.. if moves => format!("{}, {} entries a second", length(ms), number(rate)),
        _ => length(ms),
    })
}

/// A length of time, short ones to a tenth of a second.
fn length(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => span(Duration::from_millis(ms)),
    }
}

fn size(run: &Run) -> String {
    let (before, after) = (bytes(run.bytes), bytes(run.size));
    match (run.kind, ratio(run.bytes, run.size)) {
        (RunKind::Archive, Some(ratio)) => format!("{before} → {after} ({ratio})"),
        (RunKind::Archive, None) => format!("{before} → {after}"),
        _ => format!("{after} in segments, {before} of entries"),
    }
}

/// How many times smaller: `7.1×`.
fn ratio(before: u64, after: u64) -> Option<String> {
    let tenths = before.saturating_mul(10).checked_div(after)?;
    Some(format!("{}.{}×", tenths / 10, tenths % 10))
}

fn with_rooms(page: &str, run: &Run) -> String {
    if run.rooms.is_empty() {
        return page.trim_end().to_owned();
    }
    let mut page = format!("{page}\n{}", table_of(&run.rooms, run.kind));
    if let more @ 1.. = run.rooms.len().saturating_sub(ROOMS) {
        let more = number(more as u64);
        write!(page, "\n… and {more} more; --json tells all").expect("a String takes it");
    }
    page
}

/// A line for each room.
fn table_of(rooms: &[RunRoom], kind: RunKind) -> String {
    let archive = kind == RunKind::Archive;
    let rows = rooms.iter().take(ROOMS).map(|room| {
        let known = |text: String| if room.size > 0 { text } else { String::new() };
        let range = match room.first {
            0 => String::new(),
            first => format!("{}–{}", number(first), number(room.last)),
        };
        vec![
            escape(room.name.as_deref().unwrap_or(&room.id)).into_owned(),
            number(room.entries),
            number(room.messages),
            range,
            known(if archive {
                bytes(room.bytes)
            } else {
                String::new()
            }),
            known(if archive {
                bytes(room.size)
            } else {
                String::new()
            }),
            known(
                ratio(room.bytes, room.size)
                    .filter(|_| archive)
                    .unwrap_or_default(),
            ),
            known(if archive {
                String::new()
            } else {
                bytes(room.size)
            }),
            escape(room.error.as_deref().unwrap_or_default()).into_owned(),
        ]
    });
    let headings = [
        "ROOM",
        "#ENTRIES",
        "#MESSAGES",
        "RANGE",
        "#BEFORE",
        "#AFTER",
        "#RATIO",
        "#SIZE",
        "TROUBLE",
    ];
    table(&headings, rows)
}

#[cfg(test)]
mod tests;
