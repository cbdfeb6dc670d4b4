//! Administering: accounts, roles, sessions, tokens, invitations, who may register, and how the server is.
//! Each use case stands here once, whether an operator asks through the admin socket or somebody over REST
//! whose role includes it ([`Authority`]), and whether a server runs or the command line works on the store
//! itself.

mod audit;
mod backup;
mod check;
mod conns;
mod erase;
mod export;
mod import;
mod invites;
mod log_level;
mod notices;
mod registration;
mod reload;
mod roles;
mod rooms;
mod sessions;
mod status;
mod store;
mod tokens;
mod users;
mod watch;

use std::{net::SocketAddr, sync::Arc};

pub use self::{
    audit::{ActPattern, AuditFilter, AuditPage, Audited, Known},
    backup::{BackupStep, BackupUnderWay, Backups},
    check::{Finding, examine},
    conns::Whom,
    export::{DAMAGED, ExportPart, Piece},
    import::{ImportMode, ImportOutcome, ImportRun, ImportedAccount},
    invites::NewInvite,
    log_level::LevelSet,
    reload::{Changed, Plan, Reloaded, Reloads, Reread},
    roles::{NewRole, RoleRow},
    rooms::RoomPeople,
    status::{Disk, Holds, Report},
    store::Holdings,
    tokens::{NewToken, Token, runs_out},
    users::{Access, NewAccount, UserPeople},
    watch::{Asked, ConnRow, Found, MOST_ROWS, Readings, RoomTraffic},
};
use crate::{
    auth::{OneTimeCode, Passwords},
    clock::{Clock, Millis},
    config::Live,
    feed::Feeds,
    hub::Hub,
    id::UserId,
    log::{Log, refuse},
    logging::Levels,
    model::{Authority, Code, CodeKind, Permission, Refusal, RoleName, User, UserRef},
    rights,
    shelf::Shelf,
    stats::Stats,
    store::{Store, erasures::Erasures},
    tls::Tls,
};

/// The use cases of operators, with what they need.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// Where it is listed what was erased.
    pub erasures: Erasures,
    /// Where the bytes of files lie.
    pub shelf: Shelf,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// Where passwords are hashed.
    pub passwords: Arc<Passwords>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// What happened lately.
    pub feeds: Arc<Feeds>,
    /// When this process began.
    pub started_at: Millis,
    /// Held while an admin may be lost, so that two such changes cannot both count on the other.
    pub admins: Arc<tokio::sync::Mutex<()>>,
    /// Where it listens; none when it is the command line itself.
    pub listen: Option<SocketAddr>,
    /// The backup that is under way.
    pub backups: Backups,
    /// What changes the log level; none when it is the command line itself.
    pub levels: Option<Arc<Levels>>,
    /// The certificate, where the server speaks TLS itself.
    pub tls: Arc<Tls>,
    /// What reads the settings anew; none when it is the command line itself.
    pub reloads: Option<Arc<Reloads>>,
}

/// A code that was just made.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The record.
    pub code: Code,
    /// The code itself, shown this once.
    pub secret: OneTimeCode,
}

impl Ops {
    fn new_code(&self, kind: CodeKind, user: Option<UserId>, role: RoleName) -> Fresh {
        let secret = OneTimeCode::generate();
        let created_at = self.clock.now();
        let code = Code {
            hash: secret.hash(),
            kind,
            user,
            role,
            room: None,
            uses: 1,
            by: None,
            created_at,
            expires_at: created_at.plus(self.config.get().auth.code.into()),
        };
        Fresh { code, secret }
    }

    /// The account that is meant.
    pub async fn find_user(&self, user: &UserRef) -> Result<User, Refusal> {
        let found = match user {
            UserRef::Name(name) => self.store.user_by_name(name).await,
            UserRef::Id(id) => self.store.users(&[*id]).await.map(|mut u| u.pop()),
        };
        found
            .map_err(|e| refuse(&e))?
            .ok_or(Refusal::NotFound("user"))
    }

    /// Refuses what an authority may not do, as things stand: for reading, and before work that takes long.
    pub async fn check(&self, by: &Authority, permission: Permission) -> Result<(), Refusal> {
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let live = self.log.user(caller.user).await?;
        let live = live.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        live.with(|p| rights::may(&p.who(caller.scopes, now), permission))
    }
}

/// What everybody else is told.
fn only_operators() -> Refusal {
    Refusal::Forbidden("this is for operators".into())
}
