//! `chatd systemd`: the server as a service, from files that are built into this binary.

mod check;
mod files;
mod install;
mod place;
mod plan;
mod tools;

use std::path::PathBuf;

use chatd::config::Sources;
use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use self::place::{Place, refused};
use crate::{
    cli::DryRun,
    console::Console,
    failure::{Exit, Failure},
    output::escape_lines,
};

/// Install chatd as a systemd service, and look after it
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  sudo chatd systemd install --dry-run
  sudo chatd systemd install && sudo systemctl enable --now chatd
  chatd systemd install --user
  chatd systemd check")]
pub(crate) enum Systemd {
    Install(Install),
    Uninstall(Uninstall),
    Print(Print),
    Check(Check),
}

/// Install the service
///
/// Writes the unit, the account chatd, and settings to start from; shows each step before it is done. What is
/// there and was changed is never overwritten: change a unit with `systemctl edit`, which keeps your lines apart.
/// Run again after an upgrade to bring the unit up to date.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo chatd systemd install --dry-run
  sudo chatd systemd install
  sudo chatd systemd install --sockets
  chatd systemd install --user
  chatd systemd install --root ./image --binary /usr/bin/chatd")]
pub(crate) struct Install {
    #[command(flatten)]
    place: Where,

    #[command(flatten)]
    program: Program,

    /// Let systemd open the port and the admin socket: whoever connects while the server restarts waits
    #[arg(long, visible_alias = "socket", conflicts_with = "user")]
    sockets: bool,

    #[command(flatten)]
    dry: DryRun,
}

/// Take the service away, and leave settings and data
///
/// Stops it, and removes the files that `install` wrote and nobody changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo chatd systemd uninstall --dry-run
  sudo chatd systemd uninstall
  chatd systemd uninstall --user")]
pub(crate) struct Uninstall {
    #[command(flatten)]
    place: Where,

    #[command(flatten)]
    dry: DryRun,
}

/// Print the files that `install` would write
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd systemd print
  chatd systemd print chatd.service > /etc/systemd/system/chatd.service
  chatd systemd print --user")]
pub(crate) struct Print {
    /// Print this one alone, such as chatd.service or chatd-http.socket
    #[arg(value_name = "FILE")]
    file: Option<String>,

    #[command(flatten)]
    place: Where,

    #[command(flatten)]
    program: Program,
}

/// Look over the service that is installed
///
/// Compares its files with what this chatd would install, lets systemd verify them, and tells whether the server
/// that runs is older than its unit or its binary. Ends with 10 when something is to be done.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd systemd check
  chatd systemd check --user
  chatd systemd check --json | jq .findings")]
pub(crate) struct Check {
    #[command(flatten)]
    place: Where,

    #[command(flatten)]
    program: Program,
}

/// Which service.
#[derive(Clone, Debug, Args)]
struct Where {
    /// Of your own, run by your own systemd, without root
    #[arg(long)]
    user: bool,

    /// In the tree below DIR, which becomes a system later; nothing is run
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "user")]
    root: Option<PathBuf>,
}

/// Which binary it runs.
#[derive(Clone, Debug, Args)]
struct Program {
    /// Run PATH [default: this binary; with --root, /usr/bin/chatd]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    binary: Option<PathBuf>,
}

impl Where {
    fn place(&self) -> Result<Place, Failure> {
        Place::of(self.user, self.root.as_deref())
    }
}

impl Systemd {
    pub(crate) fn run(&self, sources: &Sources, console: &Console) -> Result<(), Failure> {
        // Said and not heeded would be worse than refused.
        if sources.file.is_some() || !sources.set.is_empty() {
            return Err(refused(
                Exit::Usage,
                "a service reads its own settings file, so --config, --data-dir and --set say nothing here".into(),
                "write them into that file; `chatd systemd install --dry-run` names it",
            ));
        }
        match self {
            Self::Install(install) => install.run(console),
            Self::Uninstall(uninstall) => uninstall.run(console),
            Self::Print(print) => print.run(console),
            Self::Check(check) => check.run(console),
        }
    }
}

/// One file, for scripts.
#[derive(Serialize)]
struct Printed {
    path: PathBuf,
    text: String,
}

impl Print {
    fn run(&self, console: &Console) -> Result<(), Failure> {
        let place = self.place.place()?;
        let binary = place.binary(self.program.binary.as_deref())?;
        let listen = install::listen(&place)?;
        let mut printed = Vec::new();
        for file in files::files(place.user, !place.user) {
            let path = place.path(file.kind, file.name);
            let asked = self.file.as_deref();
            if asked.is_none_or(|asked| asked == file.name || path.ends_with(asked)) {
                let text = file.render(&binary.to_string_lossy(), &listen);
                printed.push(Printed { path, text });
            }
        }
        match (&self.file, printed.as_slice()) {
            (Some(_), []) => Err(refused(
                Exit::NotFound,
                "there is no such file in the service".into(),
                "`chatd systemd print` prints all of them, with their names",
            )),
            // As it goes into the file.
            (Some(_), [one]) => console.answer(one, |_| escape_lines(&one.text).into_owned()),
            _ => console.answer(&printed, |_| {
                let whole = |it: &Printed| format!("# {}\n{}\n", it.path.display(), it.text);
                escape_lines(&printed.iter().map(whole).collect::<String>()).into_owned()
            }),
        }
    }
}
