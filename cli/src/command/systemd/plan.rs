//! What is going to be done, shown before it is done.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::{
    place::Place,
    tools::{self, Ran},
};
use crate::{
    console::{Console, print},
    failure::Failure,
    output::{escape, escape_lines},
};

/// The group that may read the settings of a service of the system.
pub(super) const GROUP: &str = "chatd";

/// One step.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub(super) enum Step {
    /// Writes a file that is not there, or that chatd installed and nobody changed.
    Write {
        path: PathBuf,
        why: &'static str,
        #[serde(skip)]
        text: String,
        #[serde(skip)]
        mode: u32,
        /// Whether the group of the server gets it.
        #[serde(skip)]
        shared: bool,
    },
    /// Takes a file away.
    Remove { path: PathBuf },
    /// Leaves something alone.
    Keep { path: PathBuf, why: String },
    /// Runs a program.
    Run { command: Vec<String> },
}

/// All of them, in order.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) dry_run: bool,
    /// What to know.
    pub(super) notes: Vec<String>,
    /// What to do next.
    pub(super) next: Vec<String>,
}

impl Plan {
    /// Shows it, does it unless it is a rehearsal, and says what comes next.
    pub(super) fn carry_out(
        mut self,
        place: &Place,
        console: &Console,
        done: &str,
    ) -> Result<(), Failure> {
        if !console.is_json() {
            let steps: String = self.steps.iter().map(Step::line).collect();
            print(&steps)?;
        }
        if !self.dry_run {
            for step in &self.steps {
                self.notes.extend(step.carry_out(place)?);
            }
        }
        console.answer(&self, |_| self.ending(done))
    }

    fn ending(&self, done: &str) -> String {
        let notes = self.notes.iter();
        let mut lines: Vec<String> = notes
            .map(|note| format!("\nnote: {}", escape_lines(note)))
            .collect();
        if self.dry_run {
            lines.push("\nNothing was changed; without --dry-run it is done.\n".into());
            return lines.join("\n");
        }
        lines.push(format!("\n{done}\n"));
        if !self.next.is_empty() {
            lines.push("Next:".into());
            let next = self.next.iter();
            lines.extend(next.map(|next| format!("  {}", escape(next))));
            lines.push(String::new());
        }
        lines.join("\n")
    }
}

impl Step {
    fn line(&self) -> String {
        let (word, what, why) = match self {
            Self::Write { path, why, .. } => ("write", path.to_string_lossy(), *why),
            Self::Remove { path } => ("remove", path.to_string_lossy(), ""),
            Self::Keep { path, why } => ("keep", path.to_string_lossy(), why.as_str()),
            Self::Run { command } => ("run", command.join(" ").into(), ""),
        };
        let why = match why {
            "" => String::new(),
            why => format!("  ({})", escape(why)),
        };
        format!("  {word:<7}{}{why}\n", escape(&what))
    }

    /// Does it, and says what there is to know afterwards.
    fn carry_out(&self, place: &Place) -> Result<Option<String>, Failure> {
        match self {
            Self::Keep { .. } => Ok(None),
            Self::Remove { path } => {
                let what = || format!("cannot remove {}", path.display());
                fs::remove_file(path).with_context(what)?;
                Ok(None)
            }
            Self::Write {
                path,
                text,
                mode,
                shared,
                ..
            } => {
                let what = || format!("cannot write {}", path.display());
                write(path, text, *mode).with_context(what)?;
                Ok(shared.then(|| share(place, path)).flatten())
            }
            Self::Run { command } => run(command),
        }
    }
}

/// Puts a file in its place at once: whoever reads it meanwhile reads the old one or the new one.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = dir.join(format!(".{name}.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // Whatever the umask took.
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()?;
            fs::rename(&beside, path)
        });
    if written.is_err() {
        let _left_over = fs::remove_file(&beside);
    }
    written
}

/// Lets the server read its settings: they are root's, and its group's to read.
fn share(place: &Place, path: &Path) -> Option<String> {
    let shown = path.display();
    let advice = format!("let the server read its settings: chown root:{GROUP} {shown}");
    match place.group(GROUP) {
        Some(group) => match chown(path, None, Some(group)) {
            Ok(()) => None,
            Err(e) => Some(format!("{e}; {advice}")),
        },
        None => Some(format!(
            "there is no group {GROUP} yet; once there is, {advice}"
        )),
    }
}

fn run(command: &[String]) -> Result<Option<String>, Failure> {
    let shown = command.join(" ");
    let ran = tools::run(command).with_context(|| format!("cannot run {shown}"))?;
    match ran {
        None => Ok(Some(format!(
            "{} is not installed; {shown} was not run",
            command[0]
        ))),
        Some(Ran { ok: true, said }) if said.is_empty() => Ok(None),
        Some(Ran { ok: true, said }) => Ok(Some(format!("{shown} says:\n{said}"))),
        Some(Ran { said, .. }) => Err(anyhow!("{shown} failed — {said}").into()),
    }
}
