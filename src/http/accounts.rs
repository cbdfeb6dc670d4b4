//! Accounts and sessions over REST.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Asker,
    view::{List, SessionBody, UserBody, present},
};
use crate::{
    account::{Changes, Claim, Login, Registration, Tokens, Visitor},
    auth::Secret,
    door::{App, Context, JsonBody, PathOf, Problem},
    model::{Actor, DeviceName, DisplayName, Email, Origin, Refusal, Username},
};

fn visitor(context: Context) -> Visitor {
    let actor = Actor {
        origin: Origin::Rest,
        user: None,
        session: None,
        request: Some(context.request_id),
        address: Some(context.address),
    };
    Visitor {
        actor,
        address: context.address,
        direct: context.direct,
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RegisterBody {
    #[schema(example = "ana")]
    username: Username,
    #[schema(value_type = String, example = "correct horse battery")]
    password: Secret,
    email: Option<Email>,
    display_name: Option<DisplayName>,
    /// The code of an invitation, where one is needed.
    invite: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct UserEnvelope {
    user: UserBody,
}

/// Makes an account.
#[utoipa::path(
    post, path = "/v1/register", tag = "accounts", request_body = RegisterBody,
    responses((status = 201, body = UserEnvelope))
)]
pub(super) async fn register(
    State(app): State<Arc<App>>,
    context: Context,
    JsonBody(body): JsonBody<RegisterBody>,
) -> Result<(StatusCode, Json<UserEnvelope>), Problem> {
    let new = Registration {
        username: body.username,
        password: body.password,
        email: body.email,
        display_name: body.display_name,
        invite: body.invite,
    };
    let user = app.account.register(&visitor(context), new).await?;
    Ok((
        StatusCode::CREATED,
        Json(UserEnvelope { user: user.into() }),
    ))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct LoginBody {
    /// The user name, or an e-mail address that an operator set.
    login: String,
    #[schema(value_type = String)]
    password: Secret,
    /// What the device calls itself; shown among the sessions.
    device: Option<DeviceName>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokensBody {
    access_token: String,
    /// Seconds.
    expires_in: u64,
    refresh_token: String,
    session_id: String,
    user: UserBody,
}

impl From<Tokens> for TokensBody {
    fn from(t: Tokens) -> Self {
        Self {
            access_token: t.access_token,
            expires_in: t.expires_in.as_secs(),
            refresh_token: t.refresh_token.expose().to_owned(),
            session_id: t.session.to_string(),
            user: t.user.into(),
        }
    }
}

/// Opens a session.
#[utoipa::path(
    post, path = "/v1/login", tag = "accounts", request_body = LoginBody,
    responses((status = 200, body = TokensBody))
)]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    context: Context,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Json<TokensBody>, Problem> {
    let login = Login {
        login: body.login,
        password: body.password,
        device: body.device,
    };
    Ok(Json(
        app.account.login(&visitor(context), login).await?.into(),
    ))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

/// Gives the next pair of tokens. The refresh token before stays good until the new one is used, ten
/// minutes at most; using an older one ends the session.
#[utoipa::path(
    post, path = "/v1/token", tag = "accounts", request_body = RefreshBody,
    responses((status = 200, body = TokensBody))
)]
pub(super) async fn token(
    State(app): State<Arc<App>>,
    context: Context,
    JsonBody(body): JsonBody<RefreshBody>,
) -> Result<Json<TokensBody>, Problem> {
    Ok(Json(
        app.account
            .refresh(&visitor(context), &body.refresh_token)
            .await?
            .into(),
    ))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct ClaimBody {
    /// The one-time code from an operator.
    code: String,
    #[schema(value_type = String)]
    password: Secret,
}

/// Sets the password of an account with a one-time code.
#[utoipa::path(
    post, path = "/v1/claim", tag = "accounts", request_body = ClaimBody,
    responses((status = 200, body = UserEnvelope))
)]
pub(super) async fn claim(
    State(app): State<Arc<App>>,
    context: Context,
    JsonBody(body): JsonBody<ClaimBody>,
) -> Result<Json<UserEnvelope>, Problem> {
    let claim = Claim {
        code: body.code,
        password: body.password,
    };
    let user = app.account.claim(&visitor(context), claim).await?;
    Ok(Json(UserEnvelope { user: user.into() }))
}

/// Ends the session of the access token.
#[utoipa::path(
    post, path = "/v1/logout", tag = "accounts", security(("access_token" = [])),
    responses((status = 204))
)]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
) -> Result<StatusCode, Problem> {
    app.account.end_session(&caller, caller.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// My account.
#[utoipa::path(
    get, path = "/v1/me", tag = "accounts", security(("access_token" = [])),
    responses((status = 200, body = UserBody))
)]
pub(super) async fn me(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
) -> Result<Json<UserBody>, Problem> {
    Ok(Json(app.account.user(caller.user).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct EditMeBody {
    /// How I want to be called; null takes it away.
    #[serde(default, deserialize_with = "present")]
    display_name: Option<Option<DisplayName>>,
    /// My address; null takes it away. It is no way to log in until an operator says so.
    #[serde(default, deserialize_with = "present")]
    email: Option<Option<Email>>,
    /// Whether others may be told that I am there.
    presence: Option<bool>,
}

/// Changes my account.
#[utoipa::path(
    patch, path = "/v1/me", tag = "accounts", request_body = EditMeBody,
    security(("access_token" = [])), responses((status = 200, body = UserBody))
)]
pub(super) async fn edit_me(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    JsonBody(body): JsonBody<EditMeBody>,
) -> Result<Json<UserBody>, Problem> {
    let changes = Changes {
        display_name: body.display_name,
        email: body.email,
        presence: body.presence,
    };
    let user = app.account.change(&caller, changes).await?;
    app.chat.note_presence(caller.user);
    Ok(Json(user.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordBody {
    #[schema(value_type = String)]
    old: Secret,
    #[schema(value_type = String)]
    new: Secret,
}

/// Changes my password; every other session of mine ends.
#[utoipa::path(
    post, path = "/v1/me/password", tag = "accounts", request_body = PasswordBody,
    security(("access_token" = [])), responses((status = 204))
)]
pub(super) async fn password(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Result<StatusCode, Problem> {
    app.account
        .change_password(&caller, body.old, body.new)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// My sessions, the newest first.
#[utoipa::path(
    get, path = "/v1/me/sessions", tag = "accounts", security(("access_token" = [])),
    responses((status = 200, body = List<SessionBody>))
)]
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
) -> Result<Json<List<SessionBody>>, Problem> {
    let sessions = app.account.sessions(caller.user).await?;
    let body = |s: crate::model::Session| {
        let current = s.id == caller.session;
        SessionBody::new(s, current)
    };
    Ok(Json(List {
        items: sessions.into_iter().map(body).collect(),
        next: None,
    }))
}

/// Ends all my sessions but this one.
#[utoipa::path(
    delete, path = "/v1/me/sessions", tag = "accounts", security(("access_token" = [])),
    responses((status = 204))
)]
pub(super) async fn end_other_sessions(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
) -> Result<StatusCode, Problem> {
    app.account.end_other_sessions(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one of my sessions.
#[utoipa::path(
    delete, path = "/v1/me/sessions/{id}", tag = "accounts", security(("access_token" = [])),
    params(("id" = String, Path)), responses((status = 204))
)]
pub(super) async fn end_session(
    State(app): State<Arc<App>>,
    Asker(caller): Asker,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Refusal::NotFound("session"))?;
    app.account.end_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
