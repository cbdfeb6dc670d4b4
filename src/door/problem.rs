//! "No" over HTTP: a problem document (RFC 9457) with the stable code of the wire contract.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{OpenApi, Ref, ResponseBuilder, content::ContentBuilder},
};

use crate::model::Refusal;

/// The status of each refusal: the one table for REST.
fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::InvalidField { .. } | Refusal::UnknownOp(_) => StatusCode::BAD_REQUEST,
        Refusal::Unauthorized(_) | Refusal::SessionEnded | Refusal::TokenExpired => {
            StatusCode::UNAUTHORIZED
        }
        Refusal::Forbidden(_)
        | Refusal::Locked
        | Refusal::Muted { .. }
        | Refusal::Banned { .. } => StatusCode::FORBIDDEN,
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Conflict(_) => StatusCode::CONFLICT,
        Refusal::TxnReused => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unavailable | Refusal::Late { .. } | Refusal::Busy | Refusal::Away(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refusal::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal on its way out. The request's id is filled in by [`super::attach_context`].
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    refusal: Refusal,
}

/// The document's members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document {
    /// Always `about:blank`: the code says what it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: &'static str,
    /// What happened, why, and what to do.
    detail: String,
    /// Which field of the request is wrong, for `invalid_field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// When to try again, in milliseconds, where that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// The request's id, as in the server's log.
    request_id: String,
}

/// Says of every operation what it is called, that it may be refused, and how that looks.
pub fn describe(document: &mut OpenApi) {
    const NAME: &str = "Problem";
    let components = document.components.get_or_insert_default();
    let schemas = &mut components.schemas;
    schemas.insert(NAME.into(), Document::schema());
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(NAME)))
        .build();
    let refusal = ResponseBuilder::new()
        .description("Refused: the code says why (docs/protocol.md)")
        .content("application/problem+json", content)
        .build();
    components.responses.insert(NAME.into(), refusal.into());
    for (url, path) in &mut document.paths.paths {
        let methods = [
            ("get", &mut path.get),
            ("put", &mut path.put),
            ("post", &mut path.post),
            ("patch", &mut path.patch),
            ("delete", &mut path.delete),
        ];
        let methods = methods.into_iter();
        let each = methods.filter_map(|(method, operation)| Some((method, operation.as_mut()?)));
        for (method, operation) in each {
            operation.operation_id = Some(operation_id(method, url));
            let refusal = Ref::from_response_name(NAME);
            let responses = &mut operation.responses.responses;
            responses.insert("default".into(), refusal.into());
        }
    }
}

/// What an operation is called, which no other is: several handlers are called `list`.
fn operation_id(method: &str, url: &str) -> String {
    let url = url.strip_prefix("/v1").unwrap_or(url);
    let words = url.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let words: Vec<&str> = std::iter::once(method).chain(words).collect();
    words.join("_")
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: status(&refusal),
            refusal,
        }
    }
}

impl Problem {
    /// A refusal with a status of its own, where HTTP knows better than the table: 405, 415.
    pub fn with_status(status: StatusCode, refusal: Refusal) -> Self {
        Self { status, refusal }
    }

    pub(super) fn document(&self, request_id: &str) -> Document {
        let field = match &self.refusal {
            Refusal::InvalidField { field, .. } => Some(field.clone()),
            _ => None,
        };
        Document {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.refusal.code(),
            detail: self.refusal.to_string(),
            field,
            retry_after_ms: self.refusal.retry_after_ms(),
            request_id: request_id.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(after) = self.refusal.retry_after() {
            let seconds = after.as_secs_f64().ceil().max(1.0);
            if let Ok(value) = HeaderValue::from_str(&format!("{seconds:.0}")) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(self);
        response
    }
}
