//! The URLs of the admin socket, and who may use them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Request, State},
    http::{StatusCode, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::Deserialize;

use super::api;
use crate::{
    auth::Secret,
    door::{Context, JsonBody, Problem, QueryOf, attach_context},
    id::RoomId,
    model::{
        Actor, DisplayName, Email, Invalid, Origin, Refusal, Role, RoomName, RoomRef, Status, User,
        UserRef, Username,
    },
    ops::{Access, NewAccount, Ops},
    store::RoomRow,
};

/// The other end of the socket, as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The operating system's user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The process, where it can be told.
    pub pid: Option<i32>,
}

impl Peer {
    /// This process itself.
    pub fn this() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            pid: i32::try_from(std::process::id()).ok(),
        }
    }

    /// Whether it may use the socket: root, and whoever the server runs as. The overflow uid stands for
    /// somebody unknown.
    fn may(self) -> bool {
        const OVERFLOW: u32 = 65534;
        self.uid != OVERFLOW && (self.uid == 0 || self.uid == rustix::process::geteuid().as_raw())
    }
}

/// The router.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/users", get(users).post(add_user))
        .route("/v1/users/{user}", get(user))
        .route("/v1/users/{user}/password", post(password))
        .route("/v1/users/{user}/role", post(role))
        .route("/v1/users/{user}/status", post(user_status))
        .route("/v1/rooms", get(rooms))
        .route("/v1/rooms/{room}", get(room))
        .route("/v1/invites", post(invite))
        .fallback(|| async { Problem::from(Refusal::NotFound("path on the admin socket")) })
        .layer(middleware::from_fn(admit))
        .layer(middleware::from_fn(|request: Request, next: Next| {
            attach_context(&[], request, next)
        }))
        .with_state(Arc::new(ops))
}

/// Serves one connection until the other side ends it.
pub async fn serve_connection<T>(io: TokioIo<T>, router: Router, peer: Peer)
where
    TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = TowerToHyperService::new(router.layer(axum::Extension(peer)));
    // A broken connection is the client's loss, and the client says so.
    let _ended = hyper::server::conn::http1::Builder::new()
        .serve_connection(io, service)
        .await;
}

async fn admit(request: Request, next: Next) -> Response {
    match request.extensions().get::<Peer>() {
        Some(peer) if peer.may() => next.run(request).await,
        _ => {
            let why = "this socket is for root and for the user the server runs as";
            Problem::from(Refusal::Forbidden(why.into())).into_response()
        }
    }
}

/// Who asks, as the control log names them.
struct Operator(Actor);

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let context = Context::from_request_parts(parts, state).await?;
        let Some(Peer { uid, gid, pid }) = parts.extensions.get::<Peer>().copied() else {
            return Err(Problem::from(Refusal::Internal).into_response());
        };
        let claim = |name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.chars().take(256).collect::<String>())
        };
        let origin = Origin::Admin {
            uid,
            gid,
            pid,
            command: claim("x-chatd-command"),
            sudo_user: claim("x-chatd-sudo-user"),
        };
        Ok(Self(Actor {
            origin,
            user: None,
            session: None,
            request: Some(context.request_id),
            address: None,
        }))
    }
}

type Answer<T> = Result<Json<T>, Problem>;

async fn status(State(ops): State<Arc<Ops>>) -> Answer<api::Status> {
    let report = ops.report().await?;
    let (store, stats) = (report.store, &ops.stats);
    Ok(Json(api::Status {
        version: env!("CARGO_PKG_VERSION").into(),
        running: ops.listen.is_some(),
        pid: std::process::id(),
        listen: ops.listen.map(|a| a.to_string()),
        started_at: ops.started_at,
        at: report.at,
        registration: ops.config.auth.registration.as_str().into(),
        memory_bytes: report.memory_bytes,
        store: api::StoreStatus {
            backend: store.backend.into(),
            location: store.location,
            version: store.version,
            schema: store.schema,
            epoch: store.epoch.to_string(),
            bytes: store.bytes,
            users: store.users,
            rooms: store.rooms,
            ready: report.ready.is_ok(),
        },
        counts: api::Counts {
            connections: stats.connections.get(),
            sockets: stats.sockets.get(),
            channels: report.channels,
            requests: stats.requests.get(),
            frames: stats.frames.get(),
            messages: stats.messages.get(),
            entries: stats.entries.get(),
            batches: stats.batches.get(),
            deliveries: stats.deliveries.get(),
            slow_consumers: stats.slow_consumers.get(),
            logins: stats.logins.get(),
            failed_logins: stats.failed_logins.get(),
            rate_limited: stats.rate_limited.get(),
        },
    }))
}

#[derive(Deserialize)]
struct Paging {
    cursor: Option<String>,
    limit: Option<usize>,
}

impl Paging {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(50).clamp(1, 200)
    }
}

async fn users(
    State(ops): State<Arc<Ops>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::User>> {
    let after = page.cursor.as_deref().map(Username::parse).transpose();
    let after = after.map_err(|_| cursor())?;
    let limit = page.limit();
    let mut users = ops.users(after.as_ref(), limit + 1).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|u| u.name.to_string());
    let items = users.into_iter().map(user_body).collect();
    Ok(Json(api::List { items, next }))
}

async fn user(State(ops): State<Arc<Ops>>, Path(user): Path<String>) -> Answer<api::UserDetail> {
    let found = ops.user(&user_ref(&user)?).await?;
    let session = |s: crate::model::Session| api::Session {
        id: s.id.to_string(),
        device: s.device.map(Into::into),
        address: s.address,
        created_at: s.created_at,
        used_at: s.used_at,
    };
    let membership = |row: RoomRow| {
        row.member.map(|m| api::Membership {
            room: row.room.id.to_string(),
            name: row.room.name.to_string(),
            role: m.role,
        })
    };
    Ok(Json(api::UserDetail {
        user: user_body(found.user),
        sessions: found.sessions.into_iter().map(session).collect(),
        rooms: found.rooms.into_iter().filter_map(membership).collect(),
    }))
}

async fn add_user(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    JsonBody(body): JsonBody<api::NewUser>,
) -> Answer<api::NewUserMade> {
    let new = NewAccount {
        name: Username::parse(&body.name).map_err(|e| in_field("name", &e))?,
        role: body.role.unwrap_or(Role::Member),
        display_name: optional(
            body.display_name.as_deref(),
            "display_name",
            DisplayName::parse,
        )?,
        email: optional(body.email.as_deref(), "email", Email::parse)?,
        password: body.password.map(Secret::from),
    };
    let Access { user, code, .. } = ops.add_user(&actor, new, body.dry_run).await?;
    Ok(Json(api::NewUserMade {
        user: user_body(user),
        code_expires_at: code.as_ref().map(|c| c.expires_at),
        code: code.filter(|_| !body.dry_run).map(|c| c.code.to_string()),
        dry_run: body.dry_run,
    }))
}

async fn password(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<api::NewPassword>,
) -> Answer<api::PasswordSet> {
    let password = body.password.map(Secret::from);
    let set = ops
        .set_password(&actor, &user_ref(&user)?, password, body.dry_run)
        .await?;
    Ok(Json(api::PasswordSet {
        user: user_body(set.user),
        code_expires_at: set.code.as_ref().map(|c| c.expires_at),
        code: set
            .code
            .filter(|_| !body.dry_run)
            .map(|c| c.code.to_string()),
        sessions_ended: set.sessions_ended,
        dry_run: body.dry_run,
    }))
}

#[derive(Deserialize)]
struct RoleBody {
    role: Role,
    #[serde(default)]
    dry_run: bool,
}

async fn role(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<RoleBody>,
) -> Answer<api::User> {
    let user = user_ref(&user)?;
    let user = ops.set_role(&actor, &user, body.role, body.dry_run).await?;
    Ok(Json(user_body(user)))
}

#[derive(Deserialize)]
struct StatusBody {
    status: Status,
    #[serde(default)]
    dry_run: bool,
}

async fn user_status(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<StatusBody>,
) -> Answer<api::User> {
    let enabled = match body.status {
        Status::Active => true,
        Status::Disabled => false,
        Status::Invited => {
            return Err(Refusal::field("status", "one of: active, disabled").into());
        }
    };
    let user = user_ref(&user)?;
    let user = ops
        .set_enabled(&actor, &user, enabled, body.dry_run)
        .await?;
    Ok(Json(user_body(user)))
}

async fn rooms(
    State(ops): State<Arc<Ops>>,
    QueryOf(page): QueryOf<Paging>,
) -> Answer<api::List<api::Room>> {
    let after = page.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = page.limit();
    let after = after.as_ref().map(|(name, id)| (name, *id));
    let (mut rows, owners) = ops.rooms(after, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|r| format!("{}:{}", r.room.name, r.room.id));
    let body = |row: RoomRow| {
        let owner = owners.get(&row.room.owner).cloned();
        room_body(row, owner)
    };
    Ok(Json(api::List {
        items: rows.into_iter().map(body).collect(),
        next,
    }))
}

async fn room(State(ops): State<Arc<Ops>>, Path(room): Path<String>) -> Answer<api::RoomDetail> {
    let room = RoomRef::parse(&room).map_err(|_| Refusal::NotFound("room"))?;
    let found = ops.room(&room).await?;
    let people = found.people.into_iter().map(|(m, u)| api::RoomMember {
        id: u.id.to_string(),
        name: u.name.into(),
        role: m.role,
        at: m.at,
    });
    Ok(Json(api::RoomDetail {
        people: people.collect(),
        room: room_body(found.row, found.owner),
    }))
}

async fn invite(
    State(ops): State<Arc<Ops>>,
    Operator(actor): Operator,
    JsonBody(body): JsonBody<api::NewInvite>,
) -> Result<(StatusCode, Json<api::Invite>), Problem> {
    let role = body.role.unwrap_or(Role::Member);
    let fresh = ops.invite(&actor, role, body.dry_run).await?;
    let invite = api::Invite {
        code: (!body.dry_run).then(|| fresh.code.to_string()),
        role,
        expires_at: fresh.expires_at,
        dry_run: body.dry_run,
    };
    Ok((StatusCode::CREATED, Json(invite)))
}

fn user_body(u: User) -> api::User {
    api::User {
        id: u.id.to_string(),
        name: u.name.into(),
        display_name: u.display_name.map(Into::into),
        email: u.email.map(Into::into),
        email_login: u.email_login,
        role: u.role,
        status: u.status,
        created_at: u.created_at,
    }
}

fn room_body(row: RoomRow, owner: Option<Username>) -> api::Room {
    let room = row.room;
    api::Room {
        id: room.id.to_string(),
        name: room.name.into(),
        kind: room.kind,
        title: room.title.map(Into::into),
        topic: room.topic.map(Into::into),
        history: room.history,
        owner: owner.map_or_else(|| room.owner.to_string(), Into::into),
        created_at: room.created_at,
        members: row.members,
        head: row.head.seq,
        n: row.head.n,
        last_at: row.head.at,
    }
}

fn user_ref(text: &str) -> Result<UserRef, Refusal> {
    UserRef::parse(text).map_err(|_| Refusal::NotFound("user"))
}

fn optional<T>(
    text: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Option<T>, Refusal> {
    let parsed = text.map(parse).transpose();
    parsed.map_err(|e| in_field(field, &e))
}

fn in_field(field: &str, why: &Invalid) -> Refusal {
    Refusal::field(field, why)
}

fn cursor() -> Refusal {
    Refusal::field("cursor", "use the `next` of the page before")
}

fn parse_cursor(text: &str) -> Result<(RoomName, RoomId), Refusal> {
    let parsed = text.split_once(':');
    let parsed =
        parsed.and_then(|(name, id)| Some((RoomName::parse(name).ok()?, id.parse().ok()?)));
    parsed.ok_or_else(cursor)
}
