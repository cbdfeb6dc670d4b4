//! The URLs of the admin socket, and who may use them.

mod store;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};

use super::api;
use crate::{
    desk::{self, Desk},
    door::{Context, Problem, attach_context},
    model::{Actor, Authority, Origin, Refusal},
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
pub fn router(desk: Desk) -> Router {
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
    match request.extensions().get::<Peer>().copied() {
        Some(peer) if peer.may() => {
            let by = Authority::Operator(operator(peer, &request));
            request.extensions_mut().insert(by);
            next.run(request).await
        }
        _ => {
            let why = "this socket is for root and for the user the server runs as";
            Problem::from(Refusal::Forbidden(why.into())).into_response()
        }
    }
}

/// Who asks, as the control log names them.
fn operator(Peer { uid, gid, pid }: Peer, request: &Request) -> Actor {
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
