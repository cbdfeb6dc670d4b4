//! The data directory: whose it is, who may open it, on what disk it lies, and how much is free there.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use bytesize::ByteSize;
use chatd::config::Config;

use super::finding::{Finding, word};
use crate::output::bytes;

/// Whose it is, and who may open it.
pub(super) fn directory(dir: &Path, me: u32) -> Finding {
    const CHECK: &str = "data";
    let shown = dir.display();
    let meta = match fs::metadata(dir) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let what = format!("{shown} is not there yet; `chatd serve` makes it");
            return Finding::ok(CHECK, what);
        }
        Err(e) => {
            let what = format!("{shown} cannot be looked at: {e}");
            return Finding::problem(CHECK, what, format!("sudo ls -ld {}", word(dir)));
        }
    };
    if !meta.is_dir() {
        let what = format!("{shown} is not a directory");
        return Finding::problem(CHECK, what, "set server.data_dir to another path");
    }
    let mode = meta.permissions().mode();
    if mode & 0o002 != 0 {
        let what = format!("everybody may rename and delete in {shown}");
        return Finding::problem(CHECK, what, format!("chmod o-w {}", word(dir)));
    }
    if let Some(other) = foreign(dir, meta.uid()) {
        let what = format!(
            "{other} in {shown} belongs to another user than the directory, so the server may not be able \
             to write it"
        );
        let mend = format!("sudo chown -R --reference={0} {0}", word(dir));
        return Finding::problem(CHECK, what, mend);
    }
    if me != 0 && meta.uid() != me {
        let what = format!(
            "{shown} belongs to uid {}, and you are uid {me}: not all can be seen",
            meta.uid()
        );
        return Finding::warning(
            CHECK,
            what,
            format!("sudo -u '#{}' chatd doctor", meta.uid()),
        );
    }
    if mode & 0o007 != 0 {
        let what = format!("everybody on this machine may look into {shown}");
        return Finding::warning(CHECK, what, format!("chmod o-rwx {}", word(dir)));
    }
    Finding::ok(
        CHECK,
        format!("{shown}, mode {:03o}, of uid {}", mode & 0o777, meta.uid()),
    )
}

/// Something in there that belongs to somebody else: what a `sudo chatd` may have left.
fn foreign(dir: &Path, owner: u32) -> Option<String> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() != owner))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names.into_iter().next()
}

/// The signing keys.
pub(super) fn keys(dir: &Path) -> Finding {
    const CHECK: &str = "keys";
    let mut paths = vec![dir.to_owned()];
    match fs::read_dir(dir) {
        Ok(entries) => paths.extend(entries.flatten().map(|entry| entry.path())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(CHECK, "none yet; the first start makes one");
        }
        Err(e) => {
            let what = format!("{} cannot be looked at: {e}", dir.display());
            return Finding::warning(CHECK, what, "run it as the user chatd runs as, or as root");
        }
    }
    let is_key = |path: &&std::path::PathBuf| path.extension().is_some_and(|it| it == "pem");
    let count = paths.iter().filter(is_key).count();
    let exposed = |path: &&std::path::PathBuf| {
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    };
    if let Some(path) = paths.iter().find(exposed) {
        let what = format!(
            "{} can be opened by others than its owner: whoever has a key can make tokens for everybody, and \
             the server does not start with it",
            path.display()
        );
        return Finding::problem(CHECK, what, format!("chmod -R go-rwx {}", word(dir)));
    }
    Finding::ok(
        CHECK,
        format!("{count} in {}, for their owner alone", dir.display()),
    )
}

/// File systems that lose what is written, or cannot lock (statfs(2)).
const FILE_SYSTEMS: &[(u64, &str, &str)] = &[
    (0x6969, "NFS", REMOTE),
    (0x517b, "SMB", REMOTE),
    (0xff53_4d42, "CIFS", REMOTE),
    (0xfe53_4d42, "SMB", REMOTE),
    (0x00c3_6400, "Ceph", REMOTE),
    (0x0102_1997, "9P", REMOTE),
    (
        0x0102_1994,
        "tmpfs",
        "it lies in memory: all is gone when the machine restarts",
    ),
    (
        0x8584_58f6,
        "ramfs",
        "it lies in memory: all is gone when the machine restarts",
    ),
    (
        0x794c_7630,
        "overlayfs",
        "it is a layer of a container, and goes with it",
    ),
];
const REMOTE: &str =
    "it comes over the network, where the locks and syncs that SQLite needs do not hold";

/// On what file system it lies.
pub(super) fn filesystem(dir: &Path) -> Finding {
    match rustix::fs::statfs(there(dir)) {
        Ok(stat) => of_type(u64::try_from(stat.f_type).unwrap_or(0) & 0xffff_ffff),
        Err(e) => Finding::warning(
            "filesystem",
            format!("it cannot be told on what {} lies: {e}", dir.display()),
            format!("df -T {}", word(dir)),
        ),
    }
}

fn of_type(magic: u64) -> Finding {
    const CHECK: &str = "filesystem";
    const MOVE: &str = "put it on a disk of this machine, and set server.data_dir";
    match FILE_SYSTEMS.iter().find(|(it, ..)| *it == magic) {
        Some((_, name, why)) if *why == REMOTE => Finding::problem(
            CHECK,
            format!("the data directory is on {name}: {why}"),
            MOVE,
        ),
        Some((_, name, why)) => Finding::warning(
            CHECK,
            format!("the data directory is on {name}: {why}"),
            MOVE,
        ),
        None => Finding::ok(CHECK, "the data directory is on a disk of this machine"),
    }
}

/// How much is free.
pub(super) fn space(config: &Config) -> Finding {
    let dir = &config.server.data_dir;
    match free(dir) {
        Ok(free) => enough(
            free,
            config.store.min_free,
            !config.archive.schedule.is_empty(),
        ),
        Err(e) => Finding::warning(
            "disk",
            format!("it cannot be told how much is free: {e}"),
            format!("df -h {}", word(dir)),
        ),
    }
}

fn enough(free: u64, least: ByteSize, archives: bool) -> Finding {
    const CHECK: &str = "disk";
    if free >= least.0.saturating_mul(2) {
        return Finding::ok(CHECK, format!("{} are free", bytes(free)));
    }
    let refused = if archives && free >= least.0 {
        "messages are refused; the archive, which is to run by itself, needs room to write before it frees any"
    } else {
        "messages are refused"
    };
    let mend = "make room, or: chatd archive --older-than 30d";
    scarce(CHECK, free, least.0, refused, mend)
}

/// What is said of a disk on which not much more is free than has to be.
pub(super) fn scarce(
    check: &'static str,
    free: u64,
    least: u64,
    refused: &str,
    mend: &'static str,
) -> Finding {
    let (shown, limit) = (bytes(free), bytes(least));
    if free < least {
        let what = format!("{shown} are free, and below {limit} (store.min_free) {refused}");
        return Finding::problem(check, what, mend);
    }
    let what =
        format!("{shown} are free, not much above {limit} (store.min_free), where {refused}");
    Finding::warning(check, what, mend)
}

/// How many bytes are free on the disk of a directory, or on that where it would be made.
pub(super) fn free(dir: &Path) -> rustix::io::Result<u64> {
    let stat = rustix::fs::statvfs(there(dir))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The directory, or where it would be made.
fn there(dir: &Path) -> &Path {
    let is_there = |dir: &&Path| dir.exists();
    let found = dir
        .ancestors()
        .filter(|it| !it.as_os_str().is_empty())
        .find(is_there);
    found.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    #[test]
    fn who_may_open_it_matters() {
        let dir = tempfile::tempdir().expect("a directory");
        let me = rustix::process::geteuid().as_raw();
        let verdict = |mode, me| {
            set(dir.path(), mode);
            let found = directory(dir.path(), me);
            (found.verdict, found.mend.unwrap_or_default())
        };
        assert_eq!(verdict(0o700, me).0, Verdict::Ok);
        assert_eq!(verdict(0o755, me).0, Verdict::Warning);
        let (worst, mend) = verdict(0o777, me);
        assert_eq!(worst, Verdict::Problem);
        assert_eq!(mend, format!("chmod o-w {}", dir.path().display()));
        let (other, mend) = verdict(0o700, me + 1);
        assert_eq!(other, Verdict::Warning);
        assert!(mend.starts_with("sudo -u"), "{mend}");
        let missing = directory(&dir.path().join("none"), me);
        assert_eq!(missing.verdict, Verdict::Ok, "{missing:?}");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("a file");
        assert_eq!(directory(&file, me).verdict, Verdict::Problem);
        assert_eq!(foreign(dir.path(), me), None);
        assert_eq!(foreign(dir.path(), me + 1).as_deref(), Some("file"));
    }

    #[test]
    fn a_key_that_others_may_open_is_a_problem() {
        let dir = tempfile::tempdir().expect("a directory");
        set(dir.path(), 0o700);
        let key = dir.path().join("1-a.pem");
        fs::write(&key, "").expect("a file");
        set(&key, 0o600);
        let found = keys(dir.path());
        assert_eq!(found.verdict, Verdict::Ok);
        assert!(found.what.starts_with("1 in "), "{found:?}");
        set(&key, 0o640);
        assert_eq!(keys(dir.path()).verdict, Verdict::Problem);
        assert_eq!(keys(&dir.path().join("none")).verdict, Verdict::Ok);
    }

    #[test]
    fn what_loses_data_is_told() {
        assert_eq!(of_type(0x6969).verdict, Verdict::Problem);
        assert_eq!(of_type(0x0102_1994).verdict, Verdict::Warning);
        assert_eq!(of_type(0xef53).verdict, Verdict::Ok);
        // The machine's own memory, where there is such a file system.
        if Path::new("/dev/shm").exists() {
            assert_eq!(
                filesystem(Path::new("/dev/shm/none")).verdict,
                Verdict::Warning
            );
        }
    }

    #[test]
    fn a_full_disk_is_told_before_it_is_full() {
        let least = ByteSize::mib(256);
        let free = |mib: u64| enough(mib << 20, least, true).verdict;
        assert_eq!(free(255), Verdict::Problem);
        assert_eq!(free(300), Verdict::Warning);
        assert_eq!(free(512), Verdict::Ok);
        let config = Config {
            store: chatd::config::Store {
                min_free: ByteSize(u64::MAX),
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(space(&config).verdict, Verdict::Problem, "on a real disk");
    }
}
