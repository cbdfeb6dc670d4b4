//! Sessions: logging in, staying logged in, logging out.

use std::{net::IpAddr, time::Duration};

use serde_json::json;

use super::{Account, Visitor};
use crate::{
    auth::{
        Secret,
        refresh::{self, Verdict},
    },
    clock::Millis,
    feed::{Happening, Kind},
    id::{LogId, SessionId, UserId},
    log::{Error, refuse},
    model::{
        Actor, Authority, Caller, DeviceName, Email, Permissions, Refusal, Session, User, Username,
    },
    rights,
    store::Write,
};

/// How many sessions one account may have; one more login ends the one unused longest.
const MOST_SESSIONS: usize = 1000;
/// How often a refresh looks again when another one came between.
const TRIES: usize = 4;

/// A request to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// User name, or an e-mail that an operator set.
    pub login: String,
    /// The password.
    pub password: Secret,
    /// What the device calls itself.
    pub device: Option<DeviceName>,
}

/// What a client needs to stay logged in.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For every request.
    pub access_token: String,
    /// How long that is good.
    pub expires_in: Duration,
    /// For the next access token.
    pub refresh_token: Secret,
    /// The session they stand for.
    pub session: SessionId,
    /// Whose it is.
    pub user: User,
}

impl Account {
    /// Opens a session for whoever knows the password. An unknown account and a wrong password cannot be
    /// told apart, neither by the answer nor by the time it takes.
    pub async fn login(&self, visitor: &Visitor, mut login: Login) -> Result<Tokens, Refusal> {
        // One account is one account, however it is spelt: for finding it and for counting failures.
        login.login = login.login.trim().to_lowercase();
        let address = visitor.address;
        if let Err(refusal) = self.limits.check_login(address) {
            self.tell_login("login.limited", address, None);
            return Err(refusal);
        }
        if let Some(retry_after) = self.limits.login_blocked(&login.login, address) {
            self.tell_login("login.limited", address, None);
            return Err(Refusal::RateLimited { retry_after });
        }
        let user = self.find(&login.login).await?;
        let stored = user.as_ref().and_then(|u| u.password.clone());
        let checked = self
            .passwords
            .verify(login.password.clone(), stored.clone())
            .await;
        let checked = checked.map_err(|_| Refusal::Busy)?;
        if !checked.ok {
            // Only a name that exists is told: what was typed may be a password.
            self.tell_login("login.failed", address, user.as_ref());
        }
        let Some(user) = user.filter(|_| checked.ok) else {
            self.limits.login_failed(&login.login, address);
            self.stats.failed_logins.up();
            return Err(Refusal::Unauthorized("wrong user name or password".into()));
        };
        self.check_acting(user.id).await?;
        let better = match &stored {
            Some(stored) if checked.upgrade => self
                .passwords
                .renew(login.password, stored.clone())
                .await
                .ok(),
            _ => None,
        };
        self.open(visitor, &user, login.device, stored.zip(better))
            .await
    }

    /// Tells those who watch that somebody did not come in.
    fn tell_login(&self, what: &str, address: IpAddr, user: Option<&User>) {
        self.feeds.tell(Happening {
            at: self.clock.now(),
            kind: Kind::Login,
            what: what.into(),
            who: user.map(|user| user.name.clone().into()),
            target: None,
            detail: Some(format!("from {}", address.to_canonical())),
        });
    }

    async fn find(&self, login: &str) -> Result<Option<User>, Refusal> {
        let found = if let Ok(name) = Username::parse(login) {
            self.store.user_by_name(&name).await
        } else if let Ok(email) = Email::parse(login) {
            self.store.user_by_email(&email).await
        } else {
            Ok(None)
        };
        found.map_err(|e| refuse(&e))
    }

    async fn open(
        &self,
        visitor: &Visitor,
        user: &User,
        device: Option<DeviceName>,
        rehashed: Option<(String, String)>,
    ) -> Result<Tokens, Refusal> {
        let now = self.clock.now();
        let id = SessionId::new(now);
        let refresh = refresh::issue(id);
        let session = Session {
            id,
            user: user.id,
            device,
            address: Some(visitor.address.to_string()),
            created_at: now,
            used_at: now,
            expires_at: now.plus(self.config.get().auth.refresh_token.into()),
            ended_at: None,
            anchor: refresh.anchor,
            current: refresh.current,
            previous: None,
            seed: refresh.seed,
            rotated_at: now,
            version: 1,
            scopes: None,
        };
        let sessions = self
            .store
            .sessions_of(user.id, now)
            .await
            .map_err(|e| refuse(&e))?;
        let oldest = sessions.iter().min_by_key(|s| s.used_at).cloned();
        let crowded_out = oldest.filter(|_| sessions.len() >= MOST_SESSIONS);
        let actor = Actor {
            user: Some(user.id),
            session: Some(id),
            ..visitor.actor.clone()
        };
        let user_id = user.id;
        let seen = user.password.clone();
        let done = self
            .log
            .append(&[user_id.into(), LogId::Control], None, move |draft| {
                let live = draft.user(user_id)?;
                // By the password, which was right a moment ago and is compared again below.
                draft.by_itself();
                let now = draft.now();
                live.with(|p| rights::may_act(&p.who(Permissions::ALL, now)))?;
                let mut user = live.user();
                if user.password != seen {
                    // Changed between the check and this turn: the old one opens nothing any more.
                    return Err(Refusal::Unauthorized("wrong user name or password".into()));
                }
                if let Some((_, better)) = &rehashed {
                    user.password = Some(better.clone());
                    draft.write(Write::UpdateUser(user));
                }
                if let Some(old) = &crowded_out {
                    let reason = json!({"reason": "too many sessions"});
                    draft.act("session.end", &actor, Some(old.id.to_string()), reason, &[]);
                    draft.write(Write::UpdateSession(ended(old, draft.now())));
                }
                draft.act(
                    "session.open",
                    &actor,
                    Some(id.to_string()),
                    json!(null),
                    &[],
                );
                draft.write(Write::InsertSession(session.clone()));
                Ok(())
            });
        done.await?;
        self.stats.logins.up();
        Ok(self.tokens(user.clone(), id, refresh.token))
    }

    /// Gives the next pair of tokens for a refresh token. One that was used before, and whose successor was
    /// used too, is a stolen one or its victim's: the session ends.
    pub async fn refresh(&self, visitor: &Visitor, token: &str) -> Result<Tokens, Refusal> {
        let wrong =
            || Refusal::Unauthorized("this refresh token is not valid; log in again".into());
        let presented = refresh::parse(token).ok_or_else(wrong)?;
        for _ in 0..TRIES {
            let found = self
                .store
                .session(presented.session)
                .await
                .map_err(|e| refuse(&e))?;
            let session = found.ok_or_else(wrong)?;
            let now = self.clock.now();
            let lifetime = self.config.get().auth.refresh_token.into();
            let verdict = refresh::present(&session, &presented, now, lifetime);
            let user = self.user(session.user).await?;
            let (id, owner) = (session.id, session.user);
            match verdict {
                Verdict::Wrong => return Err(wrong()),
                Verdict::Repeat { token } => {
                    self.check_acting(user.id).await?;
                    return Ok(self.tokens(user, id, token));
                }
                Verdict::Reused => {
                    let actor = Actor {
                        user: Some(owner),
                        session: Some(id),
                        ..visitor.actor.clone()
                    };
                    let reason = json!({"reason": "an old refresh token was used again"});
                    match self.end(session, &actor, reason).await {
                        Err(Error::Stale) => {}
                        _ => return Err(wrong()),
                    }
                }
                Verdict::Rotate { token, next } => {
                    self.check_acting(user.id).await?;
                    let done = self.log.append(&[owner.into()], None, move |draft| {
                        draft.by_itself();
                        let now = draft.now();
                        let live = draft.user(owner)?;
                        live.with(|p| rights::may_act(&p.who(Permissions::ALL, now)))?;
                        draft.write(Write::UpdateSession((*next).clone()));
                        Ok(())
                    });
                    match done.await {
                        Err(Error::Stale) => {}
                        Err(Error::Refused(refusal)) => return Err(refusal),
                        Ok(_) => return Ok(self.tokens(user, id, token)),
                    }
                }
            }
        }
        Err(Refusal::Busy)
    }

    fn tokens(&self, user: User, session: SessionId, refresh_token: Secret) -> Tokens {
        let expires_in: Duration = self.config.get().auth.access_token.into();
        let (access_token, _) = self.keys.issue(user.id, session, expires_in);
        Tokens {
            access_token,
            expires_in,
            refresh_token,
            session,
            user,
        }
    }

    /// One's own sessions, the newest first.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Refusal> {
        self.store
            .sessions_of(user, self.clock.now())
            .await
            .map_err(|e| refuse(&e))
    }

    /// Ends one of one's own sessions.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<(), Refusal> {
        if id != caller.session {
            caller.only_a_login()?;
        }
        for _ in 0..TRIES {
            let session = self.store.session(id).await.map_err(|e| refuse(&e))?;
            let mine = session.filter(|s| s.user == caller.user && s.ended_at.is_none());
            let session = mine.ok_or(Refusal::NotFound("session"))?;
            match self.end(session, &caller.actor(), json!(null)).await {
                Err(Error::Stale) => {}
                Err(Error::Refused(refusal)) => return Err(refusal),
                Ok(()) => return Ok(()),
            }
        }
        Err(Refusal::Busy)
    }

    /// Ends all of one's own sessions but this one.
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.only_a_login()?;
        let (me, session, by) = (caller.user, caller.session, Authority::from(caller));
        let touches = [me.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise(&by, |_| Ok(()))?;
            let except = Some(session);
            let detail = json!({"except": session});
            draft.act(
                "session.end_others",
                &by.actor(),
                Some(me.to_string()),
                detail,
                &[],
            );
            let at = draft.now();
            draft.write(Write::EndSessions {
                user: me,
                except,
                at,
            });
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    async fn end(
        &self,
        session: Session,
        actor: &Actor,
        reason: serde_json::Value,
    ) -> Result<(), Error> {
        let (owner, id, actor) = (session.user, session.id, actor.clone());
        let done = self
            .log
            .append(&[owner.into(), LogId::Control], None, move |draft| {
                // Whoever is here has the session, or a token of it.
                draft.by_itself();
                draft.act(
                    "session.end",
                    &actor,
                    Some(id.to_string()),
                    reason.clone(),
                    &[],
                );
                draft.write(Write::UpdateSession(ended(&session, draft.now())));
                Ok(())
            });
        done.await.map(drop)
    }
}

fn ended(session: &Session, at: Millis) -> Session {
    Session {
        ended_at: Some(at),
        version: session.version + 1,
        ..session.clone()
    }
}
