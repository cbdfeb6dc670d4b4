//! How the server is.

use std::{path::PathBuf, time::Duration};

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

/// The disk that the store lies on.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// How many bytes are free.
    pub free: u64,
    /// Below how many messages are refused.
    pub least: u64,
}

impl Ops {
    /// The disk of the store; none for a store that is a server of its own, or when the system does not say.
    pub async fn disk(&self) -> Option<Disk> {
        let about = self.store.about();
        if about.backend != "sqlite" {
            return None;
        }
        let path = PathBuf::from(about.location);
        // A disk that hangs holds up a thread that may wait.
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path));
        let stat = timeout(PATIENCE, asked).await.ok()?.ok()?.ok()?;
        Some(Disk {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            least: self.config.get().store.min_free.0,
        })
    }

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
