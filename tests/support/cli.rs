//! The binary as a command that runs and ends.

use std::{
    fmt,
    io::Write,
    os::unix::fs::PermissionsExt as _,
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
    command.envs(env.iter().cloned()).args(args);
    finish(command, args, stdin).await
}

/// Somebody of this machine: a user, its main group, and the other groups of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Somebody {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: &'static [u32],
}

/// Whether tests may be somebody else.
pub(crate) fn may_be_others() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `chatd ARGS` in `dir` as somebody else. Everybody may enter `dir` from here on.
pub(crate) async fn run_as(dir: &Path, who: Somebody, args: &[&str]) -> Output {
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir, everybody).expect("ours");
    // Where the binary was built, others may not be able to go.
    let binary = dir.join("chatd");
    if !binary.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_chatd"), &binary).expect("room for the binary");
    }
    let known = chatd(dir);
    let mut command = Command::new("setpriv");
    command.env_clear().current_dir(dir);
    for (name, value) in known.get_envs() {
        command.env(name, value.expect("set"));
    }
    let groups: Vec<String> = who.groups.iter().map(u32::to_string).collect();
    let groups = match groups.as_slice() {
        [] => "--clear-groups".to_owned(),
        some => format!("--groups={}", some.join(",")),
    };
    command
        .args([
            format!("--reuid={}", who.uid),
            format!("--regid={}", who.gid),
            groups,
        ])
        .arg(binary)
        .args(args);
    finish(command, args, "").await
}

async fn finish(mut command: Command, args: &[&str], stdin: &str) -> Output {
    let args: Vec<String> = args.iter().map(|&a| a.to_owned()).collect();
    let stdin = stdin.to_owned();
    command
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
