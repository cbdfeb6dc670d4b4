//! The binary as a command that runs and ends.

use std::{
    fmt,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What a command left behind.
pub(crate) struct Output {
    args: Vec<String>,
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
}

impl Output {
    /// It succeeded: what it printed.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self}");
        &self.stdout
    }

    /// It succeeded, with `--json`: what it printed, parsed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(self.ok()) {
            Ok(value) => value,
            Err(err) => panic!("not JSON ({err}): {self}"),
        }
    }

    /// It failed with this exit code: the complaint, which is never empty.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(
            !self.stderr.trim().is_empty(),
            "it fails without a word: {self}"
        );
        &self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            args,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "chatd {} left with {code:?}\n{stdout}\n{stderr}",
            args.join(" ")
        )
    }
}

/// A `chatd` whose environment is `dir` alone: nothing of the machine's own configuration reaches it.
pub(crate) fn chatd(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatd"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", dir)
        .env("XDG_RUNTIME_DIR", dir)
        .env("CHATD_ADMIN_SOCKET", dir.join("admin.sock"))
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "1")
        .current_dir(dir);
    command
}

/// Runs `chatd ARGS` in `dir` to its end, with `stdin` as its standard input.
pub(crate) async fn run(dir: &Path, args: &[&str], stdin: &str) -> Output {
    run_with(dir, &[], args, stdin).await
}

/// The same, with something in its environment.
pub(crate) async fn run_with(
    dir: &Path,
    env: &[(String, String)],
    args: &[&str],
    stdin: &str,
) -> Output {
    let mut command = chatd(dir);
    command.envs(env.iter().cloned());
    let args: Vec<String> = args.iter().map(|&a| a.to_owned()).collect();
    let stdin = stdin.to_owned();
    command
        .args(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the binary starts");
        // A command that does not read its input closes it; that is not this test's concern.
        let _ = child
            .stdin
            .take()
            .expect("piped")
            .write_all(stdin.as_bytes());
        child.wait_with_output().expect("it was started")
    });
    let output = super::within("a command to end", run)
        .await
        .expect("waiting does not panic");
    Output {
        args,
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}
