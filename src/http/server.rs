//! About the server itself: what it is, whether it lives, whether it is ready.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::door::{App, Context, PROTOCOL};

/// What a client has to know before it logs in.
#[derive(Debug, Serialize, ToSchema)]
struct Info {
    /// Always `chatd`.
    name: &'static str,
    version: &'static str,
    /// The WebSocket protocol spoken.
    protocol: u32,
    /// Who may register, as asked from here: `open`, `invite` or `closed`.
    registration: &'static str,
    limits: InfoLimits,
    /// What this server can do beyond the basics.
    features: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct InfoLimits {
    message_bytes: u64,
    frame_bytes: u64,
    body_bytes: u64,
    /// How large a file may be; 0 where none is taken.
    file_bytes: u64,
    room_members: usize,
    rooms_per_user: usize,
}

/// What the server is: version, protocol, registration, limits, features.
#[utoipa::path(get, path = "/v1/info", tag = "server", responses((status = 200, body = Info)))]
pub(super) async fn info(State(app): State<Arc<App>>, context: Context) -> impl IntoResponse {
    let config = app.config.get();
    Json(Info {
        name: "chatd",
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL,
        registration: app.account.registration(context.direct).as_str(),
        limits: InfoLimits {
            message_bytes: config.limits.message.as_u64(),
            frame_bytes: config.ws.frame.as_u64(),
            body_bytes: config.http.body.as_u64(),
            file_bytes: if config.files.enabled {
                config.files.max_size.as_u64()
            } else {
                0
            },
            room_members: config.limits.room_members,
            rooms_per_user: config.limits.rooms_per_user,
        },
        features: Vec::new(),
    })
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", tag = "server", responses((status = 200, body = String)))]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether it takes requests: the store answers and it is not stopping.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses((status = 200, body = String), (status = 503, body = String))
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    if app.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match app.store.ping().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer\n".to_owned(),
        ),
    }
}

/// The public keys that check access tokens.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "server",
    responses((status = 200, body = serde_json::Value))
)]
pub(super) async fn jwks(State(app): State<Arc<App>>) -> impl IntoResponse {
    Json(app.account.keys.jwks())
}
