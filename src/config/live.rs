//! The settings in force, as everybody reads them: one unchanging whole, and at a reload another in its place.

use std::{fmt, ops::Deref, sync::Arc};

use arc_swap::ArcSwap;

use super::Config;

/// The settings in force. Copies are the same one.
#[derive(Clone)]
pub struct Live(Arc<ArcSwap<Config>>);

impl Live {
    /// Begins with these.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// The settings as of this moment; costs no more than a pointer. For one look: whoever waits in between
    /// takes [`Live::snapshot`].
    pub fn get(&self) -> impl Deref<Target = Arc<Config>> {
        self.0.load()
    }

    /// The settings as of this moment, to keep for a while.
    pub fn snapshot(&self) -> Arc<Config> {
        self.0.load_full()
    }

    /// Puts others in their place. Whoever looked before goes on with what was so when they looked.
    pub fn replace(&self, config: Config) {
        self.0.store(Arc::new(config));
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load().fmt(f)
    }
}
