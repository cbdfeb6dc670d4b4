//! The programs of systemd, each run to its end, within a limit.

use std::{
    io::{self, Read as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long one may take. Starting a service waits for its READY, and a store may open slowly.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// What came of one.
#[derive(Debug)]
pub(super) struct Ran {
    /// Whether it left with 0.
    pub(super) ok: bool,
    /// What it printed, and after that what it complained about.
    pub(super) said: String,
}

/// Runs a program; none when it is not installed.
pub(super) fn run(words: &[String]) -> io::Result<Option<Ran>> {
    let [program, args @ ..] = words else {
        return Ok(None);
    };
    let spawned = Command::new(program)
        .args(args)
        // Neither pages nor colours nor questions.
        .env("SYSTEMD_PAGER", "cat")
        .env("SYSTEMD_COLORS", "0")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let reading = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(err) = &mut err {
            err.read_to_end(&mut text)?;
        }
        io::Result::Ok(text)
    });
    let printing = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(out) = &mut out {
            out.read_to_end(&mut text)?;
        }
        io::Result::Ok(text)
    });
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            let why = format!(
                "{program} does not end; it was given {} s",
                PATIENCE.as_secs()
            );
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        thread::sleep(LOOK);
    };
    let mut said = Vec::new();
    for text in [printing, reading] {
        said.extend(text.join().unwrap_or_else(|_| Ok(Vec::new()))?);
    }
    Ok(Some(Ran {
        ok: status.success(),
        said: String::from_utf8_lossy(&said).trim_end().to_owned(),
    }))
}

/// The words of a command line.
pub(super) fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|&word| word.to_owned()).collect()
}
