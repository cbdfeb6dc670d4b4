//! Bots' tokens: issuing them. A token is a session that does not rotate; ending it is ending the session.

use serde_json::json;

use super::Ops;
use crate::{
    auth::{Secret, bot},
    clock::Millis,
    log::refuse,
    model::{Authority, DeviceName, Permission, Permissions, Refusal, Session, UserRef},
    rights,
    store::Write,
};

/// How many tokens a bot can have.
const MOST: usize = 50;

/// A token to be issued.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is called.
    pub name: DeviceName,
    /// What it is good for, of what the bot's role includes.
    pub scopes: Permissions,
    /// How long it is good; for ever when none.
    pub lifetime: Option<std::time::Duration>,
}

/// A token that was issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// The record.
    pub session: Session,
    /// The token itself, shown this once.
    pub secret: Secret,
}

/// When a session runs out; none for one that does not.
pub fn runs_out(session: &Session) -> Option<Millis> {
    Some(session.expires_at).filter(|at| *at < Session::NEVER)
}

impl Ops {
    /// Issues a token for a bot. Nobody issues one that is good for what they may not do themselves.
    pub async fn issue_token(
        &self,
        by: &Authority,
        user: &UserRef,
        new: NewToken,
        dry_run: bool,
    ) -> Result<Token, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let user = self.find_user(user).await?;
        if !user.bot {
            let what = format!(
                "{} is a person, who logs in; tokens are for bots",
                user.name
            );
            return Err(Refusal::Conflict(what));
        }
        let now = self.clock.now();
        let others = self.store.sessions_of(user.id, now).await;
        let others = others.map_err(|e| refuse(&e))?;
        if others.len() >= MOST {
            let what = format!("a bot has at most {MOST} tokens; revoke one first");
            return Err(Refusal::Conflict(what));
        }
        if others.iter().any(|s| s.device.as_ref() == Some(&new.name)) {
            let what = format!("{} has a token {} already", user.name, new.name);
            return Err(Refusal::Conflict(what));
        }
        let forever = Session::NEVER;
        let expires_at = new.lifetime.map_or(forever, |l| now.plus(l).min(forever));
        let (session, secret) = bot::issue(user.id, new.name, new.scopes, (now, expires_at));
        let (touches, by) = (by.touching(&[user.id.into()]), by.clone());
        let made = session.clone();
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let live = draft.user(made.user)?;
                draft.authorise(&by, |who| {
                    live.with(|p| rights::may_manage(who, p))?;
                    rights::may_give(who, new.scopes)
                })?;
                let role = live.with(|p| p.permissions);
                if !new.scopes.is_within(role) {
                    let more = new.scopes.without(role);
                    let what = format!("the bot's role does not include {more}");
                    return Err(Refusal::field("scopes", what));
                }
                let detail = json!({
                    "user": made.user, "name": made.device, "scopes": new.scopes,
                    "expires_at": runs_out(&made),
                });
                let target = Some(made.id.to_string());
                draft.act("token.issue", &by.actor(), target, detail, &[]);
                draft.write(Write::InsertSession(made.clone()));
                Ok(())
            });
        done.await?;
        Ok(Token { session, secret })
    }

    /// A bot's tokens, the newest first.
    pub async fn tokens(&self, by: &Authority, user: &UserRef) -> Result<Vec<Session>, Refusal> {
        let mut sessions = self.sessions(by, user).await?;
        sessions.retain(|s| s.scopes.is_some());
        Ok(sessions)
    }
}
