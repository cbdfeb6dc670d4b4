//! A stand-in for a service manager: it takes what a server tells it, and passes sockets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use tokio::net::UnixDatagram;

use super::within;

/// One message: its lines, by name.
pub(crate) type Told = BTreeMap<String, String>;

pub(crate) struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Supervisor {
    /// Listens in `dir`.
    pub(crate) fn in_dir(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self { socket, path }
    }

    /// What a server of its has in `NOTIFY_SOCKET`.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().expect("text")
    }

    /// The next message.
    pub(crate) async fn next(&self) -> Told {
        let mut bytes = [0; 4096];
        let received = within("word from the server", self.socket.recv(&mut bytes)).await;
        let text = std::str::from_utf8(&bytes[..received.expect("a message")]).expect("text");
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            (name.to_owned(), value.to_owned())
        };
        text.lines().map(pair).collect()
    }

    /// The next message that has this, and those before it.
    pub(crate) async fn until(&self, name: &str, value: &str) -> (Told, Vec<Told>) {
        let mut before = Vec::new();
        loop {
            let told = self.next().await;
            if told.get(name).is_some_and(|it| it == value) {
                return (told, before);
            }
            before.push(told);
        }
    }

    /// Everything that waits here now.
    pub(crate) fn waiting(&self) -> Vec<Told> {
        let mut all = Vec::new();
        let mut bytes = [0; 4096];
        while let Ok(length) = self.socket.try_recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            all.push(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
        }
        all
    }
}

/// Has a command start with its standard input as the first descriptor after the standard three, under this
/// name, as a service manager passes sockets. A shell in between moves it there, and becomes the command.
pub(super) fn passing(command: &Command, name: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.env_clear();
    for (name, value) in command.get_envs() {
        shell.env(name, value.expect("set"));
    }
    shell
        .args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", name)])
        .current_dir(command.get_current_dir().expect("set"));
    shell
}
