//! The WebSocket door: the upgrade, and the sessions that follow it.

mod reply;
mod request;
mod session;
mod wire;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::session::Session;
use crate::{
    door::{App, Context, Patient, Problem, Ticket, allows_origin},
    model::Refusal,
    tls::{Socket, Stream},
};

/// `GET /v1/ws`: turns the connection into a WebSocket. Refusals of a person come later, as reply and close
/// code; here only a page from a foreign origin and a request that is no upgrade are refused.
pub async fn upgrade(State(app): State<Arc<App>>, context: Context, request: Request) -> Response {
    if !allows_origin(&app.config.get(), request.headers()) {
        let why = "pages from this origin may not connect; see http.allowed_origins";
        return Problem::from(Refusal::Forbidden(why.into())).into_response();
    }
    if app.stopping.is_cancelled() {
        return Problem::from(Refusal::Busy).into_response();
    }
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(problem) => return problem.into_response(),
    };
    let token = bearer(request.headers());
    let (mut parts, _) = request.into_parts();
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        let why = Refusal::field("connection", "this connection cannot be upgraded");
        return Problem::with_status(StatusCode::UPGRADE_REQUIRED, why).into_response();
    };
    let ticket = parts.extensions.remove::<Ticket>();
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        // Counts as a connection until the end.
        let _ticket = ticket;
        let Ok(upgraded) = upgrade.await else { return };
        if let Some((socket, early)) = into_socket(upgraded) {
            Session::new(app, &context, token, early).run(socket).await;
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The socket itself, and what came over it before the upgrade was done.
fn into_socket(upgraded: Upgraded) -> Option<(Socket, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<Patient<Stream>>>().ok()?;
    // Copied: hyper's buffer is 8 KiB, and would otherwise live as long as the connection.
    let stream = parts.io.into_inner().into_inner();
    Some((stream.into(), parts.read_buf.to_vec()))
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let has = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
        values
            .flat_map(|v| v.split(','))
            .any(|v| v.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        let why = Refusal::field("upgrade", "connect with a WebSocket client");
        return Err(Problem::with_status(StatusCode::UPGRADE_REQUIRED, why));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let why = Refusal::field("sec-websocket-version", "only version 13 is spoken here");
        return Err(Problem::with_status(StatusCode::UPGRADE_REQUIRED, why));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes);
    let key = key.filter(|k| k.len() == 24 && k.ends_with(b"=="));
    let key =
        key.ok_or_else(|| Refusal::field("sec-websocket-key", "must be 16 bytes in base64"))?;
    HeaderValue::from_str(&derive_accept_key(key))
        .map_err(|_| Refusal::field("sec-websocket-key", "must be 16 bytes in base64").into())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}
