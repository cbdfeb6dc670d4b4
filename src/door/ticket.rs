//! The right of a connection to be here.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::stats::Stats;

/// The right of a connection to be here: given back, and no longer counted, when its last copy is dropped. A
/// WebSocket keeps the one of the connection it grew out of.
#[derive(Clone, Debug)]
pub struct Ticket {
    _place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    stats: Arc<Stats>,
}

impl Ticket {
    /// Takes a place.
    pub fn new(permit: OwnedSemaphorePermit, stats: Arc<Stats>) -> Self {
        stats.sockets.up();
        Self {
            _place: Arc::new(Place {
                _permit: permit,
                stats,
            }),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats.sockets.down();
    }
}
