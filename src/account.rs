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
    auth::{Keys, Passwords, TokenError},
    clock::{Clock, Millis},
    config::Config,
    id::{SessionId, UserId},
    limit::Limits,
    log::Log,
    model::{Refusal, User},
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
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
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
}

impl Account {
    /// Who an access token stands for: it is signed by us, has not expired, its session has not been ended,
    /// and the account can be used.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Refusal> {
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
        user.with(rights::may_act)?;
        let expires_at = Millis(claims.exp.saturating_mul(1000));
        Ok(Identity {
            user: claims.sub,
            session: claims.sid,
            expires_at,
        })
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
