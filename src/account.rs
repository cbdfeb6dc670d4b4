//! Accounts: registering, logging in, staying logged in, logging out. What people do about themselves.

mod profile;
mod register;
mod session;

use std::sync::Arc;

pub use self::{
    profile::Changes,
    register::{Claim, Registration, Visitor},
    session::{Login, Tokens},
};
use crate::{
    auth::{Keys, Passwords, TokenError, bot},
    clock::{Clock, Millis},
    config::Live,
    feed::Feeds,
    id::{SessionId, UserId},
    limit::Limits,
    log::Log,
    model::{Permissions, Refusal, User},
    rights,
    stats::Stats,
    store::Store,
};

/// The use cases around accounts, with what they need.
#[derive(Clone, Debug)]
pub struct Account {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// How often.
    pub limits: Arc<Limits>,
    /// Where passwords are hashed.
    pub passwords: Arc<Passwords>,
    /// What signs access tokens.
    pub keys: Arc<Keys>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// What happened lately.
    pub feeds: Arc<Feeds>,
}

/// Who an access token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// Until when the token is good.
    pub expires_at: Millis,
    /// What it is good for, of what the user may: everything, but for a bot's token.
    pub scopes: Permissions,
    /// Whether it is a bot's token.
    pub bot: bool,
}

impl Account {
    /// Who an access token stands for: it is signed by us, has not expired, its session has not been ended,
    /// and the account can be used.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Refusal> {
        if let Some(presented) = bot::parse(token) {
            return self.authenticate_bot(&presented).await;
        }
        let claims = self
            .keys
            .verify(token, self.clock.now())
            .map_err(|e| match e {
                TokenError::Expired => Refusal::TokenExpired,
                TokenError::Invalid => {
                    Refusal::Unauthorized("this access token is not valid".into())
                }
            })?;
        let user = self
            .log
            .user(claims.sub)
            .await?
            .ok_or(Refusal::SessionEnded)?;
        if !user.has_session(claims.sid) {
            return Err(Refusal::SessionEnded);
        }
        let now = self.clock.now();
        user.with(|p| rights::may_act(&p.who(Permissions::ALL, now)))?;
        let expires_at = Millis(claims.exp.saturating_mul(1000));
        Ok(Identity {
            user: claims.sub,
            session: claims.sid,
            expires_at,
            scopes: Permissions::ALL,
            bot: false,
        })
    }

    /// Who a session is of, for something that names it and is proof by itself.
    pub async fn session(&self, user: UserId, session: SessionId) -> Result<Identity, Refusal> {
        let live = self.log.user(user).await?.ok_or(Refusal::SessionEnded)?;
        let known = live.session(session).ok_or(Refusal::SessionEnded)?;
        let now = self.clock.now();
        if known.expires_at <= now {
            return Err(Refusal::SessionEnded);
        }
        let bot = known.token.is_some();
        let scopes = known.token.map_or(Permissions::ALL, |token| token.scopes);
        live.with(|p| rights::may_act(&p.who(scopes, now)))?;
        Ok(Identity {
            user,
            session,
            expires_at: known.expires_at,
            scopes,
            bot,
        })
    }

    /// Which bot a token stands for.
    async fn authenticate_bot(&self, presented: &bot::Presented) -> Result<Identity, Refusal> {
        let wrong = || Refusal::Unauthorized("this bot token is not valid".into());
        let user = self.log.user(presented.user).await?.ok_or_else(wrong)?;
        let session = user.session(presented.session).ok_or_else(wrong)?;
        let token = session.token.ok_or_else(wrong)?;
        let now = self.clock.now();
        if !presented.fits(&token.digest) {
            return Err(wrong());
        }
        if session.expires_at <= now {
            let what = "this bot token has run out; have a new one issued";
            return Err(Refusal::Unauthorized(what.into()));
        }
        user.with(|p| rights::may_act(&p.who(token.scopes, now)))?;
        Ok(Identity {
            user: presented.user,
            session: presented.session,
            expires_at: session.expires_at,
            scopes: token.scopes,
            bot: true,
        })
    }

    /// Refuses somebody who may not act now.
    async fn check_acting(&self, id: UserId) -> Result<(), Refusal> {
        let live = self.log.user(id).await?.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        live.with(|p| rights::may_act(&p.who(Permissions::ALL, now)))
    }

    /// The account of this user.
    pub async fn user(&self, id: UserId) -> Result<User, Refusal> {
        Ok(self
            .log
            .user(id)
            .await?
            .ok_or(Refusal::NotFound("user"))?
            .user())
    }
}
