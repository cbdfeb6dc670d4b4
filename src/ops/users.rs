//! Accounts, as operators handle them.

use serde_json::json;

use super::{FreshCode, Ops};
use crate::{
    auth::{Secret, password},
    id::{LogId, UserId},
    log::refuse,
    model::{
        Actor, CodeKind, DisplayName, Email, Payload, Refusal, Role, Session, Status, User,
        UserRef, Username,
    },
    store::{RoomRow, Scope, Write},
};

/// How many users are looked at in one read when all are.
const SLICE: usize = 500;
/// How many rooms of a user are shown.
const ROOMS: usize = 200;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: Username,
    /// What the user may do.
    pub role: Role,
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
    pub code: Option<FreshCode>,
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
}

impl Ops {
    /// Makes an account.
    pub async fn add_user(
        &self,
        actor: &Actor,
        new: NewAccount,
        dry_run: bool,
    ) -> Result<Access, Refusal> {
        if let Some(password) = &new.password {
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
            password,
            created_at: self.clock.now(),
        };
        let claim =
            (status == Status::Invited).then(|| self.code(CodeKind::Claim, Some(id), user.role));
        let (fresh, code) = claim.unzip();
        let access = Access {
            user: user.clone(),
            code: fresh,
            sessions_ended: 0,
        };
        if dry_run {
            return Ok(access);
        }
        let actor = actor.clone();
        let done = self
            .log
            .append(&[LogId::Control], Some(id.into()), move |draft| {
                let email = user.email.as_ref().map_or("", Email::as_str);
                let personal = [("username", user.name.as_str()), ("email", email)];
                let detail = json!({"role": user.role, "by": "operator"});
                draft.act(
                    "user.create",
                    &actor,
                    Some(id.to_string()),
                    detail,
                    &personal,
                );
                draft.write(Write::InsertUser(user.clone()));
                if let Some(code) = &code {
                    draft.write(Write::InsertCode(code.clone()));
                }
                Ok(())
            });
        done.await?;
        Ok(access)
    }

    /// Sets a password, or makes a code with which the owner does; either way all sessions end.
    pub async fn set_password(
        &self,
        actor: &Actor,
        user: &UserRef,
        password: Option<Secret>,
        dry_run: bool,
    ) -> Result<Access, Refusal> {
        let user = self.find_user(user).await?;
        let now = self.clock.now();
        let sessions = self.store.sessions_of(user.id, now).await;
        let sessions_ended = sessions.map_err(|e| refuse(&e))?.len() as u64;
        if let Some(password) = &password {
            check(password, &user.name)?;
        }
        let claim = password
            .is_none()
            .then(|| self.code(CodeKind::Claim, Some(user.id), user.role));
        let (fresh, code) = claim.unzip();
        if dry_run {
            return Ok(Access {
                user,
                code: fresh,
                sessions_ended,
            });
        }
        let hash = match password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let (id, actor) = (user.id, actor.clone());
        let touches = [id.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let mut user = draft.user(id)?.user();
            if hash.is_some() && user.status == Status::Invited {
                user.status = Status::Active;
            }
            user.password.clone_from(&hash);
            let how = if hash.is_some() { "set" } else { "reset" };
            draft.act(
                "user.password",
                &actor,
                Some(id.to_string()),
                json!({"by": how}),
                &[],
            );
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
            code: fresh,
            sessions_ended,
        })
    }

    /// Gives a user another role on the server; at once, also for open connections.
    pub async fn set_role(
        &self,
        actor: &Actor,
        user: &UserRef,
        role: Role,
        dry_run: bool,
    ) -> Result<User, Refusal> {
        let _one_at_a_time = self.admins.lock().await;
        let mut found = self.find_user(user).await?;
        if found.role == Role::Admin && role != Role::Admin {
            self.keep_an_admin(found.id).await?;
        }
        let id = found.id;
        if dry_run {
            found.role = role;
            return Ok(found);
        }
        let actor = actor.clone();
        let touches = [id.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let mut user = draft.user(id)?.user();
            if user.role == role {
                return Ok(());
            }
            let detail = json!({"before": user.role, "after": role});
            user.role = role;
            draft.entry(id.into(), None, Payload::Role { role });
            draft.act("user.role", &actor, Some(id.to_string()), detail, &[]);
            draft.write(Write::UpdateUser(user));
            Ok(())
        });
        done.await?;
        self.find_user(&UserRef::Id(id)).await
    }

    /// Switches an account off, which ends its sessions and closes its sockets, or on again.
    pub async fn set_enabled(
        &self,
        actor: &Actor,
        user: &UserRef,
        enabled: bool,
        dry_run: bool,
    ) -> Result<User, Refusal> {
        let _one_at_a_time = self.admins.lock().await;
        let mut found = self.find_user(user).await?;
        if !enabled && found.role == Role::Admin {
            self.keep_an_admin(found.id).await?;
        }
        let id = found.id;
        if dry_run {
            found.status = status_for(&found, enabled);
            return Ok(found);
        }
        let actor = actor.clone();
        let touches = [id.into(), LogId::Control];
        let done = self.log.append(&touches, None, move |draft| {
            let mut user = draft.user(id)?.user();
            let after = status_for(&user, enabled);
            if user.status == after {
                return Ok(());
            }
            let detail = json!({"before": user.status, "after": after});
            user.status = after;
            draft.act("user.status", &actor, Some(id.to_string()), detail, &[]);
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
        self.find_user(&UserRef::Id(id)).await
    }

    /// Accounts, by name.
    pub async fn users(
        &self,
        after: Option<&Username>,
        limit: usize,
    ) -> Result<Vec<User>, Refusal> {
        self.store
            .list_users(after, limit)
            .await
            .map_err(|e| refuse(&e))
    }

    /// An account with what hangs on it.
    pub async fn user(&self, user: &UserRef) -> Result<UserPeople, Refusal> {
        let user = self.find_user(user).await?;
        let sessions = self.store.sessions_of(user.id, self.clock.now()).await;
        let rooms = self.store.list_rooms(Scope::Of(user.id), None, ROOMS).await;
        Ok(UserPeople {
            sessions: sessions.map_err(|e| refuse(&e))?,
            rooms: rooms.map_err(|e| refuse(&e))?,
            user,
        })
    }

    /// Refuses to take away the last admin who can log in.
    async fn keep_an_admin(&self, but: UserId) -> Result<(), Refusal> {
        let mut after: Option<Username> = None;
        loop {
            let slice = self.users(after.as_ref(), SLICE).await?;
            let is_one =
                |u: &User| u.id != but && u.role == Role::Admin && u.status == Status::Active;
            if slice.iter().any(is_one) {
                return Ok(());
            }
            let Some(last) = slice.last() else {
                let what =
                    "this is the last admin; make another one first: `chatd user role NAME admin`";
                return Err(Refusal::Conflict(what.into()));
            };
            after = Some(last.name.clone());
        }
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
fn status_for(user: &User, enabled: bool) -> Status {
    match (enabled, &user.password) {
        (false, _) => Status::Disabled,
        (true, Some(_)) => Status::Active,
        (true, None) => Status::Invited,
    }
}
