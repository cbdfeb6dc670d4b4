//! The URLs of the admin socket, and who may use them.

mod events;
mod facts;
mod lines;
mod status;
mod store;
mod watch;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, MatchedPath, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::{Method, StatusCode};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};

use tokio::runtime::Handle;
use tracing::Instrument as _;

use self::facts::Facts;
use super::{
    access::{Peer, name_of},
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
/// How long the body of a request may take to come. It comes from this machine: what takes longer is sent by somebody
/// who holds a place, and not by a client.
const SENDING: Duration = Duration::from_secs(20);
/// How large the body of a request may be: five hundred accounts to import fit many times over.
const BODY: usize = 2 * 1024 * 1024;
/// How large its head may be.
const HEAD: usize = 64 * 1024;
/// How much of a claim is kept.
const CLAIM: usize = 256;
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
        .route("/v1/status", get(status::status))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/events", get(events::events))
        .route("/v1/store", get(store::info))
        .route("/v1/store/check", get(store::check))
        .route("/v1/store/backup", post(store::back_up))
        .route("/v1/store/epoch", post(store::new_epoch))
        .route("/v1/store/reindex", post(store::reindex))
        .merge(both)
        .merge(theirs)
        .fallback(|| async { Problem::from(Refusal::NotFound("path on the admin socket")) })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            take_over(chat.clone(), request, next)
        }))
        .layer(middleware::from_fn(take_in))
        .layer(middleware::from_fn(admit))
        .layer(middleware::from_fn(|request: Request, next: Next| {
            attach_context(&[], request, next)
        }))
        .layer(Extension(Arc::<Facts>::default()))
        .with_state(desk)
}

/// Serves one connection until the other side ends it.
pub async fn serve_connection<T>(io: TokioIo<T>, router: Router, peer: Peer)
where
    TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    // A broken connection is the client's loss, and the client says so.
    let _ended = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(at_most(IDLE))
        .max_buf_size(HEAD)
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
    // Who only looks leaves nothing that names them.
    let looks = needed == Level::View && request.method().is_safe();
    let name = if looks { None } else { name_of(peer.uid).await };
    let by = Authority::Operator(operator(peer, name, &request));
    request.extensions_mut().insert(by);
    next.run(request).await
}

/// Takes the whole body in before anything is done by it, and gives up on one that does not come.
async fn take_in(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(at_most(SENDING), to_bytes(body, BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let why = "the body of this request is too large, or broke off";
            return Problem::from(Refusal::TooLarge(why.into())).into_response();
        }
        Err(_) => {
            let why = Refusal::field("body", "it did not come in time");
            return Problem::with_status(StatusCode::REQUEST_TIMEOUT, why).into_response();
        }
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// A limit, which tests make shorter with `TEST_ADMIN_LIMIT_MS`. Only in debug builds.
fn at_most(limit: Duration) -> Duration {
    #[cfg(debug_assertions)]
    if let Ok(ms) = std::env::var("TEST_ADMIN_LIMIT_MS")
        && let Ok(ms) = ms.parse()
    {
        return limit.min(Duration::from_millis(ms));
    }
    limit
}

/// Has the chat side do what needs it, and says so when it does not answer.
async fn take_over(chat: Handle, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    if request.method() == Method::GET && route.is_none_or(|it| APART.contains(&it.as_str())) {
        return next.run(request).await;
    }
    let late = Refusal::Late {
        after: PATIENCE,
        acts: !request.method().is_safe(),
    };
    let span = tracing::Span::current();
    let working = chat.spawn(async move { next.run(request).await }.instrument(span));
    match tokio::time::timeout(PATIENCE, working).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panicked)) => Problem::from(Refusal::Internal).into_response(),
        Err(_) => Problem::from(late).into_response(),
    }
}

/// This process's own authority over a store that it has to itself, with what was typed.
pub async fn operator_here(command: &str) -> Authority {
    let peer = Peer::this();
    let name = name_of(peer.uid).await;
    let command = Some(command.chars().take(CLAIM).collect());
    let sudo_user = std::env::var("SUDO_USER").ok();
    Authority::Operator(actor(peer, name, command, sudo_user))
}

/// Who asks, as the control log names them.
fn operator(peer: Peer, name: Option<String>, request: &Request) -> Actor {
    let claim = |name| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.chars().take(CLAIM).collect::<String>())
    };
    let context = request.extensions().get::<Context>();
    Actor {
        request: context.map(|c| c.request_id.clone()),
        ..actor(
            peer,
            name,
            claim("x-chatd-command"),
            claim("x-chatd-sudo-user"),
        )
    }
}

fn actor(
    peer: Peer,
    name: Option<String>,
    command: Option<String>,
    sudo_user: Option<String>,
) -> Actor {
    let Peer {
        uid,
        gid,
        pid,
        level,
    } = peer;
    Actor {
        origin: Origin::Admin {
            uid,
            gid,
            pid,
            name,
            level,
            command,
            sudo_user,
        },
        user: None,
        session: None,
        request: None,
        address: None,
    }
}

type Answer<T> = Result<Json<T>, Problem>;
