//! How redactions look.

use std::fmt::Write as _;

use chatd::{
    admin::api::{Redaction, Restored},
    clock::Millis,
};

use crate::output::{Cell, Facts, Table, ago, count, escape, moment, number, table};

/// The table of redactions.
pub(super) fn list(redactions: &[Redaction], now: Millis) -> Table {
    let rows = redactions.iter().map(|r| {
        vec![
            Cell::or(r.id.as_deref(), ""),
            Cell::text(r.user_name.as_deref().unwrap_or(&r.user)),
            Cell::number(r.messages),
            Cell::number(r.rooms.len() as u64),
            Cell::ago(r.at, now),
            Cell::or(r.by.as_deref(), "server"),
            state(r, now),
            Cell::or(r.reason.as_deref(), ""),
        ]
    });
    let headings = [
        "ID",
        "USER",
        "#MESSAGES",
        "#ROOMS",
        "WHEN",
        "BY",
        "STATE",
        "REASON",
    ];
    Table::new(&headings, rows)
}

/// One redaction, done or only counted.
pub(super) fn one(r: &Redaction, now: Millis) -> String {
    let messages = count(r.messages, "message");
    let rooms = count(r.rooms.len() as u64, "room");
    let title = match (r.dry_run, r.messages) {
        (true, 0) => format!("Dry run: {} said nothing in that time.", who(r)),
        (true, _) => format!("Dry run: {messages} of {} in {rooms} would go.", who(r)),
        (false, _) => format!("Deleted {messages} of {} in {rooms}.", who(r)),
    };
    let mut page = Facts::default()
        .maybe("id", r.id.as_deref().map(escape))
        .with("since", moment(r.since, now))
        .with("until", moment(r.until, now))
        .maybe("reason", r.reason.as_deref().map(escape))
        .maybe("undo until", r.restorable_until.map(|at| moment(at, now)))
        .under(&title);
    if !r.rooms.is_empty() {
        let rows = r.rooms.iter().map(|room| {
            let name = room.name.as_deref().unwrap_or(&room.id);
            vec![escape(name).into_owned(), number(room.messages)]
        });
        let _infallible = write!(page, "\n{}", table(&["ROOM", "#MESSAGES"], rows));
    }
    if r.dry_run {
        let _infallible = write!(page, "\n\nNothing was changed.");
    }
    page
}

/// A line about one that is still under way.
pub(super) fn progress(r: &Redaction) -> String {
    let messages = count(r.messages, "message");
    format!("… {messages} deleted so far; it goes on in the server, also without this command")
}

/// What a restore came to.
pub(super) fn restored(done: &Restored) -> String {
    let (who, messages) = (who(&done.redaction), count(done.restored, "message"));
    let mut text = if done.dry_run {
        format!("Dry run: {messages} of {who} can be restored.")
    } else {
        format!("Restored {messages} of {who}.")
    };
    if done.erased > 0 {
        let gone = count(done.erased, "message");
        let _infallible = write!(text, " Too late for {gone}: the text is erased.");
    }
    if done.out_of_reach > 0 {
        let gone = count(done.out_of_reach, "message");
        let _infallible = write!(text, " Not for {gone}: the room is deleted.");
    }
    if done.dry_run {
        text.push_str(" Nothing was changed.");
    }
    text
}

fn who(r: &Redaction) -> String {
    escape(r.user_name.as_deref().unwrap_or(&r.user)).into_owned()
}

fn state(r: &Redaction, now: Millis) -> Cell {
    let (raw, shown) = match (r.undone_at, r.finished_at, r.restorable_until) {
        (Some(at), ..) => ("undone", format!("undone {}", ago(at, now))),
        (None, None, _) => ("unfinished", "unfinished".into()),
        (None, Some(_), Some(until)) => ("restorable", format!("undo {}", until_when(until, now))),
        (None, Some(_), None) if r.messages == 0 => ("empty", "nothing found".into()),
        (None, Some(_), None) => ("erased", "erased".into()),
    };
    Cell::pair(raw, shown)
}

/// `within 6 d`.
fn until_when(until: Millis, now: Millis) -> String {
    let when = ago(until, now);
    when.strip_prefix("in ")
        .map_or_else(|| when.clone(), |span| format!("within {span}"))
}
