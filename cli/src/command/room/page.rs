//! How rooms look.

use std::time::Duration;

use chatd::{
    admin::api::{Room, RoomDetail},
    clock::Millis,
    model::{History, RoomRole},
};

use crate::output::{Cell, Facts, Table, ago, escape, moment, number, span, table};

/// A line for each room.
pub(super) fn list(rooms: &[Room], now: Millis) -> Table {
    let rows = rooms.iter().map(|room| {
        vec![
            Cell::text(&room.name),
            Cell::text(room.kind.as_str()),
            Cell::number(room.members),
            Cell::number(room.n),
            Cell::ago(room.last_at, now),
            Cell::text(&room.owner),
            Cell::flag(room.rules.locked, "locked"),
            Cell::or(room.title.as_deref(), ""),
        ]
    });
    Table::new(
        &[
            "NAME",
            "KIND",
            "#MEMBERS",
            "#MESSAGES",
            "ACTIVE",
            "OWNER",
            "LOCKED",
            "TITLE",
        ],
        rows,
    )
}

/// A room with the first of its members.
pub(super) fn detail(detail: &RoomDetail, now: Millis) -> String {
    let room = &detail.room;
    let history = match room.history {
        History::All => "members read all of it",
        History::SinceJoin => "members read it from when they joined",
    };
    let rules = &room.rules;
    let writes = if rules.locked {
        "locked: only moderators and the owner".to_owned()
    } else {
        from(rules.post)
    };
    let slow = match rules.slow_mode {
        0 => "off".to_owned(),
        wait => format!("{} between two messages", wait_of(wait)),
    };
    let page = Facts::default()
        .with("id", escape(&room.id))
        .with("kind", room.kind.as_str())
        .maybe("title", room.title.as_deref().map(escape))
        .maybe("topic", room.topic.as_deref().map(escape))
        .with("owner", escape(&room.owner))
        .with("created", moment(room.created_at, now))
        .with("active", moment(room.last_at, now))
        .with(
            "messages",
            format!("{}, head at {}", number(room.n), number(room.head)),
        )
        .with("members", number(room.members))
        .gap()
        .with("history", history)
        .with("who writes", writes)
        .with("who adds people", from(rules.invite))
        .with("who sets the topic", from(rules.topic))
        .with("who pins messages", from(rules.pin))
        .with("slow mode", slow)
        .under(&escape(&room.name));
    if detail.people.is_empty() {
        return page;
    }
    let people = detail.people.iter().map(|member| {
        vec![
            escape(&member.name).into_owned(),
            member.role.to_string(),
            ago(member.at, now),
        ]
    });
    let people = table(&["MEMBER", "ROLE", "SINCE"], people);
    let shown = u64::try_from(detail.people.len()).unwrap_or(u64::MAX);
    let more = match room.members.saturating_sub(shown) {
        0 => String::new(),
        more => format!("\n… and {} more", number(more)),
    };
    format!("{page}\n{people}{more}")
}

/// From which role on somebody may.
fn from(lowest: RoomRole) -> String {
    match lowest {
        RoomRole::Viewer => "everyone in it".into(),
        RoomRole::Owner => "the owner".into(),
        role => format!("{role}s and above"),
    }
}

/// A wait as it was typed, as far as one unit says it.
pub(super) fn wait_of(seconds: u32) -> String {
    match seconds {
        s if s >= 60 && !s.is_multiple_of(60) => format!("{s} s"),
        s => span(Duration::from_secs(s.into())),
    }
}
