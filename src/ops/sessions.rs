//! Other people's sessions: seeing and ending them.

use serde_json::json;

use super::Ops;
use crate::{
    id::SessionId,
    log::{Error, refuse},
    model::{Authority, Permission, Reason, Refusal, Session, UserRef},
    rights,
    store::Write,
};

/// How often ending a session is tried that is being refreshed at the same time.
const TRIES: usize = 5;

impl Ops {
    /// Somebody's sessions that have not ended, the newest first. A bot's are its tokens.
    pub async fn sessions(&self, by: &Authority, user: &UserRef) -> Result<Vec<Session>, Refusal> {
        self.check(by, Permission::UserRead).await?;
        let user = self.find_user(user).await?;
        let sessions = self.store.sessions_of(user.id, self.clock.now()).await;
        sessions.map_err(|e| refuse(&e))
    }

    /// Ends one of somebody's sessions, or a bot's token: its sockets are closed, its tokens refused from
    /// now on.
    pub async fn end_session(
        &self,
        by: &Authority,
        user: &UserRef,
        id: SessionId,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<Session, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let user = self.find_user(user).await?.id;
        let touches = by.touching(&[user.into()]);
        for _ in 0..TRIES {
            let found = self.store.session(id).await.map_err(|e| refuse(&e))?;
            let open = found.filter(|s| s.user == user && s.ended_at.is_none());
            let session = open.ok_or(Refusal::NotFound("session"))?;
            let (by, open, reason) = (by.clone(), session.clone(), reason.clone());
            let done = self
                .log
                .append_or_rehearse(dry_run, &touches, None, move |draft| {
                    let live = draft.user(user)?;
                    draft.authorise(&by, |who| live.with(|p| rights::may_manage(who, p)))?;
                    let act = match open.scopes {
                        Some(_) => "token.revoke",
                        None => "session.end",
                    };
                    let detail = json!({"user": user, "reason": reason});
                    draft.act(act, &by.actor(), Some(id.to_string()), detail, &[]);
                    draft.write(Write::UpdateSession(Session {
                        ended_at: Some(draft.now()),
                        version: open.version + 1,
                        ..open.clone()
                    }));
                    Ok(())
                });
            match done.await {
                Err(Error::Stale) => {}
                done => return done.map(|_| session).map_err(Into::into),
            }
        }
        Err(Refusal::Busy)
    }

    /// Ends all of somebody's sessions; answers how many there were.
    pub async fn end_sessions(
        &self,
        by: &Authority,
        user: &UserRef,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<u64, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let user = self.find_user(user).await?.id;
        let sessions = self.store.sessions_of(user, self.clock.now()).await;
        let count = sessions.map_err(|e| refuse(&e))?.len() as u64;
        let (touches, by) = (by.touching(&[user.into()]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let live = draft.user(user)?;
                draft.authorise(&by, |who| live.with(|p| rights::may_manage(who, p)))?;
                let detail = json!({"reason": reason});
                let target = Some(user.to_string());
                draft.act("session.end_all", &by.actor(), target, detail, &[]);
                draft.write(Write::EndSessions {
                    user,
                    except: None,
                    at: draft.now(),
                });
                Ok(())
            });
        done.await?;
        Ok(count)
    }
}
