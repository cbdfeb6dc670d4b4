//! The REST door: the whole URL table, and what holds for every request.

mod accounts;
mod deletions;
mod direct;
mod edits;
mod files;
mod hooks;
mod members;
mod mentions;
mod messages;
mod pins;
mod reactions;
mod reactors;
mod reading;
mod rooms;
mod search;
mod server;
mod view;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderName, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    desk::{self, Desk},
    door::{App, Context, Peer, Problem, allows_origin, attach_context, describe},
    model::{Authority, Caller, Origin, Refusal},
};

/// What stands at the head of the `OpenAPI` document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "chatd",
        description = "A self-hosted real-time group-chat server. Live events come over the WebSocket \
                       `GET /v1/ws`, described in docs/protocol.md."
    ),
    modifiers(&Finish)
)]
struct Document;

/// What the attributes cannot say.
struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        // utoipa takes the package's licence, and an empty one where there is none.
        document.info.license = None;
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("access_token", SecurityScheme::Http(scheme));
    }
}

/// Every URL of the REST interface.
fn table() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(server::info))
        .routes(routes!(server::livez))
        .routes(routes!(server::readyz))
        .routes(routes!(server::jwks))
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::login))
        .routes(routes!(accounts::token))
        .routes(routes!(accounts::claim))
        .routes(routes!(accounts::logout))
        .routes(routes!(accounts::me, accounts::edit_me))
        .routes(routes!(accounts::password))
        .routes(routes!(accounts::sessions, accounts::end_other_sessions))
        .routes(routes!(accounts::end_session))
        .routes(routes!(mentions::list))
        .routes(routes!(search::search))
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::show, rooms::edit, rooms::delete))
        .routes(routes!(direct::open))
        .routes(routes!(rooms::join))
        .routes(routes!(rooms::join_with_code))
        .routes(routes!(rooms::leave))
        .routes(routes!(rooms::transfer))
        .routes(routes!(reading::read))
        .routes(routes!(reading::typing))
        .routes(routes!(reading::presence))
        .routes(routes!(members::list))
        .routes(routes!(members::put, members::patch, members::remove))
        .routes(routes!(messages::history, messages::send))
        .routes(routes!(messages::show, edits::edit, deletions::delete))
        .routes(routes!(hooks::post))
        .routes(routes!(messages::report))
        .routes(routes!(files::upload))
        .routes(routes!(files::show, files::discard))
        .routes(routes!(files::ticket))
        .routes(routes!(messages::replies))
        .routes(routes!(pins::list))
        .routes(routes!(pins::put, pins::remove))
        .routes(routes!(reactions::list))
        .routes(routes!(reactions::put, reactions::remove))
        .routes(routes!(reactors::remove_all))
        .routes(routes!(reactors::remove))
}

/// the `OpenAPI` document, made from the table.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = table().into_openapi();
    document.merge(desk::table().into_openapi());
    describe(&mut document);
    document
}

/// What members with the right role administer, with the authority they have.
fn desk_table(app: &Arc<App>, desk: Desk) -> OpenApiRouter<Arc<App>> {
    desk::table()
        .with_state(Arc::new(desk))
        .layer(middleware::from_fn_with_state(Arc::clone(app), authority))
}

async fn authority(Asker(caller): Asker, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Authority::Caller(caller));
    next.run(request).await
}

/// Wraps routes in what holds for every request: a context, CORS, rate, size and time limits, and answers in
/// one form. `more` are routes of other doors.
pub fn router(app: &Arc<App>, desk: Desk, more: Router<Arc<App>>) -> Router {
    let (routes, mut document) = table().merge(desk_table(app, desk)).split_for_parts();
    describe(&mut document);
    let document = document.to_pretty_json().unwrap_or_default();
    let openapi = axum::routing::get(move || async move {
        ([(header::CONTENT_TYPE, "application/json")], document)
    });
    routes
        .route("/openapi.json", openapi)
        .merge(more)
        .fallback(|| async { Problem::from(Refusal::NotFound("path; see /openapi.json")) })
        .method_not_allowed_fallback(|| async {
            let why = Refusal::field("method", "this path does not take this method");
            Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(app), limits))
        .layer(cors(app))
        .layer(middleware::from_fn_with_state(Arc::clone(app), context))
        .with_state(Arc::clone(app))
}

async fn context(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    app.stats.requests.up();
    if request.method() == Method::OPTIONS {
        // Answered by the CORS layer, before the limits below.
        let peer = request.extensions().get::<Peer>().map(|p| p.0.ip());
        if let Some(Err(refusal)) = peer.map(|ip| app.limits.check_request(ip)) {
            return Problem::from(refusal).into_response();
        }
    }
    // One request goes by one state of the settings.
    let config = app.config.snapshot();
    let most = usize::try_from(config.http.body.as_u64()).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(most).apply(&mut request);
    attach_context(&config.http.trusted_proxies, request, next).await
}

/// Origin, rate and time.
async fn limits(
    State(app): State<Arc<App>>,
    context: Context,
    request: Request,
    next: Next,
) -> Response {
    // A page that is not allowed here gets no answer to read, and nothing is done for it either: CORS alone
    // would only keep the answer from it, and not even that under a rebound name.
    if !allows_origin(&app.config.get(), request.headers()) {
        let why = "pages from this origin may not use this server; see http.allowed_origins";
        return Problem::from(Refusal::Forbidden(why.into())).into_response();
    }
    // What watches the server is not to be turned away by the crowd it watches.
    let watched = matches!(request.uri().path(), "/livez" | "/readyz");
    if !watched && let Err(refusal) = app.limits.check_request(context.address) {
        app.stats.rate_limited.up();
        return Problem::from(refusal).into_response();
    }
    if !watched && let Err(refusal) = app.moderation.check_address(context.address) {
        return Problem::from(refusal).into_response();
    }
    // An upload takes as long as it takes, as long as it goes on.
    let route = request.extensions().get::<MatchedPath>();
    let uploads = route.is_some_and(|route| route.as_str() == files::UPLOADS);
    if uploads && request.method() == Method::POST {
        return next.run(request).await;
    }
    let most: Duration = app.config.get().http.request_timeout.into();
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Refusal::Unavailable).into_response(),
    }
}

fn cors(app: &Arc<App>) -> CorsLayer {
    let config = app.config.clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |_, parts: &Parts| {
            allows_origin(&config.get(), &parts.headers)
        }))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            header::RANGE,
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            header::RETRY_AFTER,
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            header::ETAG,
        ])
        .max_age(Duration::from_mins(10))
}

/// Who asks: an access token that is good, in `Authorization: Bearer`.
pub(crate) struct Asker(pub(crate) Caller);

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let refuse = |refusal: Refusal| Problem::from(refusal).into_response();
        let context = Context::from_request_parts(parts, app).await?;
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let token = header
            .and_then(|v| v.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = token else {
            let why = "log in, and send Authorization: Bearer <access_token>";
            return Err(refuse(Refusal::Unauthorized(why.into())));
        };
        let identity = app.account.authenticate(token).await.map_err(refuse)?;
        Ok(Self(Caller {
            user: identity.user,
            session: identity.session,
            scopes: identity.scopes,
            bot: identity.bot,
            origin: Origin::Rest,
            address: context.address,
            request: Some(context.request_id),
        }))
    }
}
