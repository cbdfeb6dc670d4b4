//! Administering and moderating over HTTP: one set of URLs and types, mounted by two doors.
//!
//! REST mounts it for people whose role includes what they ask for, the admin socket for operators. The door
//! says on whose [`Authority`] a request comes (`By`); everything from there on is the same, so that
//! nothing can be done at one door that the other does not know how to refuse.

pub mod api;
mod archive;
mod audit;
mod codes;
mod conns;
mod files;
mod holds;
mod hooks;
mod import;
mod jobs;
mod log_level;
mod notices;
mod people;
mod redactions;
mod reload;
mod reports;
mod roles;
mod rooms;
mod sanctions;
mod search;
mod server;
mod show;
mod tokens;
mod users;
mod webhook;

use std::{sync::Arc, time::Duration};

pub(crate) use self::{
    conns::conn_body,
    jobs::{ended, jobs},
    webhook::page as webhook_page,
};

use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    archive::Archive,
    chat::Chat,
    door::Problem,
    files::Files,
    id::{RoomId, UserId},
    model::{Authority, Refusal, RoomRef, UserRef},
    moderation::Moderation,
    ops::Ops,
    redact::Redact,
    webhook::Webhook,
};

/// The longest that something can be said to last: a hundred years, in seconds.
const LONGEST: u64 = 100 * 365 * 24 * 60 * 60;

/// The use cases behind these URLs.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Administering.
    pub ops: Ops,
    /// Keeping order.
    pub moderation: Moderation,
    /// Rooms.
    pub chat: Chat,
    /// Taking back what was said.
    pub redact: Redact,
    /// Files.
    pub files: Files,
    /// Old messages.
    pub archive: Archive,
    /// The outgoing webhook.
    pub webhook: Webhook,
}

impl Desk {
    /// The room a path names: for an operator any room, for somebody else what that name means to them.
    async fn room(&self, by: &Authority, text: &str) -> Result<RoomId, Refusal> {
        let room = RoomRef::parse(text).map_err(|_| Refusal::NotFound("room"))?;
        match by {
            Authority::Operator(_) => self.ops.resolve_room(&room).await,
            Authority::Caller(caller) => self.chat.resolve_room(caller.user, &room).await,
        }
    }

    /// The user a path names.
    async fn user(&self, text: &str) -> Result<UserId, Refusal> {
        let user = user_ref(text)?;
        Ok(self.ops.find_user(&user).await?.id)
    }
}

fn user_ref(text: &str) -> Result<UserRef, Refusal> {
    UserRef::parse(text).map_err(|_| Refusal::NotFound("user"))
}

/// Every URL that both doors have.
pub fn table() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(roles::permissions))
        .routes(routes!(roles::list, roles::add))
        .routes(routes!(roles::show, roles::edit, roles::delete))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::show))
        .routes(routes!(users::password))
        .routes(routes!(users::role))
        .routes(routes!(users::status))
        .routes(routes!(users::sessions, users::end_sessions))
        .routes(routes!(users::end_session))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(sanctions::mute, sanctions::unmute))
        .routes(routes!(sanctions::ban, sanctions::unban))
        .routes(routes!(sanctions::list))
        .routes(routes!(sanctions::mute_in_room, sanctions::unmute_in_room))
        .routes(routes!(sanctions::ban_in_room, sanctions::unban_in_room))
        .routes(routes!(sanctions::list_in_room))
        .routes(routes!(
            sanctions::address_bans,
            sanctions::ban_addresses,
            sanctions::unban_addresses
        ))
        .routes(routes!(codes::room_codes, codes::create_room_code))
        .routes(routes!(codes::revoke_room_code))
        .routes(routes!(codes::invites, codes::invite))
        .routes(routes!(codes::revoke_invite))
        .routes(routes!(hooks::list, hooks::add))
        .routes(routes!(hooks::rotate))
        .routes(routes!(hooks::delete))
        .routes(routes!(reports::list_in_room))
        .routes(routes!(reports::list))
        .routes(routes!(reports::resolve))
        .routes(routes!(redactions::list, redactions::create))
        .routes(routes!(redactions::show))
        .routes(routes!(redactions::restore))
        .routes(routes!(server::registration, server::set_registration))
        .routes(routes!(conns::list))
        .routes(routes!(conns::show))
        .routes(routes!(conns::kick))
        .routes(routes!(notices::send))
        .routes(routes!(archive::list, archive::create))
        .routes(routes!(archive::show))
        .routes(routes!(archive::stop))
        .routes(routes!(archive::restore))
        .routes(routes!(archive::prune))
        .routes(routes!(archive::verify))
        .routes(routes!(archive::schedule, archive::set_schedule))
        .routes(routes!(archive::run_now))
        .routes(routes!(holds::list, holds::add))
        .routes(routes!(holds::release))
        .routes(routes!(audit::acts))
        .routes(routes!(audit::rows))
        .routes(routes!(audit::position))
}

/// URLs that only operators have, since members have their own.
pub fn operators_table() -> OpenApiRouter<Arc<Desk>> {
    OpenApiRouter::new()
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::show, rooms::edit, rooms::delete))
        .routes(routes!(rooms::put_member, rooms::remove_member))
        .routes(routes!(rooms::transfer))
        .routes(routes!(redactions::delete))
        .routes(routes!(search::search))
        .routes(routes!(files::list))
        .routes(routes!(files::show, files::delete))
        .routes(routes!(files::bytes))
        .routes(routes!(people::export))
        .routes(routes!(people::erase))
        .routes(routes!(import::begin))
        .routes(routes!(log_level::show, log_level::set))
        .routes(routes!(reload::reload))
        .routes(routes!(webhook::show))
        .routes(routes!(webhook::test))
        .routes(routes!(webhook::pause))
        .routes(routes!(webhook::resume))
        .routes(routes!(webhook::skip))
        .routes(routes!(import::accounts))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::stop))
        .routes(routes!(archive::segments))
        .routes(routes!(archive::segment))
        .routes(routes!(archive::ranges))
        .routes(routes!(archive::entries))
}

/// On whose authority a request comes; the door has put it there.
pub(crate) struct By(pub(crate) Authority);

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let by = parts.extensions.get::<Authority>().cloned();
        by.map(Self)
            .ok_or_else(|| Problem::from(Refusal::Internal).into_response())
    }
}

/// Whether something is only to be tried; where there is no body to say so in.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Try {
    /// Check everything and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// Why; kept in the audit log.
    reason: Option<String>,
}

/// How long something lasts, from whole seconds.
fn lifetime(seconds: Option<u64>) -> Result<Option<Duration>, Refusal> {
    match seconds {
        None => Ok(None),
        Some(seconds @ 1..=LONGEST) => Ok(Some(Duration::from_secs(seconds))),
        Some(_) => Err(Refusal::field(
            "expires_in",
            format!("seconds, 1 to {LONGEST}"),
        )),
    }
}

/// A text that may be absent, parsed.
fn optional<T>(
    text: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, crate::model::Invalid>,
) -> Result<Option<T>, Refusal> {
    let parsed = text.map(parse).transpose();
    parsed.map_err(|e| Refusal::field(field, e))
}
