//! The URLs of the admin socket, and who may use them.

mod rooms;
mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::Deserialize;

use super::api;
use crate::{
    door::{Context, JsonBody, Problem, attach_context},
    model::{Actor, Origin, Refusal, Role},
    ops::Ops,
};

/// How long a connection may say nothing before its place is given to another.
const IDLE: Duration = Duration::from_mins(1);

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
        .route("/v1/users", get(users::users).post(users::add_user))
        .route("/v1/users/{user}", get(users::user))
        .route("/v1/users/{user}/password", post(users::password))
        .route("/v1/users/{user}/role", post(users::role))
        .route("/v1/users/{user}/status", post(users::user_status))
        .route("/v1/rooms", get(rooms::rooms))
        .route("/v1/rooms/{room}", get(rooms::room))
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
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
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

fn cursor() -> Refusal {
    Refusal::field("cursor", "use the `next` of the page before")
}
