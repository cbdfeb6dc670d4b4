//! How accounts look.

use chatd::{
    admin::api::{Sanction, Session, User, UserDetail},
    clock::Millis,
};

use crate::{
    command::token,
    output::{Cell, Facts, Table, ago, escape, moment, table},
};

/// What a person with a code must know.
pub(super) const CODE_NOTE: &str =
    "The code is shown this once. Its owner sets a password with POST /v1/claim.";

/// A line for each account.
pub(super) fn list(users: &[User], now: Millis) -> Table {
    let rows = users.iter().map(|user| {
        vec![
            Cell::text(&user.name),
            Cell::text(&user.role),
            Cell::pair(
                if user.bot { "bot" } else { "person" },
                if user.bot { "bot" } else { "" },
            ),
            Cell::text(user.status.as_str()),
            Cell::ago(user.created_at, now),
            Cell::or(user.email.as_deref(), ""),
            Cell::or(user.display_name.as_deref(), ""),
        ]
    });
    Table::new(
        &[
            "NAME",
            "ROLE",
            "KIND",
            "STATUS",
            "CREATED",
            "EMAIL",
            "DISPLAY NAME",
        ],
        rows,
    )
}

/// An account with its sessions and rooms.
pub(super) fn detail(detail: &UserDetail, now: Millis) -> String {
    let user = &detail.user;
    let email = user.email.as_deref().map(|email| {
        let note = if user.email_login {
            ""
        } else {
            " (not for login)"
        };
        format!("{}{note}", escape(email))
    });
    let mut page = Facts::default()
        .with("id", escape(&user.id))
        .maybe("display name", user.display_name.as_deref().map(escape))
        .maybe("email", email)
        .maybe("kind", user.bot.then_some("bot"))
        .with("role", escape(&user.role))
        .with("status", user.status.as_str())
        .with("created", moment(user.created_at, now))
        .under(&escape(&user.name));
    if !detail.sanctions.is_empty() {
        page = format!("{page}\n{}\n", sanctions(&detail.sanctions, now));
    }
    if !detail.rooms.is_empty() {
        let rooms = detail.rooms.iter();
        let rooms = rooms.map(|room| vec![escape(&room.name).into_owned(), room.role.to_string()]);
        page = format!("{page}\n{}\n", table(&["ROOM", "ROLE"], rooms));
    }
    if !detail.sessions.is_empty() {
        let sessions = if user.bot {
            token::table_of(&detail.sessions, now).words()
        } else {
            sessions(&detail.sessions, now)
        };
        page = format!("{page}\n{sessions}\n");
    }
    page
}

/// Where somebody is logged in.
fn sessions(all: &[Session], now: Millis) -> String {
    let rows = all.iter().map(|session| {
        vec![
            ago(session.used_at, now),
            ago(session.created_at, now),
            escape(session.address.as_deref().unwrap_or("-")).into_owned(),
            escape(session.device.as_deref().unwrap_or_default()).into_owned(),
        ]
    });
    table(&["SEEN", "LOGGED IN", "FROM", "DEVICE"], rows)
}

/// What is taken from an account everywhere; its name stands above.
fn sanctions(all: &[Sanction], now: Millis) -> String {
    let rows = all.iter().map(|sanction| {
        vec![
            sanction.kind.to_string(),
            sanction.until.map_or("for good".into(), |at| ago(at, now)),
            ago(sanction.at, now),
            escape(sanction.by.as_deref().unwrap_or("operator")).into_owned(),
            escape(sanction.reason.as_deref().unwrap_or_default()).into_owned(),
        ]
    });
    table(&["SANCTION", "UNTIL", "SINCE", "BY", "REASON"], rows)
}

/// What was done, and the code that came of it.
pub(super) fn code(title: &str, code: Option<&str>, until: Option<Millis>, now: Millis) -> String {
    let Some(code) = code else {
        return title.to_owned();
    };
    Facts::default()
        .with("code", escape(code))
        .maybe("good until", until.map(|until| moment(until, now)))
        .under(title)
}
