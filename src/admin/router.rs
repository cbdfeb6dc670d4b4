//! The URLs of the admin socket, and who may use them.

mod store;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::Method;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};

use tokio::runtime::Handle;
use tracing::Instrument as _;

use super::{
    access::Peer,
    api,
    level::{Level, needed},
};
use crate::{
    desk::{self, Desk},
    door::{Context, Problem, attach_context},
    model::{Actor, Authority, Origin, Refusal},
};

/// How long a connection may say nothing before its place is given to another.
const IDLE: Duration = Duration::from_mins(1);
/// How long the chat side may take to answer, a little less than the command line waits.
const PATIENCE: Duration = Duration::from_secs(25);
/// What is answered here and does not wait for the chat side: how it is, even if it is stuck.
const APART: &[&str] = &[
    "/v1/status",
    "/v1/watch",
    "/v1/events",
    "/v1/conns",
    "/v1/jobs",
];

/// The router. `chat` is the runtime that serves the chat; what needs that side is done there, so that it does not
/// matter on which one this router is served.
pub fn router(desk: Desk, chat: Handle) -> Router {
    let desk = Arc::new(desk);
    let (both, _) = desk::table().split_for_parts();
    let (theirs, _) = desk::operators_table().split_for_parts();
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/store", get(store::info))
        .route("/v1/store/check", get(store::check))
        .route("/v1/store/epoch", post(store::new_epoch))
        .merge(both)
        .merge(theirs)
        .fallback(|| async { Problem::from(Refusal::NotFound("path on the admin socket")) })
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            take_over(chat.clone(), request, next)
        }))
        .layer(middleware::from_fn(admit))
        .layer(middleware::from_fn(|request: Request, next: Next| {
            attach_context(&[], request, next)
        }))
        .with_state(desk)
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

/// Lets those in who may, and says on whose authority they act.
async fn admit(mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let needed = route.map_or(Level::View, |route| {
        needed(request.method(), route.as_str())
    });
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Problem::from(Refusal::Internal).into_response();
    };
    if peer.level < Some(needed) {
        return Problem::from(Refusal::Forbidden(peer.refusal(needed))).into_response();
    }
    let by = Authority::Operator(operator(peer, &request));
    request.extensions_mut().insert(by);
    next.run(request).await
}

/// Has the chat side do what needs it, and says so when it does not answer.
async fn take_over(chat: Handle, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    if request.method() == Method::GET && route.is_none_or(|it| APART.contains(&it.as_str())) {
        return next.run(request).await;
    }
    let span = tracing::Span::current();
    let working = chat.spawn(async move { next.run(request).await }.instrument(span));
    match tokio::time::timeout(PATIENCE, working).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panicked)) => Problem::from(Refusal::Internal).into_response(),
        Err(_) => Problem::from(Refusal::Unavailable).into_response(),
    }
}

/// Who asks, as the control log names them.
fn operator(Peer { uid, gid, pid, .. }: Peer, request: &Request) -> Actor {
    let claim = |name| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.chars().take(256).collect::<String>())
    };
    let origin = Origin::Admin {
        uid,
        gid,
        pid,
        command: claim("x-chatd-command"),
        sudo_user: claim("x-chatd-sudo-user"),
    };
    let context = request.extensions().get::<Context>();
    Actor {
        origin,
        user: None,
        session: None,
        request: context.map(|c| c.request_id.clone()),
        address: None,
    }
}

type Answer<T> = Result<Json<T>, Problem>;

async fn status(State(desk): State<Arc<Desk>>) -> Answer<api::Status> {
    let ops = &desk.ops;
    let report = ops.report().await;
    let (store, stats) = (report.store, &ops.stats);
    let holds = report.holds.as_ref().ok();
    // Not asked while the store does not answer: then this page is needed all the more.
    let archive = match holds {
        Some(_) => desk.archive.standing().await.ok(),
        None => None,
    };
    Ok(Json(api::Status {
        version: env!("CARGO_PKG_VERSION").into(),
        running: ops.listen.is_some(),
        pid: std::process::id(),
        listen: ops.listen.map(|a| a.to_string()),
        started_at: ops.started_at,
        at: report.at,
        registration: ops.registration().map_or_else(
            || ops.config.auth.registration.as_str().into(),
            |mode| mode.to_string(),
        ),
        memory_bytes: report.memory_bytes,
        store: api::StoreStatus {
            backend: store.backend.into(),
            location: store.location,
            version: store.version,
            schema: store.schema,
            epoch: store.epoch.to_string(),
            bytes: holds.map(|it| it.bytes),
            users: holds.map(|it| it.users),
            rooms: holds.map(|it| it.rooms),
            ready: holds.is_some(),
            trouble: report.holds.err(),
        },
        archive: archive.map(|it| api::ArchiveStatus {
            running: desk.archive.running().map(|run| run.id.to_string()),
            schedule: it.schedule,
            paused: it.paused,
            next_at: it.next_at,
            last_at: it.last.as_ref().map(|run| run.at),
            last_state: it.last.map(|run| run.state),
        }),
        counts: api::Counts {
            connections: stats.connections.get(),
            sockets: stats.sockets.get(),
            channels: report.channels,
            requests: stats.requests.get(),
            frames: stats.frames.get(),
            messages: stats.messages.get(),
            deletions: stats.deletions.get(),
            erased: stats.erased.get(),
            archived: stats.archived.get(),
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
