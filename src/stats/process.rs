//! How busy this process is, as the kernel tells.

use std::{fs, time::Duration};

/// How busy this process is. What the kernel does not tell is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Processor time used, on all cores.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Files and sockets that are open.
    pub open_files: u64,
    /// How many may be.
    pub max_files: u64,
}

impl Process {
    /// Looks.
    pub fn read() -> Self {
        // One of them is the directory that is read.
        let open = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        Self {
            open_files: open as u64,
            ..Self::read_but_files()
        }
    }

    /// Looks, but does not count what is open, which takes a while where much is; it is 0 here.
    pub fn read_but_files() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self {
            max_files: limit.current.unwrap_or(u64::MAX),
            ..Self::of_stat(
                &stat,
                rustix::param::clock_ticks_per_second(),
                rustix::param::page_size() as u64,
            )
        }
    }

    /// What `/proc/self/stat` says: fields 14 and 15 are user and system time in ticks, 24 is resident pages
    /// (proc(5)).
    fn of_stat(stat: &str, ticks_a_second: u64, page: u64) -> Self {
        // The name of the program is in brackets and may hold anything; field 3 comes after it.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<u64> = rest
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        let ticks = field(14) + field(15);
        Self {
            cpu: Duration::from_micros(ticks * 1_000_000 / ticks_a_second.max(1)),
            resident_bytes: field(24) * page,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        let stat =
            "7 (a) b) S 1 7 7 0 -1 4194560 900 0 3 0 150 50 0 0 20 0 9 0 5000 99999999 2000 1 1 1";
        let process = Process::of_stat(stat, 100, 4096);
        assert_eq!(process.cpu, Duration::from_secs(2));
        assert_eq!(process.resident_bytes, 2000 * 4096);
        assert_eq!(Process::of_stat("", 100, 4096), Process::default());
    }

    #[test]
    fn this_process_has_files_and_memory() {
        let before = Process::read();
        assert!(before.resident_bytes > 0 && before.max_files > before.open_files);
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(Process::read().open_files > 0);
        drop(file);
    }
}
