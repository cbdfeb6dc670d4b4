//! Everything a door needs to answer, in one place.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    account::{Account, Identity},
    chat::Chat,
    clock::Clock,
    config::Live,
    feed::Feeds,
    files::Files,
    hub::Hub,
    limit::Limits,
    model::User,
    moderation::Moderation,
    redact::Redact,
    stats::Stats,
    store::Store,
    tls::{Handshakes, Tls},
};

/// What the doors are given; made once, by `server`.
#[derive(Clone, Debug)]
pub struct App {
    /// What members do.
    pub chat: Chat,
    /// What people do about themselves.
    pub account: Account,
    /// Keeping order.
    pub moderation: Moderation,
    /// Taking back what was said.
    pub redact: Redact,
    /// Files.
    pub files: Files,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// For readiness.
    pub store: Arc<dyn Store>,
    /// How often.
    pub limits: Arc<Limits>,
    /// The certificate, where the server speaks TLS itself.
    pub tls: Arc<Tls>,
    /// The handshakes under way.
    pub handshakes: Arc<Handshakes>,
    /// The settings in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// What happened lately.
    pub feeds: Arc<Feeds>,
    /// This process, as `hello` names it.
    pub node: Arc<str>,
    /// Set when the server stops: take nothing new in, finish what is under way.
    pub stopping: CancellationToken,
    /// The tasks of sockets; stopping waits for them.
    pub tasks: TaskTracker,
}

impl App {
    /// The user an identity stands for, if its session still is one, by memory and at this moment.
    pub fn log_user(&self, identity: Identity) -> Option<User> {
        let live = self.chat.log.user_in_memory(identity.user)?;
        live.has_session(identity.session).then(|| live.user())
    }
}
