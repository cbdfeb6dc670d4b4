//! JSON, line by line, to stdout or into a file, as fast as it comes.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, StdoutLock, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Serialize;

use super::escape_json;
use crate::failure::{Exit, Failure};

/// Where the lines go.
pub(crate) enum Lines {
    /// To stdout.
    Out(BufWriter<StdoutLock<'static>>),
    /// To a new file that only its owner may read.
    File(BufWriter<File>, PathBuf),
}

impl Lines {
    /// To stdout.
    pub(crate) fn out() -> Self {
        Self::Out(BufWriter::new(io::stdout().lock()))
    }

    /// To a file; one that is there is never overwritten.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        Ok(Self::File(BufWriter::new(create(path)?), path.to_owned()))
    }

    /// One line more.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
        let text = escape_json(&text);
        let done = match self {
            Self::Out(out) => writeln!(out, "{text}"),
            Self::File(file, _) => writeln!(file, "{text}"),
        };
        self.said(done)
    }

    /// Hands on what was written so far: whoever reads it need not wait.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let done = match self {
            Self::Out(out) => out.flush(),
            Self::File(file, _) => file.flush(),
        };
        self.said(done)
    }

    /// The end; of a file, once it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        match &self {
            Self::Out(_) => Ok(()),
            Self::File(file, _) => self.said(file.get_ref().sync_all()),
        }
    }

    fn said(&self, done: io::Result<()>) -> Result<(), Failure> {
        let what = || match self {
            Self::Out(_) => "cannot write to stdout".to_owned(),
            Self::File(_, path) => format!("cannot write {}", path.display()),
        };
        Ok(done.with_context(what)?)
    }
}

/// Whether that was nobody reading on, who has seen enough.
pub(crate) fn is_closed(failure: &Failure) -> bool {
    let Failure::Other(e) = failure else {
        return false;
    };
    let cause = e.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// A file for what is nobody else's business.
fn create(path: &Path) -> Result<File, Failure> {
    let mut open = OpenOptions::new();
    match open.write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(file),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let what = format!("{} is there already — nothing was written", path.display());
            Err(Failure::Listed {
                what,
                lines: Vec::new(),
                exit: Exit::Unconfirmed,
                hint: "name another file, or move that one away".into(),
            })
        }
        Err(e) => {
            let e = anyhow::Error::from(e).context(format!("cannot write {}", path.display()));
            Err(e.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_written_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lines");
        let mut lines = Lines::file(&path).expect("a file");
        lines.line(&json!({"a": "\u{1b}"})).expect("a line");
        lines.finish().expect("the end");
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text, "{\"a\":\"\\u001b\"}\n");
        let again = Lines::file(&path).err().expect("it is there");
        assert_eq!(again.exit(), Exit::Unconfirmed);
    }
}
