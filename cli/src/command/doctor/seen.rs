//! What answers: the server, if one runs, and what it says of itself.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use chatd::{
    admin::{
        Client,
        api::{Rows, Status, WatchedConn},
    },
    clock::{Clock, Millis},
    config::Config,
    server,
};
use tokio::time::timeout;

use super::finding::{Finding, word};
use crate::output::{ago, count};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What answers.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) server: Server,
    /// When the newest act of the audit log was done.
    pub(super) newest: Option<Millis>,
    /// The address that most connections come from.
    pub(super) crowd: Option<Crowd>,
}

/// An address, and how many of the connections come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowd {
    pub(super) address: IpAddr,
    pub(super) count: usize,
    /// How many connections were looked at.
    pub(super) of: usize,
}

impl Crowd {
    fn of(conns: &[WatchedConn]) -> Option<Self> {
        let mut counts = BTreeMap::new();
        for address in conns.iter().filter_map(|it| it.address.parse().ok()) {
            *counts.entry(address).or_insert(0) += 1;
        }
        let (address, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        Some(Self {
            address,
            count,
            of: conns.len(),
        })
    }
}

/// The server, if one runs.
#[derive(Debug, Default)]
pub(super) enum Server {
    /// None runs.
    #[default]
    Nobody,
    /// It answers.
    Answers(Box<Status>),
    /// A process has the store and does not answer, or may not be asked.
    Silent {
        /// Its process, where it is known.
        pid: Option<u32>,
        /// Why it does not.
        why: String,
    },
}

/// Looks who answers.
pub(super) async fn look(config: &Config) -> Seen {
    let pid = server::holder(config).ok().flatten().map(|it| it.pid);
    let silent = |why: String| Seen {
        server: Server::Silent { pid, why },
        ..Seen::default()
    };
    let asked = timeout(PATIENCE, async {
        let Some(client) = server::find(config).await.map_err(|e| e.to_string())? else {
            return Ok(Seen::default());
        };
        Seen::of(&client).await.map_err(|e| e.to_string())
    });
    match asked.await {
        Ok(Ok(seen)) => seen,
        Ok(Err(why)) => silent(why),
        Err(_) => silent(format!(
            "it does not answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}

impl Seen {
    /// What the other side of a client says.
    pub(super) async fn of(client: &Client) -> Result<Self, chatd::admin::Error> {
        let status: Status = client.get("/v1/status").await?;
        let acts = client.get::<serde_json::Value>("/v1/audit?limit=1").await;
        // A store that does not answer has a finding of its own.
        let newest = acts.ok().and_then(|it| it["items"][0]["at"].as_i64());
        let conns = client.get::<Rows<WatchedConn>>("/v1/conns?limit=200").await;
        Ok(Self {
            server: Server::Answers(Box::new(status)),
            newest: newest.map(Millis),
            crowd: conns.ok().and_then(|it| Crowd::of(&it.rows)),
        })
    }

    /// What the server says, if one runs and answers.
    pub(super) fn status(&self) -> Option<&Status> {
        match &self.server {
            Server::Answers(status) => Some(status),
            Server::Nobody | Server::Silent { .. } => None,
        }
    }

    /// Whether it runs.
    pub(super) fn server(&self) -> Finding {
        const CHECK: &str = "server";
        match &self.server {
            Server::Nobody => Finding::ok(CHECK, "not running, and nobody else has its store"),
            Server::Answers(status) => {
                let since = ago(status.started_at, Clock::system().now());
                let what = format!("runs as process {}, started {since}", status.pid);
                Finding::ok(CHECK, what)
            }
            Server::Silent { pid, why } => {
                let who = pid.filter(|pid| *pid > 0);
                let mend = match who {
                    _ if rustix::process::geteuid().as_raw() != 0 => "sudo chatd doctor".to_owned(),
                    Some(pid) => format!("look at its log; if it hangs: kill {pid}"),
                    None => "look at its log".to_owned(),
                };
                let who =
                    who.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
                let what = format!("{who} has the store, and cannot be asked — {why}");
                Finding::problem(CHECK, what, mend)
            }
        }
    }

    /// Whether the server is this binary's version.
    pub(super) fn version(&self) -> Option<Finding> {
        const OURS: &str = env!("CARGO_PKG_VERSION");
        let theirs = &self.status()?.version;
        Some(if theirs == OURS {
            Finding::ok(
                "version",
                format!("the server is {OURS}, as this command is"),
            )
        } else {
            let what = format!("the server is {theirs}, this command is {OURS}");
            Finding::warning(
                "version",
                what,
                "systemctl restart chatd   # or however it was started",
            )
        })
    }

    /// Whether the outgoing webhook is taken, where there is one.
    pub(super) fn webhook(&self) -> Option<Finding> {
        const CHECK: &str = "webhook";
        let of = self.status()?.webhook.as_ref()?;
        let place = of.place.as_deref().unwrap_or_default();
        Some(match of.state.as_str() {
            "trouble" => {
                let why = of.error.as_deref().unwrap_or("it was not taken");
                let since = of.held_since.map_or_else(String::new, |at| {
                    format!(
                        ", the oldest event is of {}",
                        ago(at, Clock::system().now())
                    )
                });
                let rooms = count(of.rooms_held, "room");
                let what =
                    format!("{place} does not take what is sent: {why}; {rooms} wait{since}");
                Finding::problem(CHECK, what, "mend it there, then: chatd webhook test")
            }
            "paused" => {
                let what = format!("nothing is sent to {place}: it is held");
                Finding::warning(CHECK, what, "chatd webhook resume")
            }
            _ => Finding::ok(CHECK, format!("{place} takes what is sent")),
        })
    }

    /// The admin socket.
    pub(super) fn socket(&self, path: &Path) -> Finding {
        const CHECK: &str = "socket";
        let shown = path.display();
        let Ok(meta) = fs::symlink_metadata(path) else {
            return match self.server {
                // Where it is was told by the server itself.
                Server::Answers(_) => Finding::ok(CHECK, "the server answers on its admin socket"),
                _ => Finding::ok(CHECK, format!("none at {shown}; the server makes it")),
            };
        };
        if !meta.file_type().is_socket() {
            let what = format!("{shown} is no socket, so the server cannot make its own there");
            return Finding::problem(CHECK, what, format!("mv {0} {0}.old", word(path)));
        }
        let mode = meta.permissions().mode();
        if mode & 0o007 != 0 {
            let what = format!("everybody on this machine may open {shown}");
            return Finding::problem(CHECK, what, format!("chmod o-rwx {}", word(path)));
        }
        let answers = UnixStream::connect(path).is_ok();
        match (&self.server, answers) {
            (Server::Nobody, true) => Finding::problem(
                CHECK,
                format!(
                    "another server answers at {shown}, so one with these settings cannot start"
                ),
                format!(
                    "stop it, or set admin.socket; who it is: chatd status --set admin.socket={}",
                    word(path)
                ),
            ),
            (Server::Nobody, false) => {
                let what = format!(
                    "{shown} was left by a server that is gone; the next start replaces it"
                );
                Finding::ok(CHECK, what)
            }
            _ => Finding::ok(CHECK, format!("{shown}, mode {:03o}", mode & 0o777)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    #[test]
    fn the_socket_is_for_operators_and_for_one_server() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.sock");
        let seen = Seen::default();
        assert_eq!(seen.socket(&path).verdict, Verdict::Ok, "none");
        let listener = UnixListener::bind(&path).expect("a socket");
        set(&path, 0o660);
        let other = seen.socket(&path);
        assert!(other.what.contains("another server answers"), "{other:?}");
        drop(listener);
        let left = seen.socket(&path);
        assert_eq!(left.verdict, Verdict::Ok);
        assert!(left.what.contains("was left by"), "{left:?}");
        set(&path, 0o666);
        assert_eq!(seen.socket(&path).verdict, Verdict::Problem, "for all");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("a file");
        assert_eq!(seen.socket(&file).verdict, Verdict::Problem, "a file");
    }

    #[test]
    fn one_that_has_the_store_and_does_not_answer_is_a_problem() {
        let seen = Seen {
            server: Server::Silent {
                pid: Some(7),
                why: "no".into(),
            },
            ..Seen::default()
        };
        let found = seen.server();
        assert_eq!(found.verdict, Verdict::Problem);
        assert!(
            found.what.starts_with("process 7 has the store"),
            "{found:?}"
        );
        assert_eq!(Seen::default().server().verdict, Verdict::Ok);
        assert_eq!(Seen::default().version(), None);
    }
}
