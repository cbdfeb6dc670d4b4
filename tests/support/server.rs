//! A chatd on a port and in a directory of its own.

use std::{
    net::SocketAddr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex},
};

use futures_util::{StreamExt, stream};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    Admin, End, Kind, Output, Rest, Room, Somebody, User, Ws,
    cli::{self, chatd},
    disk::on_small_disk,
    mongo::{Base, shared},
    process::Process,
    supervisor::passing,
};

/// A server to be: its settings.
pub(crate) struct Builder {
    settings: Vec<String>,
    env: Vec<(String, String)>,
    args: Vec<String>,
}

impl Builder {
    /// As `--set KEY=VALUE`; a later one wins.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push(format!("{key}={value}"));
        self
    }

    /// In its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// On its command line.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// With every rate and count limit in force, as it is outside of tests.
    pub(crate) fn limits(self) -> Self {
        self.set("limits.enabled", "true")
    }

    /// With passwords hashed as dearly as outside of tests.
    pub(crate) fn dear_passwords(mut self) -> Self {
        self.settings.retain(|s| !s.starts_with("auth.hash_"));
        self
    }

    /// The directory is made, the server not yet started.
    pub(crate) fn prepare(self) -> Server {
        let dir = tempfile::Builder::new()
            .prefix("chatd-")
            .tempdir()
            .expect("a directory");
        let base = shared().map(|server| Base::on(&server));
        let mut settings = self.settings;
        if let Some(base) = &base {
            let file = dir.path().join("store-url");
            std::fs::write(&file, &base.url).expect("a file");
            settings.push(format!("store.url_file={}", file.display()));
        }
        Server {
            process: None,
            banner: String::new(),
            settings,
            env: self.env,
            args: self.args,
            passed: None,
            disk: None,
            base,
            address: Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], 0)))),
            dir,
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) async fn start(self) -> Server {
        let mut server = self.prepare();
        server.boot().await;
        server
    }
}

pub(crate) struct Server {
    process: Option<Process>,
    /// The lines of its banner, the last start's at the end.
    banner: String,
    settings: Vec<String>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    /// A socket that it is started with, and its name.
    passed: Option<(String, OwnedFd)>,
    /// A directory that is a small disk for it, and how small.
    disk: Option<(PathBuf, String)>,
    address: Arc<Mutex<SocketAddr>>,
    // After the process: its database.
    base: Option<Base>,
    // Last: the directory goes after the process.
    dir: TempDir,
}

impl Server {
    /// Limits off and passwords hashed cheaply, so that tests are quick; else as it comes.
    pub(crate) fn builder() -> Builder {
        Builder {
            settings: Vec::new(),
            env: Vec::new(),
            args: Vec::new(),
        }
        .set("limits.enabled", "false")
        .set("auth.hash_memory", "64 KiB")
        .set("auth.hash_passes", "1")
    }

    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// As `--set KEY=VALUE` from the next start on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.push(format!("{key}={value}"));
    }

    /// In its environment from the next start on; without a value, no longer there.
    pub(crate) fn set_env(&mut self, name: &str, value: Option<&str>) {
        self.env.retain(|(known, _)| known != name);
        let set = value.map(|value| (name.to_owned(), value.to_owned()));
        self.env.extend(set);
    }

    /// Starts with this socket under this name, from the next start on.
    pub(crate) fn pass(&mut self, name: &str, socket: impl Into<OwnedFd>) {
        self.passed = Some((name.to_owned(), socket.into()));
    }

    /// From the next start on a directory is an empty disk of this size, for the server alone.
    pub(crate) fn small_disk(&mut self, at: &Path, size: &str) {
        self.disk = Some((at.to_owned(), size.to_owned()));
    }

    /// Starts the process and waits for its banner.
    pub(crate) async fn boot(&mut self) {
        self.spawn();
        self.listening().await;
    }

    /// Starts the process.
    pub(crate) fn spawn(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut command = chatd(self.dir.path());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.data_dir())
            .args(&self.args)
            .envs(self.env.iter().cloned());
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        if let Some((at, size)) = &self.disk {
            command = on_small_disk(&command, at, size);
        }
        self.process = Some(match &self.passed {
            Some((name, socket)) => {
                let socket = socket.try_clone().expect("a descriptor");
                Process::spawn_with(&mut passing(&command, name), socket.into())
            }
            None => Process::spawn(&mut command),
        });
    }

    /// Waits for the banner.
    pub(crate) async fn listening(&mut self) {
        let process = self.process.as_mut().expect("it was started");
        let mut address = None;
        let address = loop {
            let Some(line) = process.line().await else {
                let status = process.wait().await;
                panic!(
                    "the server ended before it listened: {status:?}\n{}",
                    process.log()
                );
            };
            self.banner += &(line.clone() + "\n");
            let at = line.split_once("listening on ");
            if let Some((_, rest)) = at.and_then(|(_, url)| url.split_once("://")) {
                let shown: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect();
                address = Some(shown.parse().expect("an address in the banner"));
            }
            // The last line.
            if let Some(address) = address.filter(|_| line.trim_start().starts_with("stop ")) {
                break address;
            }
        };
        *self.address.lock().expect("never poisoned") = address;
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    /// What it said when it was ready.
    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    /// It ends before it listens: how, and all that it said.
    pub(crate) async fn failed(&mut self) -> (ExitStatus, String, String) {
        let mut process = self.process.take().expect("it was started");
        let stdout = process.rest().await;
        let status = process.wait().await.expect("it ends");
        (status, stdout, process.log())
    }

    /// Asks it to stop; whoever asks sees to the end with [`Server::exit`].
    pub(crate) fn sigterm(&self) {
        self.process().signal(Signal::TERM);
    }

    /// Waits for its end.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let process = self.process.take().expect("the server runs");
        let status = process.wait().await;
        status.unwrap_or_else(|| panic!("the server does not end\n{}", process.log()))
    }

    /// Stops it as an operator would; it leaves with 0.
    pub(crate) async fn stop(&mut self) {
        self.sigterm();
        let status = self.exit().await;
        assert!(status.success(), "after SIGTERM: {status}");
    }

    /// Takes the power away.
    pub(crate) async fn kill9(&mut self) {
        self.process().signal(Signal::KILL);
        self.exit().await;
    }

    /// Stops it, unless it is down, and starts it on the same data.
    pub(crate) async fn restart(&mut self) {
        if self.process.is_some() {
            self.stop().await;
        }
        self.boot().await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.address.lock().expect("never poisoned")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The admin socket.
    pub(crate) fn admin(&self) -> Admin {
        Admin::at(self.dir.path().join("admin.sock"))
    }

    /// The REST door, which follows the server over restarts.
    pub(crate) fn rest(&self) -> Rest {
        Rest::new(Arc::clone(&self.address))
    }

    /// The database of a server whose data are in MongoDB; none for SQLite.
    pub(crate) fn store_url(&self) -> Option<&str> {
        self.base.as_ref().map(|base| base.url.as_str())
    }

    /// A socket that has not said hello yet.
    pub(crate) async fn open(&self) -> Ws {
        Ws::open(self.address(), &[])
            .await
            .expect("the upgrade is taken")
    }

    /// A socket's first frame is `hello` with this token: how it ends.
    pub(crate) async fn hello_refused(&self, token: &str) -> (super::WireError, End) {
        let mut ws = self.open().await;
        let refusal = ws
            .request(serde_json::json!({"op": "hello", "token": token, "protocol": 1}))
            .await
            .expect_err("the token is no good");
        (refusal, ws.closed().await)
    }

    /// `chatd ARGS` by somebody who knows where the admin socket is, and may not look at the data.
    pub(crate) async fn cli_as(&self, who: Somebody, args: &[&str]) -> Output {
        cli::run_as(self.dir.path(), who, args).await
    }

    /// `chatd ARGS --data-dir DIR`.
    pub(crate) async fn cli(&self, args: &[&str]) -> Output {
        self.cli_with(args, "").await
    }

    /// The same, with the server's own settings: for what opens the store by itself.
    pub(crate) async fn cli_set(&self, args: &[&str]) -> Output {
        let settings = self.settings.iter().flat_map(|set| ["--set", set]);
        let args: Vec<&str> = args.iter().copied().chain(settings).collect();
        self.cli(&args).await
    }

    /// The same, with all that the server was told: settings, environment, arguments.
    pub(crate) async fn cli_as_told(&self, args: &[&str]) -> Output {
        let data_dir = self.data_dir();
        let mut all = args.to_vec();
        all.extend(["--data-dir", data_dir.to_str().expect("text")]);
        for setting in &self.settings {
            all.extend(["--set", setting]);
        }
        // `--store` is short for a setting, and `serve`'s alone.
        let stores = self.args.iter().skip_while(|arg| *arg != "--store").nth(1);
        let store = stores.map(|url| format!("store.url={url}"));
        all.extend(store.iter().flat_map(|setting| ["--set", setting]));
        let configs = self.args.iter().skip_while(|arg| *arg != "--config").nth(1);
        all.extend(configs.iter().flat_map(|file| ["--config", file]));
        cli::run_with(self.dir.path(), &self.env, &all, "").await
    }

    /// `chatd ARGS --data-dir DIR`, with something in its environment.
    pub(crate) async fn cli_in(&self, env: &[(&str, &str)], args: &[&str]) -> Output {
        let data_dir = self.data_dir();
        let mut args = args.to_vec();
        args.extend(["--data-dir", data_dir.to_str().expect("text")]);
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let env: Vec<_> = env.iter().map(own).collect();
        cli::run_with(self.dir.path(), &env, &args, "").await
    }

    /// `chatd ARGS --data-dir DIR`, with something on its standard input.
    pub(crate) async fn cli_with(&self, args: &[&str], stdin: &str) -> Output {
        let data_dir = self.data_dir();
        let data_dir = data_dir.to_str().expect("text");
        // Where the store is, a command has to be told as the server was.
        let store = self.settings.iter().filter(|s| s.starts_with("store.url"));
        let args: Vec<&str> = args
            .iter()
            .copied()
            .chain(["--data-dir", data_dir])
            .chain(store.flat_map(|set| ["--set", set.as_str()]))
            .collect();
        cli::run(self.dir.path(), &args, stdin).await
    }

    /// A person who registered and logged in.
    pub(crate) async fn user(&self, name: &str) -> User {
        User::register(self.rest(), name).await
    }

    /// Ana's room, in which bob and cat are.
    pub(crate) async fn three(&self) -> (User, User, User, Room) {
        let ana = self.user("ana").await;
        let room = ana.room("general", Kind::Public).await;
        let (bob, cat) = (self.user("bob").await, self.user("cat").await);
        bob.join(&room).await;
        cat.join(&room).await;
        (ana, bob, cat, room)
    }

    /// So many of them: `NAME-0`, `NAME-1`, …
    pub(crate) async fn users(&self, name: &str, count: usize) -> Vec<User> {
        stream::iter((0..count).map(|i| format!("{name}-{i}")))
            .map(|name| async move { self.user(&name).await })
            .buffered(8)
            .collect()
            .await
    }
}

impl Drop for Server {
    /// A test that passed ends with a clean stop; one that failed shows the server's log.
    fn drop(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", process.log());
            return;
        }
        process.signal(Signal::TERM);
        let status = process.wait_blocking();
        assert!(
            status.is_some_and(|s| s.success()),
            "after SIGTERM at the end of the test: {status:?}\n{}",
            process.log()
        );
    }
}
