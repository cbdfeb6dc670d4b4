//! What is known of a request before anyone looks at what it asks.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    http::{HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ipnet::IpNet;
use tracing::Instrument as _;
use uuid::Uuid;

use super::problem::Problem;
use crate::{limit::client_address, model::Refusal};

/// The other end of the socket, put on every request by whoever accepted it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// What is known of a request before anyone looks at what it asks.
#[derive(Clone, Debug)]
pub struct Context {
    /// Names the request in the log and in problem documents.
    pub request_id: String,
    /// The client, behind the proxies that are trusted.
    pub address: IpAddr,
    /// Whether it comes straight from this machine: a loopback peer and no forwarding header.
    pub direct: bool,
}

/// What proxies add. Any of these, and anything that begins with `x-forwarded`, tells of one.
const FORWARDING: [&str; 6] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// Middleware: puts the [`Context`] on a request, and the request's id on the answer and into a problem.
pub async fn attach_context(trusted: &[IpNet], mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::from([127, 0, 0, 1]), |p| p.0.ip());
    let forwarded: Vec<String> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok().map(ToOwned::to_owned))
        .collect();
    let hops: Vec<&str> = forwarded.iter().map(String::as_str).collect();
    let named = request.headers().keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded") || FORWARDING.contains(&name)
    });
    let context = Context {
        request_id: request_id(),
        address: client_address(peer, &hops, trusted),
        direct: peer.to_canonical().is_loopback() && !named,
    };
    let id = context.request_id.clone();
    request.extensions_mut().insert(context);
    // Of the highest level, so that it is there for every line that is logged at all.
    let span = tracing::error_span!("request", request_id = %id);
    let answered = answer(request, next).instrument(span);
    let mut response = answered.await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let document = serde_json::to_vec(&problem.document(&id)).unwrap_or_default();
        let (mut parts, _) = response.into_parts();
        let kind = HeaderValue::from_static("application/problem+json");
        parts.headers.insert(header::CONTENT_TYPE, kind);
        parts.headers.remove(header::CONTENT_LENGTH);
        response = Response::from_parts(parts, axum::body::Body::from(document));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Has a request answered. What is logged of it is the route, not the path, which may hold what is secret.
async fn answer(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, since) = (request.method().clone(), Instant::now());
    let response = next.run(request).await;
    tracing::debug!(
        %method,
        route = route.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        took_us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// Random, and so the same whatever the clock says.
fn request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness the log is harder to read, and nothing else.
    let _filled = getrandom::fill(&mut bytes);
    Uuid::from_bytes(bytes).simple().to_string()
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| Problem::from(Refusal::Internal).into_response())
    }
}
