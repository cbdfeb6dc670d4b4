//! A database server of its own, which can be killed. `CHATD_TEST_SECANTUSD` names the program; `tests/run` sets
//! it; where it is missing, the tests that need it say so.

use std::{
    io::Write,
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A variable, or a line on standard error; not by `eprintln`, which a test that passes does not show.
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        let line = format!("SKIPPED: a test, as {name} is not set; use tests/run\n");
        let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
    }
    value
}

/// A database server of its own, which can be killed and started again on the same data and port.
pub(crate) struct Database {
    program: String,
    port: u16,
    process: Option<Child>,
    args: Vec<&'static str>,
    dir: TempDir,
}

impl Database {
    /// Starts one; none where there is no program for it.
    pub(crate) fn start() -> Option<Self> {
        let program = variable("CHATD_TEST_SECANTUSD")?;
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut database = Self {
            program,
            port: free.local_addr().expect("a port").port(),
            process: None,
            args: Vec::new(),
            dir: tempfile::tempdir().expect("a directory"),
        };
        drop(free);
        database.boot();
        Some(database)
    }

    /// Starts the process; who needs it waits for it, as chatd does.
    pub(crate) fn boot(&mut self) {
        let process = Command::new(&self.program)
            .args([
                "--host",
                "127.0.0.1",
                "--log-level",
                "ERROR",
                "--sync-on-commit",
            ])
            .args(["--port", &self.port.to_string(), "--storage-path"])
            .arg(self.dir.path().join("db"))
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("the program starts"));
    }

    /// Takes its power away.
    pub(crate) fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it was started");
        }
    }

    /// Holds it still: its connections stay open, and nothing is answered.
    pub(crate) fn hold(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
    }

    /// From the next start on it asks who one is.
    pub(crate) fn ask_for_passwords(&mut self) {
        self.args.push("--auth");
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/chatd", self.port)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill9();
    }
}
