//! Coming in for the first time: registering, and claiming an account that an operator made.

use serde_json::json;

use super::Account;
use crate::{
    auth::{OneTimeCode, Secret, password},
    config::Registration as Mode,
    id::{LogId, UserId},
    log::{Draft, Error, refuse},
    model::{
        Actor, Builtin, Code, CodeKind, DisplayName, Email, Permission, Permissions, Refusal,
        Registration as Registering, Status, User, Username, Who,
    },
    rights,
    store::Write,
};

/// Somebody at the door who has not shown who they are.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// How the control log names them; the address is always known.
    pub actor: Actor,
    /// From where.
    pub address: std::net::IpAddr,
    /// Whether the request comes straight from this machine.
    pub direct: bool,
}

/// A request for an account.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The unique name.
    pub username: Username,
    /// The password.
    pub password: Secret,
    /// An address, for the record: it is not a way to log in until an operator says so.
    pub email: Option<Email>,
    /// How the person wants to be called.
    pub display_name: Option<DisplayName>,
    /// A code, where registration is by invitation.
    pub invite: Option<String>,
}

/// The use of a one-time code for an account.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The code.
    pub code: String,
    /// The account's password from now on.
    pub password: Secret,
}

impl Account {
    /// How registration stands for this visitor: never `auto`.
    pub fn registration(&self, direct: bool) -> Mode {
        match self.log.policy().registration {
            Some(Registering::Open) => return Mode::Open,
            Some(Registering::Invite) => return Mode::Invite,
            Some(Registering::Closed) => return Mode::Closed,
            None => {}
        }
        let config = self.config.get();
        let server = &config.server;
        match config.auth.registration {
            Mode::Auto => {
                let home = server.listen.ip().is_loopback() && server.public_url.is_empty();
                if home && direct {
                    Mode::Open
                } else {
                    Mode::Invite
                }
            }
            mode => mode,
        }
    }

    /// Makes an account.
    pub async fn register(&self, visitor: &Visitor, new: Registration) -> Result<User, Refusal> {
        self.limits.check_register(visitor.address)?;
        let invite = match self.registration(visitor.direct) {
            // Not needed, but whoever has one gets what it gives.
            Mode::Open => match new.invite.as_deref() {
                Some(code) => Some(self.code(code, CodeKind::Invite).await?),
                None => None,
            },
            Mode::Invite | Mode::Auto => {
                let needed = || {
                    Refusal::Forbidden(
                        "this server takes new members by invitation: add the `invite` code".into(),
                    )
                };
                Some(
                    self.code(new.invite.as_deref().ok_or_else(needed)?, CodeKind::Invite)
                        .await?,
                )
            }
            Mode::Closed => {
                return Err(Refusal::Forbidden(
                    "this server takes no new members".into(),
                ));
            }
        };
        check_password(&new.password, &new.username)?;
        let taken = self
            .store
            .user_by_name(&new.username)
            .await
            .map_err(|e| refuse(&e))?;
        if taken.is_some() {
            // Said before the work of hashing, so that guessing names costs us nothing.
            return Err(Refusal::Conflict("this username is taken".into()));
        }
        let hash = self
            .passwords
            .hash(new.password)
            .await
            .map_err(|_| Refusal::Busy)?;
        let id = UserId::new(self.clock.now());
        let actor = Actor {
            user: Some(id),
            ..visitor.actor.clone()
        };
        let user = User {
            id,
            name: new.username,
            display_name: new.display_name,
            email: new.email,
            email_login: false,
            role: invite
                .as_ref()
                .map_or(Builtin::Member.into(), |i| i.role.clone()),
            status: Status::Active,
            bot: false,
            presence: true,
            password: Some(hash),
            created_at: self.clock.now(),
        };
        let made = user.clone();
        let maker = invite.as_ref().and_then(|i| i.by);
        let taken = invite.map(|i| (i.hash, i.expires_at));
        let mut touches = vec![LogId::Control];
        touches.extend(maker.map(LogId::from));
        let done = self.log.append(&touches, Some(id.into()), move |draft| {
            // By who may register, also as of now, and by the code, which is used up here.
            draft.by_itself();
            still_open(draft, taken.is_some())?;
            if taken.is_some_and(|(_, until)| until <= draft.now()) {
                return Err(wrong_code());
            }
            let Some(role) = draft.policy().known(&user.role) else {
                let why = "the role that this invitation gives is gone; ask for another one";
                return Err(Refusal::Forbidden(why.into()));
            };
            if let Some(maker) = maker {
                stands(draft, maker, role)?;
            }
            let email = user.email.as_ref().map_or("", Email::as_str);
            let personal = [("username", user.name.as_str()), ("email", email)];
            let detail = json!({"role": user.role, "by": "registration"});
            draft.act(
                "user.create",
                &actor,
                Some(id.to_string()),
                detail,
                &personal,
            );
            draft.write(Write::InsertUser(user.clone()));
            if let Some((code, _)) = taken {
                draft.write(Write::TakeCode(code));
            }
            Ok(())
        });
        match done.await {
            // Used up between the look and this turn, by somebody else.
            Err(Error::Stale) => Err(wrong_code()),
            done => done.map(|_| made).map_err(Into::into),
        }
    }

    /// Uses a one-time code: sets the password of the account it is for and ends all its sessions.
    pub async fn claim(&self, visitor: &Visitor, claim: Claim) -> Result<User, Refusal> {
        self.limits.check_login(visitor.address)?;
        let code = self.code(&claim.code, CodeKind::Claim).await?;
        let id = code.user.ok_or(Refusal::Internal)?;
        let user = self.user(id).await?;
        check_password(&claim.password, &user.name)?;
        let hash = self
            .passwords
            .hash(claim.password)
            .await
            .map_err(|_| Refusal::Busy)?;
        let actor = Actor {
            user: Some(id),
            ..visitor.actor.clone()
        };
        let done = self
            .log
            .append(&[id.into(), LogId::Control], None, move |draft| {
                // By the code, which is used up here.
                draft.by_itself();
                let mut user = draft.user(id)?.user();
                if matches!(user.status, Status::Disabled | Status::Erased) {
                    return Err(Refusal::Locked);
                }
                let detail = json!({"before": user.status, "after": Status::Active});
                user.status = Status::Active;
                user.password = Some(hash.clone());
                draft.act("user.claim", &actor, Some(id.to_string()), detail, &[]);
                draft.write(Write::TakeCode(code.hash));
                draft.write(Write::DeleteCodes(id));
                draft.write(Write::UpdateUser(user));
                draft.write(Write::EndSessions {
                    user: id,
                    except: None,
                    at: draft.now(),
                });
                Ok(())
            });
        match done.await {
            Err(Error::Stale) => Err(wrong_code()),
            done => {
                done?;
                self.user(id).await
            }
        }
    }

    /// A code that is good now.
    async fn code(&self, text: &str, kind: CodeKind) -> Result<Code, Refusal> {
        let hash = text
            .parse::<OneTimeCode>()
            .map_err(|_| wrong_code())?
            .hash();
        let code = self
            .store
            .code(&hash)
            .await
            .map_err(|e| refuse(&e))?
            .ok_or_else(wrong_code)?;
        if code.kind == kind && self.clock.now() < code.expires_at {
            Ok(code)
        } else {
            Err(wrong_code())
        }
    }
}

/// Refuses whom the registration that was decided while the server runs leaves out by now.
fn still_open(draft: &Draft<'_>, invited: bool) -> Result<(), Refusal> {
    let narrowed = match draft.policy().registration {
        Some(Registering::Closed) => true,
        Some(Registering::Invite) => !invited,
        Some(Registering::Open) | None => false,
    };
    if narrowed {
        let why = "this server has just stopped taking new members like this";
        return Err(Refusal::Forbidden(why.into()));
    }
    Ok(())
}

/// An invitation is good for as long as whoever made it might make it again.
fn stands(draft: &Draft<'_>, maker: UserId, role: Permissions) -> Result<(), Refusal> {
    let may = |who: &Who<'_>| {
        rights::may(who, Permission::InviteManage)?;
        rights::may_give(who, role)
    };
    let maker = draft.user(maker)?;
    let may = maker.with(|person| may(&person.who(Permissions::ALL, draft.now())));
    may.map_err(|_| wrong_code())
}

fn wrong_code() -> Refusal {
    Refusal::Forbidden("this code is not valid, was used, or is too old".into())
}

/// Refuses a password that is too short or too easy to guess.
pub(super) fn check_password(password: &Secret, name: &Username) -> Result<(), Refusal> {
    password::check_new(password, name.as_str()).map_err(|why| Refusal::field("password", why))
}
