//! A disk of a few MiB, in memory, which a server alone sees: one that fills up.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Whether such a disk can be had here, or a line on standard error.
pub(crate) fn may_mount() -> bool {
    let mounted = Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /tmp"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let may = mounted.is_ok_and(|status| status.success());
    if !may {
        let line = "SKIPPED: a test, as nothing can be mounted here\n";
        let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
    }
    may
}

/// Has a command start with an empty disk of `size` at `at`. A shell in between mounts it, in a name space of its
/// own, and becomes the command.
pub(super) fn on_small_disk(command: &Command, at: &Path, size: &str) -> Command {
    let mut shell = Command::new("unshare");
    shell.env_clear();
    for (name, value) in command.get_envs() {
        shell.env(name, value.expect("set"));
    }
    shell
        .args(["-rm", "sh", "-c"])
        .arg("mount -t tmpfs -o size=$1,mode=0700 tmpfs \"$0\" && shift && exec \"$@\"")
        .arg(at)
        .arg(size)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("set"));
    shell
}
