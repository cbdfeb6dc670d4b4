//! How the server is.

use std::time::Duration;

use tokio::time::timeout;

use super::Ops;
use crate::{clock::Millis, stats::Process, store::About};

/// How long a store may take to say what it holds.
const PATIENCE: Duration = Duration::from_secs(3);

/// How the server is, beside the counters in `stats`.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the store is.
    pub store: About,
    /// The time of this report.
    pub at: Millis,
    /// Resident memory of this process, in bytes.
    pub memory_bytes: u64,
    /// Logs that somebody listens to.
    pub channels: u64,
}

/// What the store holds.
#[derive(Clone, Copy, Debug)]
pub struct Holds {
    /// How many bytes it takes on disk.
    pub bytes: u64,
    /// How many users there are.
    pub users: u64,
    /// How many rooms there are.
    pub rooms: u64,
}

impl Ops {
    /// How the server is, without asking anybody.
    pub fn report(&self) -> Report {
        Report {
            store: self.store.about(),
            at: self.clock.now(),
            memory_bytes: Process::read_but_files().resident_bytes,
            channels: self.hub.channels() as u64,
        }
    }

    /// What the store holds, or why it does not answer.
    pub async fn holds(&self) -> Result<Holds, String> {
        // First the question that a store without an answer is given up on soonest.
        let asked = async {
            self.store.ping().await?;
            self.store.info().await
        };
        let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
        let info = timeout(PATIENCE, asked).await.map_err(late)?;
        let info = info.map_err(|e| e.to_string())?;
        Ok(Holds {
            bytes: info.bytes,
            users: info.users,
            rooms: info.rooms,
        })
    }
}
