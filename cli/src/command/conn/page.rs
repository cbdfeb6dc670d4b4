//! How connections look.

use std::{fmt::Write as _, time::Duration};

use chatd::{
    admin::api::{ConnDetail, WatchedConn},
    clock::Millis,
};

use crate::output::{Cell, Facts, Table, bytes, escape, moment, number, span};

/// A line for each connection.
pub(super) fn list(conns: &[WatchedConn], now: Millis) -> Table {
    let rows = conns.iter().map(|conn| {
        let up = span(now.since(conn.since));
        vec![
            Cell::text(&conn.id),
            Cell::text(&conn.user),
            Cell::text(&conn.address),
            Cell::pair(crate::output::exact(conn.since), up),
            Cell::number(conn.rooms),
            Cell::number(conn.sent),
            Cell::number(conn.received),
            Cell::pair(conn.waiting.to_string(), waiting(conn.waiting)),
            Cell::pair(conn.lag_ms.to_string(), lag(conn.lag_ms)),
            Cell::or(conn.device.as_deref(), ""),
        ]
    });
    let headings = [
        "ID",
        "USER",
        "FROM",
        "SINCE",
        "#ROOMS",
        "#SENT",
        "#RECEIVED",
        "#WAITING",
        "#LAG",
        "DEVICE",
    ];
    Table::new(&headings, rows)
}

/// One connection.
pub(super) fn detail(detail: &ConnDetail, now: Millis) -> String {
    let conn = &detail.conn;
    let lag = match lag(conn.lag_ms) {
        none if none.is_empty() => String::new(),
        lag => format!(", the oldest for {lag}"),
    };
    let mut page = Facts::default()
        .with(
            "user",
            format!("{} ({})", escape(&conn.user), escape(&conn.user_id)),
        )
        .with("session", escape(&conn.session))
        .maybe("device", conn.device.as_deref().map(escape))
        .with("address", escape(&conn.address))
        .with("since", moment(conn.since, now))
        .gap()
        .with("sent", format!("{} frames", number(conn.sent)))
        .with("received", format!("{} frames", number(conn.received)))
        .with("waiting", format!("{}{lag}", bytes(conn.waiting)))
        .with("rooms", number(conn.rooms))
        .under(&escape(&conn.id));
    if !detail.listens_to.is_empty() {
        page.push_str("\nListens to:\n");
        for room in &detail.listens_to {
            writeln!(page, "  {}", escape(room)).expect("a String takes all that is written to it");
        }
    }
    page
}

/// Nothing is the rule, and not worth a word.
fn waiting(many: u64) -> String {
    match many {
        0 => String::new(),
        many => bytes(many),
    }
}

fn lag(ms: u64) -> String {
    match ms {
        0 => String::new(),
        1..10_000 => format!("{} ms", number(ms)),
        ms => span(Duration::from_millis(ms)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::plain;

    const NOW: Millis = Millis(1_763_818_320_000);

    fn conn() -> ConnDetail {
        let conn = json!({
            "id": "c1", "user": "ana", "user_id": "u1", "session": "s1", "address": "192.0.2.1",
            "since": NOW.0 - 7_200_000, "device": "gen\u{1b}phone", "rooms": 2, "sent": 1234, "sent_rate": 0.5,
            "received": 7, "received_rate": 0.0, "waiting": 2048, "lag_ms": 70,
            "listens_to": ["general", "a\u{202e}b"],
        });
        serde_json::from_value(conn).expect("a connection")
    }

    #[test]
    fn who_is_connected_is_a_line_each() {
        let mut idle = conn().conn;
        (idle.waiting, idle.lag_ms, idle.device) = (0, 0, None);
        let table = list(&[conn().conn, idle], NOW);
        assert_eq!(
            table.tsv().lines().last(),
            Some("c1\tana\t192.0.2.1\t2025-11-22T11:32:00Z\t2\t1234\t7\t0\t0\t")
        );
        let text = plain(&table.words()).into_owned();
        let row = "c1   ana    192.0.2.1   2 h         2   1,234          7   2.0 KiB   70 ms   gen\\u{1b}phone";
        assert_eq!(text.lines().nth(1), Some(row), "{text}");
    }

    #[test]
    fn one_connection_is_shown_with_what_it_listens_to() {
        let text = detail(&conn(), NOW);
        assert!(text.contains("2.0 KiB, the oldest for 70 ms"), "{text}");
        assert!(
            text.ends_with("Listens to:\n  general\n  a\\u{202e}b\n"),
            "{text}"
        );
    }
}
