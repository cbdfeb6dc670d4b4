//! The files that a service consists of, as they lie in `systemd/`, and telling ours from what somebody changed.

use std::{fs, io, path::Path};

use serde::Serialize;

use crate::checksum::sha256;

/// The unit of the server.
pub(super) const SERVICE: &str = "chatd.service";
/// The units of its sockets.
pub(super) const SOCKETS: &[&str] = &["chatd.socket", "chatd-http.socket"];

/// What stands in the units where these are to stand.
const BINARY: &str = "=/usr/bin/chatd ";
const PORT: &str = "ListenStream=127.0.0.1:8080\n";

/// How the first line of a file that was installed begins.
const MARK: &str = "# Installed by chatd ";

/// One file, before it is fitted to a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// What it is called where it is installed.
    pub(super) name: &'static str,
    /// Which directory it goes to.
    pub(super) kind: Kind,
    text: &'static str,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unit,
    Sysusers,
    Tmpfiles,
}

/// How a file that is there relates to what this chatd would install.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// There is none.
    Missing,
    /// It is the same.
    Current,
    /// It is as some chatd installed it, and this one would install another.
    Outdated,
    /// Somebody changed it after it was installed.
    Edited,
    /// chatd did not install it.
    Foreign,
}

const SYSTEM: &[File] = &[
    File {
        name: "chatd.conf",
        kind: Kind::Sysusers,
        text: include_str!("../../../../systemd/chatd.sysusers.conf"),
    },
    File {
        name: "chatd.conf",
        kind: Kind::Tmpfiles,
        text: include_str!("../../../../systemd/chatd.tmpfiles.conf"),
    },
    File {
        name: SERVICE,
        kind: Kind::Unit,
        text: include_str!("../../../../systemd/chatd.service"),
    },
];

const SOCKET_UNITS: &[File] = &[
    File {
        name: SOCKETS[0],
        kind: Kind::Unit,
        text: include_str!("../../../../systemd/chatd.socket"),
    },
    File {
        name: SOCKETS[1],
        kind: Kind::Unit,
        text: include_str!("../../../../systemd/chatd-http.socket"),
    },
];

const USER: &[File] = &[File {
    name: SERVICE,
    kind: Kind::Unit,
    text: include_str!("../../../../systemd/user/chatd.service"),
}];

/// The files of a service of the system, or of a user's own.
pub(super) fn files(user: bool, sockets: bool) -> Vec<File> {
    let mut files = if user { USER } else { SYSTEM }.to_vec();
    if sockets {
        files.extend(SOCKET_UNITS);
    }
    files
}

impl File {
    /// Its text, with the binary and the address of this machine, under a line that says where it is from.
    pub(super) fn render(self, binary: &str, listen: &str) -> String {
        let text = self
            .text
            .replace(BINARY, &format!("={} ", quoted(binary)))
            .replace(PORT, &format!("ListenStream={listen}\n"));
        let change = match self.kind {
            Kind::Unit => format!("`systemctl edit {}` changes it", self.name),
            Kind::Sysusers | Kind::Tmpfiles => "a file of your own beside it changes it".to_owned(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let digest = sha256(text.as_bytes());
        format!("{MARK}{version}, sha256:{digest}. Leave it as it is: {change}.\n{text}")
    }
}

/// What lies at `path`, beside what would be installed there.
pub(super) fn state(path: &Path, wanted: &str) -> io::Result<State> {
    let there = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(e) => return Err(e),
    };
    Ok(compare(&there, wanted))
}

fn compare(there: &str, wanted: &str) -> State {
    let Some((mark, text)) = there.split_once('\n') else {
        return State::Foreign;
    };
    let Some(rest) = mark.strip_prefix(MARK) else {
        return State::Foreign;
    };
    let noted = rest
        .split_once("sha256:")
        .and_then(|(_, it)| it.split_once('.'));
    match noted {
        Some((noted, _)) if noted == sha256(text.as_bytes()) => {
            // Another version that ships the same text has nothing to bring.
            let same = wanted
                .split_once('\n')
                .is_some_and(|(_, wanted)| wanted == text);
            if same {
                State::Current
            } else {
                State::Outdated
            }
        }
        _ => State::Edited,
    }
}

/// A path as a unit has it: `%` stands for something else there, and a space ends a word.
fn quoted(path: &str) -> String {
    let path = path.replace('%', "%%");
    if path.contains([' ', '"', '\'', '\\']) {
        let escaped = path.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{escaped}\"");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_changed_is_told_from_what_was_installed() {
        let file = USER[0];
        let old = file.render("/usr/bin/chatd", "127.0.0.1:8080");
        let new = file.render("/usr/local/bin/chatd", "127.0.0.1:8080");
        assert_eq!(compare(&old, &old), State::Current);
        assert_eq!(compare(&old, &new), State::Outdated);
        let older = old.replacen(env!("CARGO_PKG_VERSION"), "0.0.1", 1);
        assert_eq!(compare(&older, &old), State::Current);
        let edited = old.replace("WatchdogSec=60s", "WatchdogSec=10s");
        assert_ne!(edited, old);
        assert_eq!(compare(&edited, &old), State::Edited);
        assert_eq!(compare(&(old.clone() + "\n"), &old), State::Edited);
        assert_eq!(
            compare("[Service]\nExecStart=/bin/true\n", &old),
            State::Foreign
        );
        assert_eq!(compare("", &old), State::Foreign);
    }

    #[test]
    fn the_units_are_fitted_to_the_machine() {
        for file in files(false, true) {
            let text = file.render("/opt/a b/100%/chatd", "[::1]:9000");
            match file.name {
                SERVICE => assert!(text.contains("\nExecStart=\"/opt/a b/100%%/chatd\" serve\n")),
                "chatd-http.socket" => assert!(text.contains("\nListenStream=[::1]:9000\n")),
                _ => {}
            }
            assert!(!text.contains("/usr/bin/chatd"), "{text}");
        }
        let user = USER[0].render("/home/ana/bin/chatd", "");
        assert!(user.contains("\nExecStart=/home/ana/bin/chatd serve\n"));
        assert!(user.contains("\nExecReload=/home/ana/bin/chatd config reload\n"));
    }
}
