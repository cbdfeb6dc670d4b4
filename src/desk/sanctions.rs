//! Mutes and bans: of people, everywhere or in a room, and of addresses.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use ipnet::IpNet;
use serde::Deserialize;

use super::{
    By, Desk, Try, api, lifetime, optional, show,
    users::{Paging, wrong_cursor},
};
use crate::{
    door::{JsonBody, PathOf, Problem, QueryOf},
    id::{RoomId, UserId},
    model::{Authority, Reason, Refusal, SanctionKind},
    moderation::NewSanction,
};

type Answer<T> = Result<Json<T>, Problem>;

async fn impose(
    desk: &Desk,
    by: &Authority,
    (kind, user, room): (SanctionKind, UserId, Option<RoomId>),
    body: api::NewSanction,
) -> Answer<api::Sanction> {
    let new = NewSanction {
        kind,
        user,
        room,
        lifetime: lifetime(body.expires_in)?,
        reason: optional(body.reason.as_deref(), "reason", Reason::parse)?,
    };
    let made = desk.moderation.impose(by, new, body.dry_run).await?;
    let mut shown = show::sanctions(desk, vec![made]).await?;
    shown.pop().map(Json).ok_or(Refusal::Internal.into())
}

async fn lift(
    desk: &Desk,
    by: &Authority,
    (kind, user, room): (SanctionKind, UserId, Option<RoomId>),
    query: &Try,
) -> Answer<api::Done> {
    let dry_run = query.dry_run;
    desk.moderation.lift(by, kind, user, room, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}

/// The room and the user that a path names. A room one may not see is answered before the user is looked at.
async fn both(
    desk: &Desk,
    by: &Authority,
    room: &str,
    user: &str,
) -> Result<(RoomId, UserId), Refusal> {
    let room = desk.room(by, room).await?;
    desk.chat.seen_by(by, room).await?;
    Ok((room, desk.user(user).await?))
}

async fn listed(
    desk: &Desk,
    by: &Authority,
    room: Option<RoomId>,
    page: &Paging,
) -> Answer<api::List<api::Sanction>> {
    let after = page.cursor.as_deref().map(|text| {
        let parsed = text.split_once(':');
        let parsed = parsed.and_then(|(u, k)| Some((u.parse().ok()?, k.parse().ok()?)));
        parsed.ok_or_else(wrong_cursor)
    });
    let (after, limit) = (after.transpose()?, page.limit()?);
    let found = desk.moderation.sanctions(by, room, after, limit).await?;
    let items = show::sanctions(desk, found.0).await?;
    let next = found.1.map(|(user, kind)| format!("{user}:{kind}"));
    Ok(Json(api::List { items, next }))
}

macro_rules! sanction {
    ($impose:ident, $lift:ident, $kind:ident, $path:literal, $do:literal, $undo:literal) => {
        #[doc = $do]
        #[utoipa::path(
                    put, path = $path, tag = "moderation", request_body = api::NewSanction,
                    params(("user" = String, Path, description = "id or name")),
                    security(("access_token" = [])), responses((status = 200, body = api::Sanction))
                )]
        pub(super) async fn $impose(
            State(desk): State<Arc<Desk>>,
            By(by): By,
            PathOf(user): PathOf<String>,
            JsonBody(body): JsonBody<api::NewSanction>,
        ) -> Answer<api::Sanction> {
            let user = desk.user(&user).await?;
            impose(&desk, &by, (SanctionKind::$kind, user, None), body).await
        }

        #[doc = $undo]
        #[utoipa::path(
                    delete, path = $path, tag = "moderation",
                    params(("user" = String, Path, description = "id or name"), Try),
                    security(("access_token" = [])), responses((status = 200, body = api::Done))
                )]
        pub(super) async fn $lift(
            State(desk): State<Arc<Desk>>,
            By(by): By,
            PathOf(user): PathOf<String>,
            QueryOf(query): QueryOf<Try>,
        ) -> Answer<api::Done> {
            let user = desk.user(&user).await?;
            lift(&desk, &by, (SanctionKind::$kind, user, None), &query).await
        }
    };
    (in room; $impose:ident, $lift:ident, $kind:ident, $path:literal, $do:literal, $undo:literal) => {
        #[doc = $do]
        #[utoipa::path(
                    put, path = $path, tag = "moderation", request_body = api::NewSanction,
                    params(
                        ("room" = String, Path, description = "id or name"),
                        ("user" = String, Path, description = "id or name")
                    ),
                    security(("access_token" = [])), responses((status = 200, body = api::Sanction))
                )]
        pub(super) async fn $impose(
            State(desk): State<Arc<Desk>>,
            By(by): By,
            PathOf((room, user)): PathOf<(String, String)>,
            JsonBody(body): JsonBody<api::NewSanction>,
        ) -> Answer<api::Sanction> {
            let (room, user) = both(&desk, &by, &room, &user).await?;
            impose(&desk, &by, (SanctionKind::$kind, user, Some(room)), body).await
        }

        #[doc = $undo]
        #[utoipa::path(
                    delete, path = $path, tag = "moderation",
                    params(
                        ("room" = String, Path, description = "id or name"),
                        ("user" = String, Path, description = "id or name"), Try
                    ),
                    security(("access_token" = [])), responses((status = 200, body = api::Done))
                )]
        pub(super) async fn $lift(
            State(desk): State<Arc<Desk>>,
            By(by): By,
            PathOf((room, user)): PathOf<(String, String)>,
            QueryOf(query): QueryOf<Try>,
        ) -> Answer<api::Done> {
            let (room, user) = both(&desk, &by, &room, &user).await?;
            lift(&desk, &by, (SanctionKind::$kind, user, Some(room)), &query).await
        }
    };
}

sanction!(
    mute,
    unmute,
    Mute,
    "/v1/users/{user}/mute",
    "Mutes somebody everywhere. Needs `user.mute`.",
    "Lifts a mute everywhere. Needs `user.mute`."
);
sanction!(
    ban,
    unban,
    Ban,
    "/v1/users/{user}/ban",
    "Bans somebody from the server: sessions end, sockets close. Needs `user.ban`.",
    "Lifts a ban from the server. Needs `user.ban`."
);
sanction!(
    in room;
    mute_in_room,
    unmute_in_room,
    Mute,
    "/v1/rooms/{room}/mutes/{user}",
    "Mutes somebody in a room; for its moderators.",
    "Lifts a mute in a room; for its moderators."
);
sanction!(
    in room;
    ban_in_room,
    unban_in_room,
    Ban,
    "/v1/rooms/{room}/bans/{user}",
    "Bans somebody from a room, and takes them out of it; for its moderators.",
    "Lifts a ban from a room; for its moderators."
);

/// The mutes and bans that hold everywhere. Needs `user.read`.
#[utoipa::path(
    get, path = "/v1/sanctions", tag = "moderation", params(Paging),
    security(("access_token" = [])), responses((status = 200, body = api::List<api::Sanction>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Sanction>> {
    listed(&desk, &by, None, &page).await
}

/// The mutes and bans that hold in a room; for its moderators.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/sanctions", tag = "moderation",
    params(("room" = String, Path, description = "id or name"), Paging),
    security(("access_token" = [])), responses((status = 200, body = api::List<api::Sanction>))
)]
pub(super) async fn list_in_room(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(room): PathOf<String>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Sanction>> {
    let room = desk.room(&by, &room).await?;
    listed(&desk, &by, Some(room), &page).await
}

/// A range of addresses; one address is a range of one.
fn network(text: &str) -> Result<IpNet, Refusal> {
    let one = |text: &str| text.parse::<IpAddr>().ok().map(IpNet::from);
    let parsed = text.parse().ok().or_else(|| one(text));
    parsed.ok_or_else(|| {
        Refusal::field(
            "network",
            "write an address, or a range like 198.51.100.0/24",
        )
    })
}

/// The address ranges that are banned, the newest first. Needs `server.manage`.
#[utoipa::path(
    get, path = "/v1/address-bans", tag = "moderation", security(("access_token" = [])),
    responses((status = 200, body = api::List<api::AddressBan>))
)]
pub(super) async fn address_bans(
    State(desk): State<Arc<Desk>>,
    By(by): By,
) -> Answer<api::List<api::AddressBan>> {
    let bans = desk.moderation.address_bans(&by).await?;
    let items = show::address_bans(&desk, bans).await?;
    Ok(Json(api::List { items, next: None }))
}

/// Bans an address range: its requests are refused, its sockets close. Needs `server.manage`.
#[utoipa::path(
    post, path = "/v1/address-bans", tag = "moderation", request_body = api::NewAddressBan,
    security(("access_token" = [])), responses((status = 201, body = api::AddressBan))
)]
pub(super) async fn ban_addresses(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::NewAddressBan>,
) -> Result<(StatusCode, Json<api::AddressBan>), Problem> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let (range, lifetime) = (network(&body.network)?, lifetime(body.expires_in)?);
    let ban = desk
        .moderation
        .ban_addresses(&by, range, lifetime, reason, body.dry_run)
        .await?;
    let mut shown = show::address_bans(&desk, vec![ban]).await?;
    let shown = shown.pop().ok_or(Refusal::Internal)?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Which range.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichRange {
    /// As it is listed.
    network: String,
    /// Check everything and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Lets an address range in again. Needs `server.manage`.
#[utoipa::path(
    delete, path = "/v1/address-bans", tag = "moderation", params(WhichRange),
    security(("access_token" = [])), responses((status = 200, body = api::Done))
)]
pub(super) async fn unban_addresses(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<WhichRange>,
) -> Answer<api::Done> {
    let (range, dry_run) = (network(&which.network)?, which.dry_run);
    desk.moderation.unban_addresses(&by, range, dry_run).await?;
    Ok(Json(api::Done { dry_run }))
}
