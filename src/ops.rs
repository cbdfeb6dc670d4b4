//! What operators do: accounts, rooms, invitations, and how the server is. Each use case once, whether the
//! command line reaches a running server or works on the store itself.

mod rooms;
mod status;
mod users;

use std::{net::SocketAddr, sync::Arc};

pub use self::{
    rooms::RoomPeople,
    status::Report,
    users::{Access, NewAccount, UserPeople},
};
use crate::{
    auth::{OneTimeCode, Passwords},
    clock::{Clock, Millis},
    config::Config,
    hub::Hub,
    id::LogId,
    log::{Log, refuse},
    model::{Actor, Code, CodeKind, Refusal, Role, User, UserRef},
    stats::Stats,
    store::{Store, Write},
};

/// The use cases of operators, with what they need.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// Where passwords are hashed.
    pub passwords: Arc<Passwords>,
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// When this process began.
    pub started_at: Millis,
    /// Held while an admin may be lost, so that two such changes cannot both count on the other.
    pub admins: Arc<tokio::sync::Mutex<()>>,
    /// Where it listens; none when it is the command line itself.
    pub listen: Option<SocketAddr>,
}

/// A one-time code, shown this once.
#[derive(Clone, Debug)]
pub struct FreshCode {
    /// The code.
    pub code: OneTimeCode,
    /// Until when it is good.
    pub expires_at: Millis,
}

impl Ops {
    /// Makes an invitation: a code with which somebody can register, once.
    pub async fn invite(
        &self,
        actor: &Actor,
        role: Role,
        dry_run: bool,
    ) -> Result<FreshCode, Refusal> {
        let (fresh, code) = self.code(CodeKind::Invite, None, role);
        if dry_run {
            return Ok(fresh);
        }
        let actor = actor.clone();
        let done = self.log.append(&[LogId::Control], None, move |draft| {
            let detail = serde_json::json!({"role": role, "expires_at": code.expires_at});
            draft.act("invite.create", &actor, None, detail, &[]);
            draft.write(Write::InsertCode(code.clone()));
            Ok(())
        });
        done.await?;
        Ok(fresh)
    }

    fn code(
        &self,
        kind: CodeKind,
        user: Option<crate::id::UserId>,
        role: Role,
    ) -> (FreshCode, Code) {
        let code = OneTimeCode::generate();
        let created_at = self.clock.now();
        let expires_at = created_at.plus(self.config.auth.code.into());
        let record = Code {
            hash: code.hash(),
            kind,
            user,
            role,
            created_at,
            expires_at,
        };
        (FreshCode { code, expires_at }, record)
    }

    async fn find_user(&self, user: &UserRef) -> Result<User, Refusal> {
        let found = match user {
            UserRef::Name(name) => self.store.user_by_name(name).await,
            UserRef::Id(id) => self.store.users(&[*id]).await.map(|mut u| u.pop()),
        };
        found
            .map_err(|e| refuse(&e))?
            .ok_or(Refusal::NotFound("user"))
    }
}
