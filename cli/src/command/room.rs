//! `chatd room`: which rooms there are.

use chatd::{
    admin::api::{self, List, RoomDetail},
    clock::Millis,
};
use clap::{Args, Subcommand};

use crate::{
    asking::{Asking, all, quote},
    failure::{Exit, Explain as _, Failure},
    output::{Facts, ago, escape, moment, number, table},
};

/// List and show rooms
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd room list
  chatd room show general")]
pub(crate) enum Room {
    /// List every room, private ones as well
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd room list
  chatd room list --json | jq -r '.items[] | select(.n > 1000) | .name'"
    )]
    List,

    Show(Show),
}

/// Show a room and who is in it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room show general
  chatd room show 0197c0de-7b1c-7000-8000-000000000001 --json")]
pub(crate) struct Show {
    /// Its name or id
    room: String,
}

impl Room {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List => {
                let rooms: List<api::Room> =
                    asking.look(async |client| all(client, "/v1/rooms").await)?;
                if rooms.items.is_empty() && !asking.console.is_json() {
                    asking
                        .console
                        .note("There are no rooms yet: clients make them with POST /v1/rooms.");
                    return Ok(());
                }
                asking.console.answer(&rooms, |now| list(&rooms.items, now))
            }
            Self::Show(Show { room }) => {
                let path = format!("/v1/rooms/{}", quote(room));
                let detail: Result<RoomDetail, Failure> =
                    asking.look(async |client| Ok(client.get(&path).await?));
                let hint = (
                    Exit::NotFound,
                    "`chatd room list` lists every room".to_owned(),
                );
                let detail = detail.explain(|| format!("show room `{room}`"), hint)?;
                asking.console.answer(&detail, |now| page(&detail, now))
            }
        }
    }
}

fn list(rooms: &[api::Room], now: Millis) -> String {
    let rows = rooms.iter().map(|room| {
        vec![
            escape(&room.name).into_owned(),
            room.kind.to_string(),
            number(room.members),
            number(room.n),
            ago(room.last_at, now),
            escape(&room.owner).into_owned(),
            escape(room.title.as_deref().unwrap_or_default()).into_owned(),
        ]
    });
    table(
        &[
            "NAME",
            "KIND",
            "#MEMBERS",
            "#MESSAGES",
            "ACTIVE",
            "OWNER",
            "TITLE",
        ],
        rows,
    )
}

fn page(detail: &RoomDetail, now: Millis) -> String {
    let room = &detail.room;
    let history = match room.history {
        chatd::model::History::All => "members read all of it",
        chatd::model::History::SinceJoin => "members read it from when they joined",
    };
    let page = Facts::default()
        .with("id", escape(&room.id))
        .with("kind", room.kind.as_str())
        .maybe("title", room.title.as_deref().map(escape))
        .maybe("topic", room.topic.as_deref().map(escape))
        .with("owner", escape(&room.owner))
        .with("history", history)
        .with("created", moment(room.created_at, now))
        .with("active", moment(room.last_at, now))
        .with(
            "messages",
            format!("{}, head at {}", number(room.n), number(room.head)),
        )
        .with("members", number(room.members))
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
