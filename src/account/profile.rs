//! One's own account: name for others, address, password.

use serde_json::json;

use super::Account;
use crate::{
    auth::{Secret, password},
    id::LogId,
    model::{Authority, Caller, DisplayName, Email, Refusal, User},
    rights,
    store::Write,
};

/// What of an account is to be changed; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// How the person wants to be called; `Some(None)` takes it away.
    pub display_name: Option<Option<DisplayName>>,
    /// The address; `Some(None)` takes it away. It is then no way to log in, until an operator says so.
    pub email: Option<Option<Email>>,
    /// Whether others may be told that they are there.
    pub presence: Option<bool>,
}

impl Account {
    /// Changes one's own account.
    pub async fn change(&self, caller: &Caller, changes: Changes) -> Result<User, Refusal> {
        caller.only_a_login()?;
        let (me, by) = (caller.user, Authority::from(caller));
        let done = self
            .log
            .append(&[me.into(), LogId::Control], None, move |draft| {
                draft.authorise(&by, rights::may_act)?;
                let before = draft.user(me)?.user();
                let mut after = before.clone();
                if let Some(name) = &changes.display_name {
                    after.display_name.clone_from(name);
                }
                if let Some(email) = &changes.email
                    && *email != after.email
                {
                    after.email.clone_from(email);
                    after.email_login = false;
                }
                after.presence = changes.presence.unwrap_or(after.presence);
                if after == before {
                    return Ok(());
                }
                let (detail, personal) = difference(&before, &after);
                draft.act(
                    "user.edit",
                    &by.actor(),
                    Some(me.to_string()),
                    detail,
                    &personal,
                );
                draft.write(Write::UpdateUser(after));
                Ok(())
            });
        done.await?;
        self.user(me).await
    }

    /// Changes one's own password; every other session ends.
    pub async fn change_password(
        &self,
        caller: &Caller,
        old: Secret,
        new: Secret,
    ) -> Result<(), Refusal> {
        caller.only_a_login()?;
        let user = self.user(caller.user).await?;
        let name = user.name.to_string();
        if let Some(retry_after) = self.limits.login_blocked(&name, caller.address) {
            return Err(Refusal::RateLimited { retry_after });
        }
        password::check_new(&new, user.name.as_str()).map_err(|why| Refusal::field("new", why))?;
        let stored = user.password;
        let checked = self
            .passwords
            .verify(old, stored.clone())
            .await
            .map_err(|_| Refusal::Busy)?;
        if !checked.ok {
            self.limits.login_failed(&name, caller.address);
            return Err(Refusal::Forbidden("the old password is wrong".into()));
        }
        let hash = self.passwords.hash(new).await.map_err(|_| Refusal::Busy)?;
        let (me, session, by) = (caller.user, caller.session, Authority::from(caller));
        let done = self
            .log
            .append(&[me.into(), LogId::Control], None, move |draft| {
                draft.authorise(&by, rights::may_act)?;
                let mut user = draft.user(me)?.user();
                if user.password != stored {
                    return Err(Refusal::Conflict(
                        "the password was changed at the same time".into(),
                    ));
                }
                user.password = Some(hash.clone());
                draft.act(
                    "user.password",
                    &by.actor(),
                    Some(me.to_string()),
                    json!({"by": "owner"}),
                    &[],
                );
                draft.write(Write::UpdateUser(user));
                let at = draft.now();
                draft.write(Write::DeleteCodes(me));
                draft.write(Write::EndSessions {
                    user: me,
                    except: Some(session),
                    at,
                });
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }
}

/// What changed between two states of an account: which particulars, and apart from that, what they were and
/// are.
fn difference<'a>(
    before: &'a User,
    after: &'a User,
) -> (serde_json::Value, Vec<(&'static str, &'a str)>) {
    let name = |user: &'a User| user.display_name.as_ref().map_or("", DisplayName::as_str);
    let email = |user: &'a User| user.email.as_ref().map_or("", Email::as_str);
    let (mut changed, mut personal) = (Vec::new(), Vec::new());
    if before.display_name != after.display_name {
        changed.push("display_name");
        personal.push(("display_name_before", name(before)));
        personal.push(("display_name", name(after)));
    }
    if before.email != after.email {
        changed.push("email");
        personal.push(("email_before", email(before)));
        personal.push(("email", email(after)));
    }
    if before.presence != after.presence {
        changed.push("presence");
    }
    (json!({"changed": changed}), personal)
}
