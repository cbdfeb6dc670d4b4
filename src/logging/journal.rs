//! The journal of systemd, by its own protocol: a datagram for each line, whose fields `journalctl` can look
//! for. Made here and not by a package, as every value has to be made harmless and have a bound, which is
//! also what lets a line always fit into a datagram.

use std::{
    fmt::Write as _,
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tracing::Level;

use super::line::Line;

/// How long a line may wait for a journal that takes nothing; then it is lost, and counted.
const PATIENCE: Duration = Duration::from_millis(200);

/// The way to the journal.
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    /// Lines that it did not take since it last took one.
    lost: AtomicU64,
}

/// What became of a line.
pub(super) enum Sent {
    /// The journal has it.
    Yes,
    /// It takes nothing at the moment; the line is lost and counted.
    No,
    /// It is not there.
    Gone,
}

impl Journal {
    /// The journal at a socket, if there is one.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // Not connected: a journal that begins anew has a new socket under the same name.
        socket.send_to(b"", path)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            lost: AtomicU64::new(0),
        })
    }

    /// Sends a line.
    pub(super) fn send(&self, line: &Line) -> Sent {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        match self.socket.send_to(&datagram(line, lost), &self.path) {
            Ok(_) => Sent::Yes,
            Err(e) => {
                self.lost.fetch_add(lost, Ordering::Relaxed);
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    return Sent::No;
                }
                Sent::Gone
            }
        }
    }
}

/// Whether standard error is the journal already: then a service manager has started this process.
pub(super) fn is_stderr() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(stderr) = rustix::fs::fstat(rustix::stdio::stderr()) else {
        return false;
    };
    named == format!("{}:{}", stderr.st_dev, stderr.st_ino)
}

/// `NAME=value`, a line each; values have no newline, as all of them were made harmless.
fn datagram(line: &Line, lost: u64) -> Vec<u8> {
    let mut out = String::with_capacity(512);
    let priority = match line.level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    };
    let mut message = line.message.clone();
    for (name, value) in &line.fields.list {
        let _infallible = write!(message, " {name}={value}");
    }
    if lost > 0 {
        let _infallible = write!(message, " (and {lost} lines before it were lost)");
    }
    let _infallible = write!(
        out,
        "MESSAGE={message}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=chatd\nCHATD_LEVEL={}\nCHATD_TARGET={}\n",
        line.level, line.target
    );
    for (name, value) in &line.fields.list {
        let name = name
            .to_ascii_uppercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let value = match value {
            super::line::Value::Text(text) => text.clone(),
            other => other.to_string(),
        };
        let _infallible = writeln!(out, "CHATD_{name}={value}");
    }
    out.into_bytes()
}
