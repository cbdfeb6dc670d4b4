//! What this machine lets the generator do.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// Files that are open beside the connections: the polls, the requests of setting up, the terminal.
const BESIDE: u64 = 100;

/// Lets this process open as many files as so many connections need, or says what stands against it.
pub(super) fn open_files(connections: usize) -> Result<(), Failure> {
    let needed = connections as u64 + BESIDE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|most| most < needed) {
        let most = limit.maximum.unwrap_or(0);
        let room = most.saturating_sub(BESIDE);
        return Err(Failure::Usage(format!(
            "{connections} connections need {needed} open files, and this process may open {most} — raise it with \
             `ulimit -Hn` as root, or ask for {room} connections at most"
        )));
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)
        .map_err(std::io::Error::from)
        .map_err(anyhow::Error::from)?)
}

/// How many processors this machine has.
pub(super) fn cores() -> usize {
    // What this process may use is less when it is pinned; the server may not be.
    let online = std::fs::read_to_string("/proc/cpuinfo").ok();
    let online = online.map(|text| text.lines().filter(|l| l.starts_with("processor")).count());
    online.filter(|count| *count > 0).unwrap_or(1)
}
