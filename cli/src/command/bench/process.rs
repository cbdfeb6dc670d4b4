//! What a process of this machine uses, as the kernel counts it.

use std::{fs, time::Duration};

use serde::Serialize;

/// A process, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

/// What it had used at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Used {
    /// Time on a processor, of all its threads, in the program and in the kernel.
    #[serde(skip)]
    pub(super) cpu: Duration,
    /// Memory that is there, in bytes.
    pub(super) memory: u64,
}

impl Process {
    /// This process.
    pub(super) fn own() -> Self {
        Self(std::process::id())
    }

    /// What it has used until now; none when it is gone or hidden.
    pub(super) fn used(self) -> Option<Used> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let memory = self.resident()?;
        let cpu = ticks(&stat)?;
        let hertz = rustix::param::clock_ticks_per_second().max(1);
        let cpu = Duration::from_nanos(cpu.saturating_mul(1_000_000_000 / hertz));
        Some(Used { cpu, memory })
    }

    /// Memory that is there. The exact sum is for whoever may debug the process; the other one lags by a few pages.
    fn resident(self) -> Option<u64> {
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0)) {
            let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
            let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            return Some(kilobytes * 1024);
        }
        let text = fs::read_to_string(format!("/proc/{}/statm", self.0)).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }
}

/// Time in the program and in the kernel, in ticks, out of `/proc/PID/stat`. The name of the program may have
/// anything in it; behind its closing parenthesis come numbers alone.
fn ticks(stat: &str) -> Option<u64> {
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut numbers = numbers.split_whitespace().skip(11);
    let user: u64 = numbers.next()?.parse().ok()?;
    let kernel: u64 = numbers.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 10 0 0 0 31 11 0 0 20 0 1 0 5 0 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let used = Process::own().used().expect("it is there");
        assert!(used.memory > 0);
        assert_eq!(Process(u32::MAX).used(), None);
    }
}
