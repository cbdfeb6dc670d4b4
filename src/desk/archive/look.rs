//! Looking into the archive: checking it, and, for operators, what is in it.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        By, Desk,
        api::{List, archive as api},
        users::{Paging, wrong_cursor},
    },
    Answer, parse_id,
};
use crate::{
    archive::Verified,
    clock::Millis,
    door::{PathOf, Problem, QueryOf},
    id::{RoomId, RunId},
    model::{self, Payload, Permission, Refusal},
    ops::DAMAGED,
};

/// Which segments.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Which {
    /// Only of this room: id or name.
    room: Option<String>,
    /// Only what this run sealed.
    run: Option<String>,
    /// The `next` of the part before.
    cursor: Option<String>,
}

/// Checks the next segments of the archive: each is read, and has to be what the store says it is. Needs
/// `archive.run`.
#[utoipa::path(
    get, path = "/v1/archive/verify", tag = "archive", params(Which),
    security(("access_token" = [])), responses((status = 200, body = api::Verified))
)]
pub(in super::super) async fn verify(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<Which>,
) -> Answer<api::Verified> {
    desk.archive.check(&by, Permission::ArchiveRun).await?;
    let (room, run) = desk.which(&by, &which).await?;
    let after = which.cursor.as_deref().map(place).transpose()?;
    let found = desk.archive.verify(room, run, after).await?;
    let Verified {
        segments,
        entries,
        bytes,
        problems,
        next,
    } = found;
    let names = desk.room_names(problems.iter().map(|p| p.room)).await?;
    Ok(Json(api::Verified {
        segments,
        entries,
        bytes,
        problems: problems
            .into_iter()
            .map(|p| api::Problem {
                room: p.room.to_string(),
                name: names.get(&p.room).cloned(),
                first: p.first,
                last: p.last,
                what: p.what,
            })
            .collect(),
        next: next.map(placed),
    }))
}

/// Segments, by room and range.
#[utoipa::path(
    get, path = "/v1/archive/segments", params(Paging),
    responses((status = 200, body = List<api::Segment>))
)]
pub(in super::super) async fn segments(
    State(desk): State<Arc<Desk>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<List<api::Segment>> {
    let after = page.cursor.as_deref().map(place).transpose()?;
    let limit = page.limit()?;
    let found = desk.archive.segments(after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit);
    let next = next.map(|s| placed((s.room, s.last)));
    let items = found.into_iter().map(|s| api::Segment {
        room: s.room.to_string(),
        first: s.first,
        last: s.last,
        first_at: s.first_at,
        last_at: s.last_at,
        entries: s.entries,
        messages: s.messages,
        size: s.size,
        generation: s.generation,
        run: s.run.to_string(),
        purge_at: s.purge.map(|p| p.at),
        purged_at: s.purged_at,
        restored_at: s.restored_at,
    });
    Ok(Json(List {
        items: items.collect(),
        next,
    }))
}

/// The bytes of a segment, as `docs/archive-format.md` describes them.
#[utoipa::path(
    get, path = "/v1/archive/segments/{room}/{last}",
    params(("room" = String, Path), ("last" = u64, Path)),
    responses((status = 200, content_type = "application/octet-stream"))
)]
pub(in super::super) async fn segment(
    State(desk): State<Arc<Desk>>,
    PathOf((room, last)): PathOf<(String, String)>,
) -> Result<Response, Problem> {
    let room = room.parse().map_err(|_| Refusal::NotFound("room"))?;
    let last = last.parse().map_err(|_| Refusal::NotFound("segment"))?;
    let (_, bytes) = desk.archive.segment(room, last).await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, bytes).into_response())
}

/// What is archived of a room, or what a run archived: ranges of entries.
#[utoipa::path(
    get, path = "/v1/archive/ranges", params(Which),
    responses((status = 200, body = List<api::Range>))
)]
pub(in super::super) async fn ranges(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<Which>,
) -> Answer<List<api::Range>> {
    let (room, run) = desk.which(&by, &which).await?;
    let ranges = desk.archive.ranges(room, run).await?;
    let names = desk
        .room_names(ranges.iter().map(|(room, ..)| *room))
        .await?;
    let items = ranges.into_iter().map(|(room, first, last)| api::Range {
        room: room.to_string(),
        name: names.get(&room).cloned(),
        first,
        last,
    });
    Ok(Json(List {
        items: items.collect(),
        next: None,
    }))
}

/// Which entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Between {
    /// Only those with a higher `seq`.
    after: Option<u64>,
    /// Only those with a `seq` up to this.
    upto: Option<u64>,
}

/// Entries of a room, archived or live, whoever is in it. Deleted messages are without their text. A live entry
/// that does not read is of kind `damaged`, and has nothing but its number.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/entries", params(("room" = String, Path), Between),
    responses((status = 200, body = List<api::Entry>))
)]
pub(in super::super) async fn entries(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    QueryOf(between): QueryOf<Between>,
) -> Answer<List<api::Entry>> {
    let room = desk.room(&by, &room).await?;
    let (after, upto) = (between.after.unwrap_or(0), between.upto.unwrap_or(u64::MAX));
    let found = desk.archive.cat(room, after, upto).await?;
    let from = found.entries.iter().filter_map(|e| e.from);
    let names = desk.archive.log.names(from).await?;
    // Those that do not read come before the others of a page: see `Store::readable`.
    let damaged = found.damaged.into_iter().map(|seq| damaged(room, seq));
    let items = found.entries.into_iter().map(|entry| {
        let name = entry.from.and_then(|id| names.get(&id));
        entry_body(room, name.map(ToString::to_string), &entry)
    });
    Ok(Json(List {
        items: damaged.chain(items).collect(),
        next: found.next.map(|seq| seq.to_string()),
    }))
}

/// An entry of which is known only that it is there.
fn damaged(room: RoomId, seq: u64) -> api::Entry {
    api::Entry {
        room: room.to_string(),
        seq,
        n: 0,
        at: Millis(0),
        id: String::new(),
        from: None,
        name: None,
        kind: DAMAGED.into(),
        deleted: false,
        edited: None,
        reactions: Vec::new(),
        data: Value::Null,
    }
}

fn entry_body(room: RoomId, name: Option<String>, entry: &model::Entry) -> api::Entry {
    let data = match &entry.payload {
        Payload::Tombstone => Value::Null,
        Payload::Unknown { data, .. } => {
            serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.clone()))
        }
        known => {
            let mut data = serde_json::to_value(known).unwrap_or_default();
            if let Value::Object(fields) = &mut data {
                fields.remove("kind");
            }
            data
        }
    };
    api::Entry {
        room: room.to_string(),
        seq: entry.seq,
        n: entry.n,
        at: entry.at,
        id: entry.id.to_string(),
        from: entry.from.map(|id| id.to_string()),
        name,
        kind: entry.payload.kind().to_owned(),
        deleted: entry.payload == Payload::Tombstone,
        edited: entry
            .over
            .as_ref()
            .and_then(|over| over.edited)
            .map(|e| api::Edited {
                at: e.at,
                seq: e.seq,
                count: e.count,
            }),
        reactions: entry.over.as_ref().map_or_else(Vec::new, |over| {
            let sums = over.reactions.iter().map(|t| api::Reactions {
                emoji: t.emoji.to_string(),
                count: t.count,
            });
            sums.collect()
        }),
        data,
    }
}

impl Desk {
    async fn which(
        &self,
        by: &model::Authority,
        which: &Which,
    ) -> Result<(Option<RoomId>, Option<RunId>), Refusal> {
        let room = match &which.room {
            Some(room) => Some(self.room(by, room).await?),
            None => None,
        };
        let run = which.run.as_deref().map(parse_id).transpose()?;
        if let Some(run) = run {
            self.archive.find_run(run).await?;
        }
        Ok((room, run))
    }
}

/// A segment as a cursor.
fn placed((room, last): (RoomId, u64)) -> String {
    format!("{room}.{last}")
}

fn place(text: &str) -> Result<(RoomId, u64), Refusal> {
    let parsed = text.split_once('.');
    let parsed = parsed.and_then(|(room, last)| Some((room.parse().ok()?, last.parse().ok()?)));
    parsed.ok_or_else(wrong_cursor)
}
