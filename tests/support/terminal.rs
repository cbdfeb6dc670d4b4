//! A terminal of its own, with a program in it: what is typed, what the screen shows, and how the terminal is set.

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use pty_process::{
    Size,
    blocking::{Pts, Pty},
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::sync::watch;

use super::within;

pub(crate) struct Terminal {
    /// None once it is gone.
    pty: Option<Pty>,
    pts: Option<Pts>,
    child: Child,
    closed: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    /// Moves with everything that is written.
    written: watch::Receiver<usize>,
}

struct Seen {
    screen: vt100::Parser,
    /// All that was written.
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and lines, and says how the terminal was set before.
    pub(crate) fn open(command: Command, columns: u16, lines: u16) -> (Self, String) {
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(Size::new(lines, columns)).expect("a terminal");
        let before = settings(&pts);
        let mut command = pty_process::blocking::Command::from(command);
        let child = command.spawn_borrowed(&pts).expect("it starts");
        let seen = Arc::new(Mutex::new(Seen {
            screen: vt100::Parser::new(size(lines), size(columns), 0),
            bytes: Vec::new(),
        }));
        let (moved, written) = watch::channel(0);
        let closed = Arc::new(AtomicBool::new(false));
        let from: OwnedFd = pty.as_fd().try_clone_to_owned().expect("a terminal");
        thread::spawn({
            let (seen, closed) = (Arc::clone(&seen), Arc::clone(&closed));
            move || {
                let mut from = std::fs::File::from(from);
                let mut piece = [0; 4096];
                while let Ok(read @ 1..) = from.read(&mut piece) {
                    let mut seen = seen.lock().expect("nobody panics");
                    seen.screen.process(&piece[..read]);
                    seen.bytes.extend_from_slice(&piece[..read]);
                    drop(seen);
                    moved.send_modify(|bytes| *bytes += read);
                    if closed.load(Ordering::SeqCst) {
                        return;
                    }
                }
            }
        });
        let terminal = Self {
            pty: Some(pty),
            pts: Some(pts),
            child,
            closed,
            seen,
            written,
        };
        (terminal, before)
    }

    /// What the screen shows.
    pub(crate) fn screen(&self) -> String {
        self.seen
            .lock()
            .expect("nobody panics")
            .screen
            .screen()
            .contents()
    }

    /// All that was written, as text.
    pub(crate) fn written(&self) -> String {
        let seen = self.seen.lock().expect("nobody panics");
        String::from_utf8_lossy(&seen.bytes).into_owned()
    }

    /// Whether the screen is the second one, that programs draw on and leave without a trace.
    pub(crate) fn is_drawn_on(&self) -> bool {
        let seen = self.seen.lock().expect("nobody panics");
        seen.screen.screen().alternate_screen()
    }

    /// Whether the cursor is to be seen.
    pub(crate) fn has_cursor(&self) -> bool {
        let seen = self.seen.lock().expect("nobody panics");
        !seen.screen.screen().hide_cursor()
    }

    /// Waits until the screen shows these words.
    pub(crate) async fn shows(&self, words: &str) {
        self.until(words, |terminal| terminal.screen().contains(words))
            .await;
    }

    /// Waits until something holds of what was written.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut written = self.written.clone();
        let waiting = async { while !holds(self) && written.changed().await.is_ok() {} };
        let waited = tokio::time::timeout(super::PATIENCE, waiting).await;
        assert!(
            waited.is_ok() && holds(self),
            "no {what:?} on:\n{}",
            self.screen()
        );
    }

    /// Types.
    pub(crate) fn type_in(&mut self, text: &str) {
        let pty = self.pty.as_mut().expect("it is there");
        pty.write_all(text.as_bytes()).expect("a terminal");
    }

    /// How it is set, as `stty -a` says.
    pub(crate) fn settings(&self) -> String {
        settings(self.pts.as_ref().expect("it is there"))
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).expect("a pid")
    }

    /// Waits until the program has stopped for now.
    pub(crate) async fn stopped(&self) {
        let pid = self.pid();
        let wait = move || waitpid(Some(pid), WaitOptions::UNTRACED);
        let waited = within("it to stop", tokio::task::spawn_blocking(wait)).await;
        let (_, status) = waited
            .expect("no panic")
            .expect("a child")
            .expect("it changed");
        assert!(status.stopped(), "{status:?}");
    }

    /// Waits for the program's end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let waiting = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        within("the program to end", waiting).await
    }

    /// Takes the terminal away, as when a window is closed.
    pub(crate) fn close(&mut self) {
        // The reader's copy goes with the next that is written, at the latest with the next frame.
        self.closed.store(true, Ordering::SeqCst);
        self.pts = None;
        self.pty = None;
    }
}

impl Drop for Terminal {
    /// Never outlives its test.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a size")
}

fn settings(pts: &Pts) -> String {
    let of = pts.as_fd().try_clone_to_owned().expect("a terminal");
    let told = Command::new("stty")
        .arg("-a")
        .stdin(Stdio::from(of))
        .output();
    let told = told.expect("stty");
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).expect("text")
}
