//! The right of a connection to be here.

use std::sync::Arc;

use crate::stats::Stats;

/// The right of a connection to be here: given back, and no longer counted, when its last copy is dropped. A
/// WebSocket keeps the one of the connection it grew out of.
#[derive(Clone, Debug)]
pub struct Ticket {
    _place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    stats: Arc<Stats>,
}

impl Ticket {
    /// Takes a place; how many there are is for the caller to know.
    pub fn new(stats: Arc<Stats>) -> Self {
        stats.sockets.up();
        Self {
            _place: Arc::new(Place { stats }),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats.sockets.down();
    }
}
