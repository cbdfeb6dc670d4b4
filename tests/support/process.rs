//! A running `chatd serve`: its output, its signals, its end.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{mpsc, watch};

use super::{PATIENCE, within};

/// How many lines of the log are kept for a test that fails.
const LOG_LINES: usize = 300;

pub(crate) struct Process {
    pid: Pid,
    end: Arc<End>,
    log: Arc<Mutex<VecDeque<String>>>,
    /// How many lines were logged.
    lines: watch::Receiver<usize>,
    stdout: mpsc::UnboundedReceiver<String>,
}

/// How the process ended, once it has.
#[derive(Default)]
struct End {
    status: Mutex<Option<ExitStatus>>,
    ended: Condvar,
}

impl Process {
    /// Starts it, with threads that read its output and wait for its end; each ends with the process.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// The same, with something as its standard input.
    pub(crate) fn spawn_with(command: &mut Command, stdin: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (lines, stdout) = mpsc::unbounded_channel();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (count, counted) = watch::channel(0);
        let pid = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
        read_lines(child.stdout.take().expect("piped"), move |line| {
            // Nobody reads on once the banner was seen.
            let _ = lines.send(line);
        });
        read_lines(child.stderr.take().expect("piped"), {
            let log = Arc::clone(&log);
            move |line| {
                let mut log = log.lock().expect("no reader panics");
                if log.len() == LOG_LINES {
                    log.pop_front();
                }
                log.push_back(line);
                drop(log);
                count.send_modify(|lines| *lines += 1);
            }
        });
        Self {
            pid,
            end: reap(child),
            log,
            lines: counted,
            stdout,
        }
    }

    /// The next line of standard output; none when the process closed it.
    pub(crate) async fn line(&mut self) -> Option<String> {
        within("a line on the server's standard output", self.stdout.recv()).await
    }

    /// Waits for a line of its log with these words.
    pub(crate) async fn logged(&self, words: &str) {
        self.logged_times(words, 1).await;
    }

    /// Waits for so many of them.
    pub(crate) async fn logged_times(&self, words: &str, times: usize) {
        let mut lines = self.lines.clone();
        let there = || self.log().matches(words).count() >= times;
        let waiting = async { while !there() && lines.changed().await.is_ok() {} };
        within("a line of the log", waiting).await;
        assert!(there(), "no {words:?}:\n{}", self.log());
    }

    /// What it has printed and nobody has read, once it has ended.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        while let Some(line) = self.line().await {
            rest += &(line + "\n");
        }
        rest
    }

    /// Sends a signal, unless the process is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        // Held while signalling: the pid is not reused before its end was noted.
        let status = self.end.status.lock().expect("no waiter panics");
        if status.is_none() {
            // It may have gone this moment.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for the end, blocking; none when it does not come.
    pub(crate) fn wait_blocking(&self) -> Option<ExitStatus> {
        self.end.wait()
    }

    /// Waits for the end; none when it does not come.
    pub(crate) async fn wait(&self) -> Option<ExitStatus> {
        let end = Arc::clone(&self.end);
        tokio::task::spawn_blocking(move || end.wait())
            .await
            .expect("waiting does not panic")
    }

    /// What everybody on the machine may see of how it was started, and what its user may see.
    pub(crate) fn started_with(&self) -> String {
        let of = |file: &str| {
            let path = format!("/proc/{}/{file}", self.pid.as_raw_nonzero());
            let bytes = std::fs::read(path).expect("the process runs");
            String::from_utf8_lossy(&bytes).replace('\0', "\n")
        };
        of("cmdline") + "\n" + &of("environ")
    }

    /// The root of all files as it sees them.
    pub(crate) fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid.as_raw_nonzero()))
    }

    /// Its resident memory now, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .expect("VmRSS");
        let kib: u64 = line
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number");
        kib * 1024
    }

    /// The last lines of its log.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().expect("no reader panics");
        log.iter().flat_map(|line| ["  ", line, "\n"]).collect()
    }
}

impl Drop for Process {
    /// Never outlives its test.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl End {
    fn wait(&self) -> Option<ExitStatus> {
        let status = self.status.lock().expect("no waiter panics");
        *self
            .ended
            .wait_timeout_while(status, PATIENCE, |s| s.is_none())
            .expect("as above")
            .0
    }
}

/// Waits for the child's end in a thread.
fn reap(mut child: Child) -> Arc<End> {
    let end = Arc::new(End::default());
    let noted = Arc::clone(&end);
    thread::spawn(move || {
        let status = child.wait().expect("it was started");
        *noted.status.lock().expect("no waiter panics") = Some(status);
        noted.ended.notify_all();
    });
    end
}

fn read_lines(from: impl Read + Send + 'static, mut each: impl FnMut(String) + Send + 'static) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            each(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}
