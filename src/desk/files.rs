//! Files: looking through them, and deleting one. Only for operators; people have their own files, and those of the
//! messages they read.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{By, Desk, Try, api, optional, users::wrong_cursor};
use crate::{
    door::{PathOf, Problem, QueryOf},
    id::{FileId, RoomId},
    log::refuse,
    model::{
        Authority, File, FileFilter, FileOrder, FilePlace, FileState, MediaPattern, Reason,
        Refusal, RoomName,
    },
};

type Answer<T> = Result<Json<T>, Problem>;

/// Which files, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Whose: a name or an id.
    user: Option<String>,
    /// Of the messages of which room: a name or an id.
    room: Option<String>,
    /// `attached`, `unused` or `gone`.
    state: Option<String>,
    /// Larger than so many bytes.
    larger_than: Option<u64>,
    /// Of this media type; with an asterisk at its end, all that begin so: `image/*`.
    #[serde(rename = "type")]
    media: Option<String>,
    /// `newest` first, or `largest`; the newest when not said.
    order: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    limit: Option<usize>,
}

/// Files, also those that are to go.
#[utoipa::path(
    get, path = "/v1/files", params(Which), responses((status = 200, body = api::Files))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<Which>,
) -> Answer<api::Files> {
    let limit = which.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Refusal::field("limit", "1 to 200").into());
    }
    let filter = desk.file_filter(&by, &which).await?;
    let order = optional(which.order.as_deref(), "order", str::parse)?;
    let order = order.unwrap_or(FileOrder::Newest);
    let after = which.cursor.as_deref();
    let after = after.map(|text| parse_place(text, order)).transpose()?;
    let mut found = desk.files.list(&filter, order, after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|file| format!("{order}:{}:{}", file.size, file.id));
    // Counting looks at all of them: once is enough.
    let total = match after {
        None => Some(desk.files.sum(&filter).await?),
        Some(_) => None,
    };
    Ok(Json(api::Files {
        items: desk.shown_files(found).await?,
        next,
        total: total.map(|total| api::FilesTotal {
            files: total.files,
            bytes: total.bytes,
        }),
    }))
}

/// What is known of a file.
#[utoipa::path(
    get, path = "/v1/files/{id}", params(("id" = String, Path)),
    responses((status = 200, body = api::File))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    PathOf(id): PathOf<String>,
) -> Answer<api::File> {
    let file = desk.files.find(parse_id(&id)?).await?;
    let shown = desk.shown_files(vec![file]).await?.pop();
    Ok(Json(shown.ok_or(Refusal::Internal)?))
}

/// From which byte on.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FromByte {
    /// How many bytes there are already.
    #[serde(default)]
    from: u64,
}

/// Some bytes of a file, four mebibytes at most.
#[utoipa::path(
    get, path = "/v1/files/{id}/bytes", params(("id" = String, Path), FromByte),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn bytes(
    State(desk): State<Arc<Desk>>,
    PathOf(id): PathOf<String>,
    QueryOf(at): QueryOf<FromByte>,
) -> Result<Response, Problem> {
    let piece = desk.files.piece(parse_id(&id)?, at.from).await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, piece).into_response())
}

/// Takes out the bytes of a file for good. Its message stays, and shows that the file is gone.
#[utoipa::path(
    delete, path = "/v1/files/{id}", params(("id" = String, Path), Try),
    responses((status = 200, body = api::DeletedFile))
)]
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<Try>,
) -> Answer<api::DeletedFile> {
    let reason = optional(query.reason.as_deref(), "reason", Reason::parse)?;
    let id = parse_id(&id)?;
    let done = desk
        .files
        .remove(&by, id, reason.as_ref(), query.dry_run)
        .await?;
    // No more than that: who may delete one may not see all that is said of it.
    let (room, message) = done.file.place.unzip();
    Ok(Json(api::DeletedFile {
        id: done.file.id.to_string(),
        size: done.file.size,
        room: room.map(|id| id.to_string()),
        message,
        already: done.before,
        dry_run: query.dry_run,
    }))
}

impl Desk {
    async fn file_filter(&self, by: &Authority, which: &Which) -> Result<FileFilter, Refusal> {
        let owner = match &which.user {
            Some(user) => Some(self.user(user).await?),
            None => None,
        };
        let room = match &which.room {
            Some(room) => Some(self.room(by, room).await?),
            None => None,
        };
        Ok(FileFilter {
            owner,
            room,
            state: optional(which.state.as_deref(), "state", str::parse::<FileState>)?,
            above: which.larger_than,
            media: optional(which.media.as_deref(), "type", MediaPattern::parse)?,
        })
    }

    /// Files with the names of people and rooms.
    async fn shown_files(&self, files: Vec<File>) -> Result<Vec<api::File>, Refusal> {
        let people = self.ops.log.names(files.iter().map(|f| f.owner)).await?;
        let mut rooms: Vec<RoomId> = files.iter().filter_map(|f| Some(f.place?.0)).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let rooms = self.ops.store.rooms(&rooms).await.map_err(|e| refuse(&e))?;
        let rooms: HashMap<RoomId, RoomName> = rooms.into_iter().map(|r| (r.id, r.name)).collect();
        let shown = files.into_iter().map(|file| {
            let (state, sha256) = (file.state(), file.checksum());
            let held_by = self.files.hold_on(&file).map(|hold| hold.id.to_string());
            let (room, message) = file.place.unzip();
            let (width, height) = file.pixels.unzip();
            api::File {
                id: file.id.to_string(),
                name: file.name.into(),
                media: file.media,
                size: file.size,
                sha256,
                width,
                height,
                user: file.owner.to_string(),
                user_name: people.get(&file.owner).map(ToString::to_string),
                at: file.at,
                state,
                room: room.map(|id| id.to_string()),
                room_name: room.and_then(|id| rooms.get(&id).map(ToString::to_string)),
                message,
                gone_at: file.gone_at,
                held_by,
            }
        });
        Ok(shown.collect())
    }
}

fn parse_id(id: &str) -> Result<FileId, Refusal> {
    id.parse().map_err(|_| Refusal::NotFound("file"))
}

/// Reads a cursor, which is one of a page in this order.
fn parse_place(text: &str, order: FileOrder) -> Result<FilePlace, Refusal> {
    let place = text.strip_prefix(order.as_str());
    let place = place.and_then(|text| text.strip_prefix(':')?.split_once(':'));
    let parsed = place.and_then(|(size, id)| {
        Some(FilePlace {
            size: size.parse().ok()?,
            id: id.parse().ok()?,
        })
    });
    parsed.ok_or_else(wrong_cursor)
}
