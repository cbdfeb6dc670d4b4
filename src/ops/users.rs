//! Accounts, as operators handle them.

use serde_json::json;

use super::{Fresh, Ops};
use crate::{
    auth::{Secret, password},
    id::UserId,
    log::refuse,
    model::{
        Authority, Builtin, CodeKind, DisplayName, Email, Payload, Permission, Reason, Refusal,
        RoleName, Sanction, Session, Status, User, UserRef, Username,
    },
    rights,
    store::{RoomRow, Scope, Write},
};

/// How many rooms of a user are shown.
const ROOMS: usize = 200;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: Username,
    /// What the user may do.
    pub role: RoleName,
    /// Whether it is a program's.
    pub bot: bool,
    /// How the person wants to be called.
    pub display_name: Option<DisplayName>,
    /// An address, which can then be used to log in.
    pub email: Option<Email>,
    /// The password; without one the account waits to be claimed.
    pub password: Option<Secret>,
}

/// An account, and the code to claim it with if it has no password.
#[derive(Clone, Debug)]
pub struct Access {
    /// The account.
    pub user: User,
    /// The code.
    pub code: Option<Fresh>,
    /// How many sessions were ended.
    pub sessions_ended: u64,
}

/// An account with what hangs on it.
#[derive(Clone, Debug)]
pub struct UserPeople {
    /// The account.
    pub user: User,
    /// Its sessions, the newest first.
    pub sessions: Vec<Session>,
    /// The rooms it is in.
    pub rooms: Vec<RoomRow>,
    /// What is taken from it everywhere, also what has run out.
    pub sanctions: Vec<Sanction>,
}

impl Ops {
    /// Makes an account.
    pub async fn add_user(
        &self,
        by: &Authority,
        new: NewAccount,
        dry_run: bool,
    ) -> Result<Access, Refusal> {
        self.check(by, Permission::UserManage).await?;
        // No role is deleted while an account is given it.
        let _one_at_a_time = self.admins.lock().await;
        if let Some(password) = &new.password {
            if new.bot {
                let what = "a bot has no password; issue a token with `chatd token issue`";
                return Err(Refusal::field("password", what));
            }
            check(password, &new.name)?;
        }
        let taken = self.store.user_by_name(&new.name).await;
        if taken.map_err(|e| refuse(&e))?.is_some() {
            let name = &new.name;
            let what = format!("there is a user {name} already; see `chatd user show {name}`");
            return Err(Refusal::Conflict(what));
        }
        let id = UserId::new(self.clock.now());
        let (password, status) = match new.password {
            _ if new.bot => (None, Status::Active),
            Some(_) if dry_run => (None, Status::Active),
            Some(password) => (Some(self.hash(password).await?), Status::Active),
            None => (None, Status::Invited),
        };
        let user = User {
            id,
            name: new.name,
            display_name: new.display_name,
            email_login: new.email.is_some(),
            email: new.email,
            role: new.role,
            status,
            bot: new.bot,
            presence: true,
            password,
            created_at: self.clock.now(),
        };
        let claim = (status == Status::Invited)
            .then(|| self.new_code(CodeKind::Claim, Some(id), user.role.clone()));
        let access = Access {
            user: user.clone(),
            code: claim.clone(),
            sessions_ended: 0,
        };
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, Some(id.into()), move |draft| {
                let role = draft.policy().known(&user.role);
                let role = role.ok_or(Refusal::NotFound("role"))?;
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::UserManage)?;
                    rights::may_give(who, role)
                })?;
                let email = user.email.as_ref().map_or("", Email::as_str);
                let personal = [("username", user.name.as_str()), ("email", email)];
                let how = if user.bot { "bot" } else { "operator" };
                let detail = json!({"role": user.role, "by": how});
                let target = Some(id.to_string());
                draft.act("user.create", &by.actor(), target, detail, &personal);
                draft.write(Write::InsertUser(user.clone()));
                if let Some(fresh) = &claim {
                    draft.write(Write::InsertCode(fresh.code.clone()));
                }
                Ok(())
            });
        done.await?;
        Ok(access)
    }

    /// Sets a password, or makes a code with which the owner does; either way all sessions end.
    pub async fn set_password(
        &self,
        by: &Authority,
        user: &UserRef,
        password: Option<Secret>,
        dry_run: bool,
    ) -> Result<Access, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let user = self.find_user(user).await?;
        if user.bot {
            let what = "a bot has no password; issue a token with `chatd token issue`";
            return Err(Refusal::Conflict(what.into()));
        }
        let now = self.clock.now();
        let sessions = self.store.sessions_of(user.id, now).await;
        let sessions_ended = sessions.map_err(|e| refuse(&e))?.len() as u64;
        if let Some(password) = &password {
            check(password, &user.name)?;
        }
        let claim = password
            .is_none()
            .then(|| self.new_code(CodeKind::Claim, Some(user.id), user.role.clone()));
        let hash = match password {
            Some(password) if !dry_run => Some(self.hash(password).await?),
            _ => None,
        };
        let is_set = claim.is_none();
        let (id, touches, by) = (user.id, by.touching(&[user.id.into()]), by.clone());
        let code = claim.as_ref().map(|fresh| fresh.code.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let live = draft.user(id)?;
                draft.authorise(&by, |who| live.with(|p| rights::may_manage(who, p)))?;
                let mut user = live.user();
                if user.status == Status::Erased {
                    return Err(Refusal::Conflict("this account was erased".into()));
                }
                if is_set && user.status == Status::Invited {
                    user.status = Status::Active;
                }
                user.password.clone_from(&hash);
                let how = if is_set { "set" } else { "reset" };
                let detail = json!({"by": how});
                let target = Some(id.to_string());
                draft.act("user.password", &by.actor(), target, detail, &[]);
                draft.write(Write::EndSessions {
                    user: id,
                    except: None,
                    at: draft.now(),
                });
                draft.write(Write::UpdateUser(user));
                draft.write(Write::DeleteCodes(id));
                if let Some(code) = &code {
                    draft.write(Write::InsertCode(code.clone()));
                }
                Ok(())
            });
        done.await?;
        let user = self.find_user(&UserRef::Id(id)).await?;
        Ok(Access {
            user,
            code: claim,
            sessions_ended,
        })
    }

    /// Gives a user another role on the server; at once, also for open connections. Nobody gives, or takes
    /// away, a role that includes what they may not do themselves.
    pub async fn set_role(
        &self,
        by: &Authority,
        user: &UserRef,
        role: RoleName,
        dry_run: bool,
    ) -> Result<User, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let _one_at_a_time = self.admins.lock().await;
        let mut found = self.find_user(user).await?;
        if found.role == Builtin::Admin && role != Builtin::Admin {
            self.check_managing(by, found.id).await?;
            self.keep_an_admin(&found).await?;
        }
        let id = found.id;
        found.role = role.clone();
        let (touches, by) = (by.touching(&[id.into()]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let given = draft.policy().known(&role);
                let given = given.ok_or(Refusal::NotFound("role"))?;
                let live = draft.user(id)?;
                draft.authorise(&by, |who| {
                    live.with(|p| rights::may_manage(who, p))?;
                    rights::may_give(who, given)
                })?;
                let mut user = live.user();
                if user.status == Status::Erased {
                    return Err(Refusal::Conflict("this account was erased".into()));
                }
                if user.role == role {
                    return Ok(());
                }
                let detail = json!({"before": user.role, "after": role});
                user.role = role.clone();
                draft.entry(id.into(), by.user(), Payload::Role { role: role.clone() });
                draft.act("user.role", &by.actor(), Some(id.to_string()), detail, &[]);
                draft.write(Write::UpdateUser(user));
                Ok(())
            });
        done.await?;
        if dry_run {
            return Ok(found);
        }
        self.find_user(&UserRef::Id(id)).await
    }

    /// Switches an account off, which ends its sessions and closes its sockets, or on again.
    pub async fn set_enabled(
        &self,
        by: &Authority,
        user: &UserRef,
        enabled: bool,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<User, Refusal> {
        self.check(by, Permission::UserManage).await?;
        let _one_at_a_time = self.admins.lock().await;
        let mut found = self.find_user(user).await?;
        if !enabled && found.role == Builtin::Admin {
            self.check_managing(by, found.id).await?;
            self.keep_an_admin(&found).await?;
        }
        let id = found.id;
        let (touches, by) = (by.touching(&[id.into()]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let live = draft.user(id)?;
                draft.authorise(&by, |who| live.with(|p| rights::may_manage(who, p)))?;
                let mut user = live.user();
                if user.status == Status::Erased {
                    return Err(Refusal::Conflict("this account was erased".into()));
                }
                let after = status_for(&user, enabled);
                if user.status == after {
                    return Ok(());
                }
                let detail = json!({"before": user.status, "after": after, "reason": reason});
                user.status = after;
                draft.act(
                    "user.status",
                    &by.actor(),
                    Some(id.to_string()),
                    detail,
                    &[],
                );
                draft.write(Write::UpdateUser(user));
                if !enabled {
                    let at = draft.now();
                    draft.write(Write::EndSessions {
                        user: id,
                        except: None,
                        at,
                    });
                }
                Ok(())
            });
        done.await?;
        if dry_run {
            found.status = status_for(&found, enabled);
            return Ok(found);
        }
        self.find_user(&UserRef::Id(id)).await
    }

    /// Accounts, by name.
    pub async fn users(
        &self,
        by: &Authority,
        after: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<User>, Refusal> {
        self.check(by, Permission::UserRead).await?;
        self.store
            .list_users(after, limit)
            .await
            .map_err(|e| refuse(&e))
    }

    /// An account with what hangs on it.
    pub async fn user(&self, by: &Authority, user: &UserRef) -> Result<UserPeople, Refusal> {
        self.check(by, Permission::UserRead).await?;
        let user = self.find_user(user).await?;
        let sessions = self.store.sessions_of(user.id, self.clock.now()).await;
        // The names of private rooms are for operators.
        let rooms = match by {
            Authority::Operator(_) => self.store.list_rooms(Scope::Of(user.id), None, ROOMS).await,
            Authority::Caller(_) => Ok(Vec::new()),
        };
        let live = self.log.user(user.id).await?;
        Ok(UserPeople {
            sessions: sessions.map_err(|e| refuse(&e))?,
            rooms: rooms.map_err(|e| refuse(&e))?,
            sanctions: live.map_or_else(Vec::new, |l| l.with(|p| p.sanctions.clone())),
            user,
        })
    }

    /// Refuses what an authority may not do to somebody's account, as things stand: before anything is said of
    /// it that depends on the account.
    async fn check_managing(&self, by: &Authority, user: UserId) -> Result<(), Refusal> {
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let (me, other) = (
            self.log.user(caller.user).await?,
            self.log.user(user).await?,
        );
        let me = me.ok_or(Refusal::NotFound("user"))?.person();
        let other = other.ok_or(Refusal::NotFound("user"))?.person();
        rights::may_manage(&me.who(caller.scopes, self.clock.now()), &other)
    }

    /// Refuses to take away the last admin who can log in. Whoever asks holds `admins`.
    pub(super) async fn keep_an_admin(&self, but: &User) -> Result<(), Refusal> {
        self.log.keep_an_admin(but.id, self.clock.now()).await
    }

    async fn hash(&self, password: Secret) -> Result<String, Refusal> {
        self.passwords
            .hash(password)
            .await
            .map_err(|_| Refusal::Busy)
    }
}

fn check(password: &Secret, name: &Username) -> Result<(), Refusal> {
    password::check_new(password, name.as_str()).map_err(|why| Refusal::field("password", why))
}

/// An account that was never claimed is waiting again when it is switched on.
pub(super) fn status_for(user: &User, enabled: bool) -> Status {
    match (enabled, &user.password) {
        (false, _) => Status::Disabled,
        (true, None) if !user.bot => Status::Invited,
        (true, _) => Status::Active,
    }
}
