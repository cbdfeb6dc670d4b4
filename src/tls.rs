//! TLS of our own: the certificate in force, handshakes, and the streams behind them.
//!
//! `server` has connections shake hands here, and puts another certificate in the place of the old one at a
//! reload: who is connected stays, who comes sees the new one. It is the only module that knows `rustls`.

mod distrust;
mod handshake;
mod identity;
mod socket;
mod stream;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;

pub use self::{
    distrust::Distrust,
    handshake::{Failed, Handshakes, shake_hands},
    identity::{Identity, load},
    socket::Socket,
    stream::Stream,
};

/// The certificate in force; none where the server speaks plain HTTP.
#[derive(Default)]
pub struct Tls {
    now: ArcSwapOption<Identity>,
}

impl Tls {
    /// Begins with this.
    pub fn new(identity: Option<Identity>) -> Self {
        Self {
            now: ArcSwapOption::new(identity.map(Arc::new)),
        }
    }

    /// What new connections are shown.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.now.load_full()
    }

    /// Shows new connections this from now on.
    pub fn replace(&self, identity: Option<Identity>) {
        self.now.store(identity.map(Arc::new));
    }
}

/// Chooses what makes TLS work, for whoever asks others over it; that it was chosen before is no matter.
pub fn choose_provider() {
    let _there_already = rustls::crypto::ring::default_provider().install_default();
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("identity", &self.identity())
            .finish()
    }
}
