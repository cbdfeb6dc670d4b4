//! The listener: `GET /metrics` and nothing else.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    pulse::Pulse,
    text::{Form, page},
};

/// How many may ask at the same time; one more is turned away. A Prometheus is one.
const CONNECTIONS: usize = 16;
/// How long a connection may say nothing: longer than the time between two scrapes, as a rule.
const IDLE: Duration = Duration::from_mins(2);
/// How long a connection is kept at all, so that one which takes nothing does not hold its place.
const LONGEST: Duration = Duration::from_hours(1);

/// Answers until the server stops.
pub async fn serve(
    listener: TcpListener,
    pulse: Arc<Pulse>,
    stopping: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is only /metrics\n") })
        .with_state(pulse);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    tracing::warn!("too many ask for metrics; a connection was turned away");
                    continue;
                };
                let (router, stopping) = (router.clone(), stopping.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        biased;
                        () = stopping.cancelled() => {}
                        // What becomes of it is for the other side to notice.
                        _ended = timeout(LONGEST, converse(stream, router)) => {}
                    }
                    drop(place);
                });
            }
            Err(e) => {
                tracing::warn!(error = %e, "cannot accept a connection for metrics");
                // Out of files, most likely: let some go.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let _ended = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

async fn metrics(State(pulse): State<Arc<Pulse>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let form = Form::wanted(accept.unwrap_or_default());
    // Counting open files takes a while when there are many.
    let page = tokio::task::spawn_blocking(move || page(&pulse, form)).await;
    if let Ok(Ok(page)) = page {
        let kind = [(header::CONTENT_TYPE, form.media_type())];
        return (kind, Body::from(page)).into_response();
    }
    tracing::error!("metrics could not be written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
