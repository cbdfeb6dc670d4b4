//! Files over REST: uploading, reading in whole or in part, and tickets for what cannot send a token.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, BodyDataStream},
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::Asker;
use crate::{
    clock::Millis,
    door::{App, Context, PathOf, Problem, QueryOf},
    files::{NewFile, Open},
    id::FileId,
    model::{Caller, File, FileName, Origin, Refusal},
    shelf::is_inline,
};

/// The path that takes uploads, which have more time than other requests.
pub(super) const UPLOADS: &str = "/v1/files";

/// How much is gathered before it is written.
const PIECE: usize = 256 * 1024;
/// How much has to come in the time that any other request may take in all.
const PROGRESS: usize = 16 * 1024;
/// How much of an upload that was refused is read all the same, and for how long: many a client hears no answer before
/// it has sent all.
const REST: usize = 4 << 20;
const REST_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// What it is called, for people; the last part of a path counts.
    name: Option<String>,
    /// The SHA-256 of the bytes, hexadecimal: an upload that comes to another is refused.
    sha256: Option<String>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileBody {
    id: String,
    name: String,
    /// What is in it, by its bytes: a media type.
    #[serde(rename = "type")]
    media: String,
    /// How many bytes it has.
    size: u64,
    /// Of its bytes, hexadecimal.
    sha256: String,
    /// Only there for an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Only there for an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<File> for FileBody {
    fn from(file: File) -> Self {
        let (width, height) = file.pixels.unzip();
        Self {
            id: file.id.to_string(),
            sha256: file.checksum(),
            name: file.name.into(),
            media: file.media,
            size: file.size,
            width,
            height,
            at: file.at,
        }
    }
}

/// Takes in a file: the body is its bytes. It waits for a message then, with which it is sent.
#[utoipa::path(
    post, path = "/v1/files", tag = "files", security(("access_token" = [])), params(UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = FileBody))
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    QueryOf(query): QueryOf<UploadQuery>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let done = take_in(&app, &caller, query, &parts, &mut body).await;
    if done.is_err() {
        let rest = pass_over(&mut body);
        let _however_much = tokio::time::timeout(REST_TIME, rest).await;
    }
    match done {
        Ok(file) => (StatusCode::CREATED, Json(FileBody::from(file))).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn take_in(
    app: &App,
    caller: &Caller,
    query: UploadQuery,
    parts: &Parts,
    body: &mut BodyDataStream,
) -> Result<File, Problem> {
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let why = Refusal::field("content-encoding", "compressed bodies are not accepted");
        return Err(Problem::with_status(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            why,
        ));
    }
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let new = NewFile {
        name: FileName::parse(query.name.as_deref().unwrap_or_default())
            .map_err(|e| Refusal::field("name", e))?,
        size: length.and_then(|v| v.to_str().ok()?.parse().ok()),
        sha256: query.sha256.as_deref().map(parse_hex).transpose()?,
    };
    let most: Duration = app.config.get().http.request_timeout.into();
    let mut upload = app.files.upload(caller, new).await?;
    let mut gathered = Vec::new();
    let (mut deadline, mut since) = (Instant::now() + most, 0);
    loop {
        let next = timeout_at(deadline, body.next()).await;
        let next = next.map_err(|_| {
            let why = "it comes too slowly; try again with a better connection";
            Refusal::field("body", why)
        })?;
        let Some(bytes) = next else { break };
        let bytes = bytes.map_err(|_| Refusal::field("body", "the body broke off"))?;
        since += bytes.len();
        gathered.extend_from_slice(&bytes);
        upload.check(gathered.len())?;
        if gathered.len() >= PIECE {
            upload.write(std::mem::take(&mut gathered)).await?;
        }
        if since >= PROGRESS {
            (deadline, since) = (Instant::now() + most, 0);
        }
    }
    if !gathered.is_empty() {
        upload.write(gathered).await?;
    }
    Ok(upload.finish().await?)
}

async fn pass_over(body: &mut BodyDataStream) {
    let mut read = 0;
    while let Some(Ok(bytes)) = body.next().await {
        read += bytes.len();
        if read > REST {
            break;
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadQuery {
    /// Instead of an access token, as `POST …/ticket` gave it.
    ticket: Option<String>,
}

/// The bytes of a file, or a part of them (`Range`). Images, audio and video may be shown, all else is saved.
#[utoipa::path(
    get, path = "/v1/files/{id}", tag = "files", security(("access_token" = []), ()),
    params(("id" = String, Path), ReadQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "*/*"),
        (status = 206, body = Vec<u8>, content_type = "*/*"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    context: Context,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<ReadQuery>,
    request: Request,
) -> Result<Response, Response> {
    let (mut parts, _) = request.into_parts();
    let refuse = |refusal: Refusal| Problem::from(refusal).into_response();
    let known = parse_id(&id);
    let caller = match (&query.ticket, &known) {
        (Some(ticket), Ok(id)) if !parts.headers.contains_key(header::AUTHORIZATION) => {
            holder(&app, context, *id, ticket).await.map_err(refuse)?
        }
        _ => Asker::from_request_parts(&mut parts, &app).await?.0,
    };
    let file = app.files.file(&caller, known.map_err(refuse)?).await;
    let file = file.map_err(refuse)?;
    let mut headers = headers_of(&file);
    let tag = headers[header::ETAG].clone();
    if is_known(&parts.headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let (status, from, upto) = match range_of(&parts.headers, &tag, file.size) {
        Asked::All => (StatusCode::OK, 0, file.size),
        Asked::Part(from, upto) => {
            let part = format!("bytes {from}-{}/{}", upto - 1, file.size);
            headers.extend([(header::CONTENT_RANGE, text(&part))]);
            (StatusCode::PARTIAL_CONTENT, from, upto)
        }
        Asked::Nothing => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let why = format!("the file has {} bytes", file.size);
            let problem = Problem::with_status(status, Refusal::field("range", why));
            let size = text(&format!("bytes */{}", file.size));
            return Err(([(header::CONTENT_RANGE, size)], problem).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, (upto - from).into());
    if parts.method == Method::HEAD {
        app.files.check_bytes(&file).await.map_err(refuse)?;
        return Ok((status, headers).into_response());
    }
    let open = app.files.open(&caller, file, (from, upto)).await;
    let body = stream_of(open.map_err(refuse)?);
    Ok((status, headers, body).into_response())
}

/// Takes back an upload that is part of no message.
#[utoipa::path(
    delete, path = "/v1/files/{id}", tag = "files", security(("access_token" = [])),
    params(("id" = String, Path)), responses((status = 204))
)]
pub(super) async fn discard(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Problem> {
    app.files.discard(&caller, parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A URL for one file.
#[derive(Serialize, ToSchema)]
pub(super) struct TicketBody {
    /// Where to get the file, without a token: a path on this server.
    url: String,
    /// Until when, in milliseconds since 1970.
    #[schema(value_type = i64)]
    expires_at: Millis,
}

/// A URL that is good for one file and this session, for five minutes: for an `<img>`, say.
#[utoipa::path(
    post, path = "/v1/files/{id}/ticket", tag = "files", security(("access_token" = [])),
    params(("id" = String, Path)), responses((status = 201, body = TicketBody))
)]
pub(super) async fn ticket(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(id): PathOf<String>,
) -> Result<(StatusCode, Json<TicketBody>), Problem> {
    let id = parse_id(&id)?;
    let ticket = app.files.issue(&caller, id).await?;
    let body = TicketBody {
        url: format!("{UPLOADS}/{id}?ticket={}", ticket.text),
        expires_at: ticket.expires_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Who shows a ticket.
async fn holder(app: &App, context: Context, id: FileId, ticket: &str) -> Result<Caller, Refusal> {
    let (user, session) = app.files.redeem(id, ticket)?;
    let identity = app.account.session(user, session).await?;
    Ok(Caller {
        user: identity.user,
        session: identity.session,
        scopes: identity.scopes,
        bot: identity.bot,
        origin: Origin::Rest,
        address: context.address,
        request: Some(context.request_id),
    })
}

fn stream_of(open: Open) -> Body {
    let pieces = stream::try_unfold(open, |mut open| async move {
        let next = open.next().await.map_err(io::Error::other)?;
        Ok::<_, io::Error>(next.map(|bytes| (bytes, open)))
    });
    Body::from_stream(pieces)
}

/// What is said of a file with its bytes, so that nothing is made of these that they are not.
fn headers_of(file: &File) -> HeaderMap {
    let shown = if is_inline(&file.media) {
        "inline"
    } else {
        "attachment"
    };
    let name = file.name.as_str();
    let plain = |c: char| {
        if c.is_ascii() && !"\"\\%".contains(c) {
            c
        } else {
            '_'
        }
    };
    let plain: String = name.chars().map(plain).collect();
    let disposition = format!(
        "{shown}; filename=\"{plain}\"; filename*=UTF-8''{}",
        escaped(name)
    );
    let fixed = HeaderValue::from_static;
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, text(&file.media)),
        (header::CONTENT_DISPOSITION, text(&disposition)),
        (header::ETAG, text(&format!("\"{}\"", file.checksum()))),
        (header::ACCEPT_RANGES, fixed("bytes")),
        // Whoever asks again is looked at again.
        (header::CACHE_CONTROL, fixed("private, no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            fixed("sandbox; default-src 'none'"),
        ),
        (header::REFERRER_POLICY, fixed("no-referrer")),
        // It takes a token or a ticket, which no other page has; the client's page may be on another site.
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            fixed("cross-origin"),
        ),
    ])
}

/// A value for a header. Names have no control characters, and what else is no ASCII is escaped before.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("-"))
}

/// A name as RFC 8187 has it.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _never_fails = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// Whether the client says that it has what has this tag.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let lists = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lists
        .filter_map(|v| v.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

/// How much of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    /// From a byte on up to another, without that one.
    Part(u64, u64),
    /// What lies behind its end.
    Nothing,
}

/// How much of a file is asked for. More parts than one, and what is no range, is all of it.
fn range_of(headers: &HeaderMap, tag: &HeaderValue, size: u64) -> Asked {
    if headers.get(header::IF_RANGE).is_some_and(|of| of != tag) {
        return Asked::All;
    }
    let range = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let Some((first, last)) = range
        .and_then(|r| r.trim().strip_prefix("bytes="))
        .and_then(|r| r.split_once('-'))
    else {
        return Asked::All;
    };
    let number = |digits: &str| digits.trim().parse::<u64>().ok();
    let (from, upto) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Some(first), None) if last.trim().is_empty() => (first, size),
        (None, Some(many)) if first.trim().is_empty() => {
            (size.saturating_sub(many), if many == 0 { 0 } else { size })
        }
        _ => return Asked::All,
    };
    if from < upto {
        Asked::Part(from, upto)
    } else {
        Asked::Nothing
    }
}

fn parse_id(id: &str) -> Result<FileId, Refusal> {
    id.parse().map_err(|_| Refusal::NotFound("file"))
}

fn parse_hex(text: &str) -> Result<[u8; 32], Refusal> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    let whole = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
    if !whole {
        let why = "64 hexadecimal digits, as sha256sum prints them";
        return Err(Refusal::field("sha256", why));
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_or_all() {
        let tag = HeaderValue::from_static("\"t\"");
        for (range, asked) in [
            ("bytes=0-0", Asked::Part(0, 1)),
            ("bytes=2-", Asked::Part(2, 10)),
            ("bytes=2-99", Asked::Part(2, 10)),
            ("bytes=-3", Asked::Part(7, 10)),
            ("bytes=-99", Asked::Part(0, 10)),
            ("bytes=9-18446744073709551615", Asked::Part(9, 10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=3-2", Asked::All),
            ("bytes=1-2,4-5", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("lines=1-2", Asked::All),
            ("bytes=--1", Asked::All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(range_of(&headers, &tag, 10), asked, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
            assert_eq!(range_of(&headers, &tag, 10), Asked::All, "{range}");
        }
        assert_eq!(range_of(&HeaderMap::new(), &tag, 10), Asked::All);
    }

    #[test]
    fn a_name_is_no_header_of_its_own() {
        assert_eq!(escaped("a b\"\u{e9}.png"), "a%20b%22%C3%A9.png");
        assert!(parse_hex(&"0g".repeat(32)).is_err() && parse_hex("").is_err());
        assert!(parse_hex(&"\u{e9}".repeat(32)).is_err());
        assert_eq!(parse_hex(&"aF".repeat(32)).unwrap(), [0xaf; 32]);
    }
}
