//! Reading what a request says, with errors that name the place.

use axum::{
    body::{Bytes, HttpBody as _},
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::model::Refusal;

/// Parses JSON; a refusal names the field that is wrong.
pub fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    // Ours are all objects; serde would take an array for one, member by member.
    let first = text.iter().find(|b| !b.is_ascii_whitespace());
    if first.is_some_and(|b| *b != b'{') {
        return Err(Refusal::field("body", "must be a JSON object"));
    }
    if let Ok(parsed) = serde_json::from_slice(text) {
        return Ok(parsed);
    }
    // Once more, for whoever has to mend it: keeping in mind where one is costs as much again as parsing.
    let mut reader = serde_json::Deserializer::from_slice(text);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let field = e.path().to_string();
        let inner = e.into_inner();
        if inner.is_data() {
            let why = inner.to_string();
            let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
            // A missing member is reported at the object it is missing from.
            let field = match why.strip_prefix("missing field `") {
                Some(name) => name.trim_end_matches('`').to_owned(),
                None if field == "." => "body".to_owned(),
                None => field,
            };
            Refusal::field(field, why)
        } else {
            Refusal::field("body", format!("not JSON: {inner}"))
        }
    })?;
    reader
        .end()
        .map_err(|e| Refusal::field("body", format!("not JSON: {e}")))?;
    Ok(parsed)
}

/// Whether a `Content-Type` says that a body is JSON.
pub fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or("").trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// A JSON request body.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers();
        if headers.contains_key(header::CONTENT_ENCODING) {
            let why = Refusal::field("content-encoding", "compressed bodies are not accepted");
            return Err(
                Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response(),
            );
        }
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        if !is_json(kind) {
            let why = Refusal::field(
                "content-type",
                "send JSON with Content-Type: application/json",
            );
            return Err(
                Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response(),
            );
        }
        let text = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                let refusal = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        Refusal::TooLarge("the body of this request is too large".into())
                    }
                    _ => Refusal::field("body", "the body broke off"),
                };
                Problem::from(refusal).into_response()
            })?;
        parse_json(&text)
            .map(Self)
            .map_err(|r| Problem::from(r).into_response())
    }
}

/// A JSON request body that may be left out.
#[derive(Debug)]
pub struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        JsonBody::from_request(request, state)
            .await
            .map(|body| Self(body.0))
    }
}

/// What a path names. One that cannot be read, such as `%ff`, names nothing.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let path = path.map_err(|_| Problem::from(Refusal::NotFound("path")).into_response())?;
        Ok(Self(path.0))
    }
}

/// A request's query.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|q| Self(q.0))
            .map_err(|e| {
                let why = std::error::Error::source(&e)
                    .map_or_else(|| e.to_string(), ToString::to_string);
                let (field, why) = match why.split_once(": ") {
                    Some((field, why)) => (field.to_owned(), why.to_owned()),
                    None => ("query".to_owned(), why),
                };
                Problem::from(Refusal::field(field, why)).into_response()
            })
    }
}
