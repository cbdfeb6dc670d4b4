//! How the server is.

use std::time::Duration;

use tokio::time::timeout;

use super::Ops;
use crate::{clock::Millis, store::About};

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

/// What the process has used, and may.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Processor time on all cores, in microseconds.
    pub cpu_us: u64,
    /// How many cores there are for it.
    pub cores: u64,
    /// How many files it may have open.
    pub max_files: u64,
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
            memory_bytes: resident_bytes(),
            channels: self.hub.channels() as u64,
        }
    }

    /// What the process has used, and may.
    pub fn process(&self) -> Process {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu_us = i128::from(cpu.tv_sec) * 1_000_000 + i128::from(cpu.tv_nsec) / 1000;
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Process {
            cpu_us: u64::try_from(cpu_us).unwrap_or(0),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            max_files: files.current.unwrap_or(u64::MAX),
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

/// The second field of `/proc/self/statm` is resident pages; 0 where there is no such file.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
