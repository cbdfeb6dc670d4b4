//! The machine: open files, memory, the clock.

use std::{fs, path::Path, time::Duration};

use chatd::{
    clock::{Clock, Millis},
    config::Config,
};
use rustix::process::{Resource, getrlimit};

use super::{finding::Finding, seen::Seen, unit};
use crate::output::{bytes, number, span};

/// What the server opens beside sockets of clients: the store, its readers, keys, sockets of operators.
const BESIDE: u64 = 200;
/// What it takes without anybody connected, generously.
const BARE: u64 = 128 << 20;
/// How far the clock may be behind what was written before.
const AHEAD: Duration = Duration::from_mins(1);
/// Before this version was made; whatever clock shows that was never set.
const MADE: Millis = Millis(1_735_689_600_000);

/// Whether as many files may be open as connections.
pub(super) fn files(config: &Config, seen: &Seen) -> Finding {
    let of_server = seen.status().and_then(|status| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", status.pid)).ok()?;
        soft_limit(&limits)
    });
    let limit = of_server.unwrap_or_else(|| {
        // A server raises its own to what it may have.
        let ours = getrlimit(Resource::Nofile);
        ours.maximum.unwrap_or(u64::MAX)
    });
    enough_files(limit, config.server.max_connections as u64)
}

/// "Max open files" of /proc/PID/limits (proc(5)).
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|it| it.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn enough_files(limit: u64, connections: u64) -> Finding {
    const CHECK: &str = "files";
    let needed = connections.saturating_add(BESIDE);
    if limit >= needed {
        let shown = if limit == u64::MAX {
            "any number".into()
        } else {
            number(limit)
        };
        let what = format!(
            "{shown} may be open, for {} connections",
            number(connections)
        );
        return Finding::ok(CHECK, what);
    }
    let what = format!(
        "only {} files may be open, and server.max_connections is {}: connections fail before it is reached",
        number(limit),
        number(connections)
    );
    let mend = format!(
        "ulimit -Hn {needed} (as root); as a service LimitNOFILE={needed}; or set server.max_connections lower"
    );
    Finding::warning(CHECK, what, mend)
}

/// Whether there is memory for what the settings allow.
pub(super) fn memory(config: &Config, seen: &Seen) -> Finding {
    let pid = seen.status().map(|status| status.pid);
    let killed = pid.and_then(group).and_then(|dir| {
        let events = fs::read_to_string(dir.join("memory.events")).ok()?;
        value(&events, "oom_kill")
    });
    let limit = pid.and_then(group).and_then(|dir| {
        let max = fs::read_to_string(dir.join("memory.max")).ok()?;
        max.trim().parse().ok()
    });
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = value(&meminfo.replace(':', ""), "MemTotal").unwrap_or(0);
    enough_memory(kib << 10, limit, killed.unwrap_or(0), needed(config))
}

/// The control group of a process, in the unified hierarchy (cgroups(7)).
fn group(pid: u32) -> Option<std::path::PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(path))
}

/// The number behind a word at the beginning of a line.
fn value(text: &str, word: &str) -> Option<u64> {
    let words = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter(|words| words.first() == Some(&word))
        .find_map(|words| words.get(1)?.parse().ok())
}

fn needed(config: &Config) -> u64 {
    let threads = match config.auth.hash_threads {
        0 => std::thread::available_parallelism()
            .map_or(1, |it| it.get() / 2)
            .max(1),
        threads => threads,
    };
    BARE + config.auth.hash_memory.0 * threads as u64
}

fn enough_memory(total: u64, limit: Option<u64>, killed: u64, needed: u64) -> Finding {
    const CHECK: &str = "memory";
    if killed > 0 {
        let what =
            format!("the kernel has killed {killed} processes of the service for want of memory");
        return Finding::problem(
            CHECK,
            what,
            "raise MemoryMax= of the service, or take a larger machine",
        );
    }
    let (has, whose) = match limit {
        Some(limit) if limit < total || total == 0 => (limit, "the service may take"),
        _ if total == 0 => return Finding::ok(CHECK, "cannot be told on this system"),
        _ => (total, "the machine has"),
    };
    let shown = bytes(has);
    if has < needed {
        let what = format!(
            "{whose} {shown}; with auth.hash_memory and auth.hash_threads as they are, {} may be needed",
            bytes(needed)
        );
        let mend = "set auth.hash_threads = 1 or auth.hash_memory lower, or give it more memory";
        return Finding::warning(CHECK, what, mend);
    }
    Finding::ok(CHECK, format!("{whose} {shown}"))
}

/// Whether the clock is right, as far as can be told.
pub(super) fn clock(seen: &Seen) -> Vec<Finding> {
    let synchronized = unit::ask("timedatectl", &["show", "-p", "NTPSynchronized", "--value"]);
    let synchronized = synchronized.map(|it| it.trim() == "yes");
    vec![right(Clock::system().now(), seen.newest, synchronized)]
}

fn right(now: Millis, newest: Option<Millis>, synchronized: Option<bool>) -> Finding {
    const CHECK: &str = "clock";
    const SET: &str = "timedatectl set-ntp true   # or however this machine sets its clock";
    if now < MADE {
        return Finding::problem(CHECK, format!("it says {now}: it was never set"), SET);
    }
    if let Some(newest) = newest
        && newest.since(now) > AHEAD
    {
        let what = format!(
            "the newest act was done {} from now: the clock was ahead then, or is behind now",
            span(newest.since(now))
        );
        return Finding::problem(CHECK, what, SET);
    }
    match synchronized {
        Some(false) => Finding::warning(CHECK, "it is not synchronised", SET),
        Some(true) => Finding::ok(CHECK, "it is synchronised"),
        None => Finding::ok(
            CHECK,
            "it goes forward; whether it is synchronised cannot be told here",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Verdict;

    #[test]
    fn fewer_files_than_connections_are_told() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   524288  files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(
            soft_limit("Max open files  unlimited unlimited files"),
            Some(u64::MAX)
        );
        assert_eq!(enough_files(1024, 20_000).verdict, Verdict::Warning);
        assert_eq!(enough_files(20_200, 20_000).verdict, Verdict::Ok);
        let config = Config {
            server: chatd::config::Server {
                max_connections: usize::MAX,
                ..Default::default()
            },
            ..Default::default()
        };
        let ours = getrlimit(Resource::Nofile).maximum;
        let found = files(&config, &Seen::default());
        assert_eq!(
            found.verdict == Verdict::Warning,
            ours.is_some(),
            "{found:?}"
        );
    }

    #[test]
    fn want_of_memory_is_told() {
        let gib = 1 << 30;
        assert_eq!(enough_memory(gib, None, 0, 200 << 20).verdict, Verdict::Ok);
        assert_eq!(
            enough_memory(gib, Some(64 << 20), 0, 200 << 20).verdict,
            Verdict::Warning
        );
        assert_eq!(
            enough_memory(gib, Some(gib), 3, 1).verdict,
            Verdict::Problem
        );
        assert_eq!(value("low 0\noom_kill 3\n", "oom_kill"), Some(3));
        let config = Config {
            auth: chatd::config::Auth {
                hash_memory: bytesize::ByteSize(u64::MAX >> 10),
                hash_threads: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let found = memory(&config, &Seen::default());
        assert_eq!(
            found.verdict,
            Verdict::Warning,
            "of this machine: {found:?}"
        );
    }

    #[test]
    fn a_clock_that_is_wrong_is_told() {
        let now = Millis(MADE.0 + 1_000_000_000);
        let at = |ms: i64| Some(Millis(now.0 + ms));
        assert_eq!(right(now, at(-5), Some(true)).verdict, Verdict::Ok);
        assert_eq!(
            right(now, at(3_600_000), Some(true)).verdict,
            Verdict::Problem
        );
        assert_eq!(right(now, None, Some(false)).verdict, Verdict::Warning);
        assert_eq!(right(now, None, None).verdict, Verdict::Ok);
        assert_eq!(right(Millis(0), None, Some(true)).verdict, Verdict::Problem);
    }
}
