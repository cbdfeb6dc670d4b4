//! What comes in by a hook's URL.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::messages::SentBody;
use crate::{
    chat::{HOOK_SCOPES, NewMessage},
    door::{self, App, Context, JsonBody, PathOf, Problem},
    id::RoomId,
    model::{Body, Caller, Origin, Refusal, Txn},
};

/// What a hook says.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct HookBody {
    /// The text. Other members are passed over.
    #[schema(example = "Build 7 is green.")]
    body: Option<Body>,
    /// Means the same, as other servers call it, where there is no `body`.
    #[schema(value_type = Option<String>)]
    text: Option<serde_json::Value>,
    /// Makes repeating the request safe; best a UUID.
    txn: Option<Txn>,
}

impl<S: Send + Sync> FromRequest<S> for HookBody {
    type Rejection = Response;

    /// JSON, or the text alone as `text/plain`.
    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or("");
        let plain = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
        let refuse = |refusal: Refusal| Problem::from(refusal).into_response();
        if !plain {
            if !door::is_json(kind) {
                let why =
                    "send JSON with Content-Type: application/json, or a text with text/plain";
                let why = Refusal::field("content-type", why);
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return Err(Problem::with_status(status, why).into_response());
            }
            let JsonBody(mut said) = JsonBody::<Self>::from_request(request, state).await?;
            if said.body.is_none() {
                let text = said.text.take();
                let text = text.ok_or_else(|| refuse(Refusal::field("body", "is missing")))?;
                let text = text.as_str().unwrap_or_default();
                let body = Body::parse(text).map_err(|e| refuse(Refusal::field("text", e)))?;
                said.body = Some(body);
            }
            return Ok(said);
        }
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            let why = Refusal::field("content-encoding", "compressed bodies are not accepted");
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::with_status(status, why).into_response());
        }
        let read = Bytes::from_request(request, state).await;
        let bytes = read.map_err(|rejection| {
            refuse(match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Refusal::TooLarge("the body of this request is too large".into())
                }
                _ => Refusal::field("body", "the body broke off"),
            })
        })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| refuse(Refusal::field("body", "is not UTF-8")))?;
        // What a shell sends ends in a line's end.
        let body = Body::parse(text.trim_end_matches(['\r', '\n']))
            .map_err(|e| refuse(Refusal::field("body", e)))?;
        Ok(Self {
            body: Some(body),
            text: None,
            txn: None,
        })
    }
}

/// Says something in a room by a hook's URL, which is all that it takes: whoever has it may. As JSON, or as
/// `text/plain`. A URL that is no good any more is like one that never was.
#[utoipa::path(
    post, path = "/v1/hooks/{room}/{token}", tag = "hooks",
    request_body(content((HookBody = "application/json"), (String = "text/plain"))),
    params(("room" = String, Path, description = "id"), ("token" = String, Path)),
    responses((status = 201, body = SentBody))
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    context: Context,
    PathOf((room, token)): PathOf<(String, String)>,
    body: HookBody,
) -> Result<(StatusCode, Json<SentBody>), Problem> {
    let unknown = || Refusal::NotFound("hook");
    let room: RoomId = room.parse().map_err(|_| unknown())?;
    let identity = match app.account.authenticate(&token).await {
        Ok(identity) if identity.bot && identity.scopes == HOOK_SCOPES => identity,
        Ok(_) | Err(Refusal::Unauthorized(_) | Refusal::SessionEnded | Refusal::TokenExpired) => {
            return Err(unknown().into());
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let caller = Caller {
        user: identity.user,
        session: identity.session,
        scopes: identity.scopes,
        bot: true,
        origin: Origin::Rest,
        address: context.address,
        request: Some(context.request_id),
    };
    let new = NewMessage {
        body: body.body,
        txn: body.txn,
        reply_to: None,
        files: Vec::new(),
    };
    let ready = app.chat.ready(&caller, room, new).await?;
    let (tx, rx) = oneshot::channel();
    app.chat
        .send(&caller, room, ready, move |sent| drop(tx.send(sent)));
    let sent = rx.await.unwrap_or(Err(Refusal::Unavailable))?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}
