//! `chatd store backup`: a copy of the store as it is at one moment, beside whatever goes on.

use std::path::{Path, PathBuf};

use chatd::{
    admin::{
        self,
        api::{BackupLine, NewBackup, Problem, Refused},
    },
    store::backup::Manifest,
};
use clap::{Args, ValueHint};
use indicatif::ProgressBar;

use crate::{
    asking::Asking,
    cli::DryRun,
    console::Console,
    failure::{Exit, Explain as _, Failure},
    output::{bar, bytes, count, escape},
};

const TEMPLATE: &str = "{msg:<9} [{bar:30}] {percent:>3} %, {eta} to go";

/// Back up the store while it goes on working
///
/// Makes a directory DEST with the store as it is at one moment, as an SQLite database, and a manifest. All
/// that was acknowledged before the command is in it. The copy is opened and checked before it gets its name;
/// whatever interrupts it, nothing is left that looks like a backup. With a server running it is the server
/// that writes DEST, so its user has to be able to. The files that people sent are in it, unless they lie in
/// an object store: then it is looked whether they do. The signing keys are not in it. With --json it answers
/// line by line as it goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store backup /var/lib/chatd/backups/monday
  chatd store backup /var/lib/chatd/backups/latest --force --quiet
  chatd store backup monday --dry-run")]
pub(crate) struct Backup {
    /// The directory to make
    #[arg(value_name = "DEST", value_hint = ValueHint::DirPath)]
    dest: PathBuf,

    /// Take the place of a backup that is there, once the new one is whole
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    dry: DryRun,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    last: Option<BackupLine>,
    problems: Vec<Problem>,
}

impl Backup {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let to = std::path::absolute(&self.dest).map_err(anyhow::Error::from)?;
        let wanted = NewBackup {
            to: to.clone(),
            force: self.force,
            dry_run: self.dry.dry_run,
        };
        let mut outcome = Outcome::default();
        let asked = asking.look(async |client| {
            let mut watch = Watch::new(console);
            let take = |line| outcome.take(console, &mut watch, line);
            tokio::select! {
                done = client.post_lines("/v1/store/backup", &wanted, take) => Ok(done?),
                _ = tokio::signal::ctrl_c() => {
                    Err(anyhow::anyhow!("interrupted; there is no backup").into())
                }
            }
        });
        asked.explain(|| format!("back up to {}", to.display()), hint())?;
        outcome.finish(console, &to)
    }
}

/// What to do where the server may not write.
fn hint() -> (Exit, String) {
    let hint = "run it as root or as the user chatd runs as; as a service chatd writes below \
                /var/lib/chatd only, unless ReadWritePaths= of its unit names more";
    (Exit::Permission, hint.to_owned())
}

impl Outcome {
    fn take(&mut self, console: &Console, watch: &mut Watch, line: BackupLine) {
        if console.is_json() && !matches!(line, BackupLine::Failed { .. }) {
            // Nobody reading on is no reason to stop.
            let _ = console.line(&line);
        } else {
            watch.take(&line);
        }
        match line {
            BackupLine::Problem(problem) => self.problems.push(problem),
            BackupLine::Copied { .. } | BackupLine::Checked { .. } => {}
            last => self.last = Some(last),
        }
    }

    fn finish(self, console: &Console, to: &Path) -> Result<(), Failure> {
        let shown = to.display();
        match self.last {
            Some(BackupLine::Plan { bytes: size, .. }) => words(console, || {
                let (place, size) = (shown.to_string(), bytes(size));
                format!(
                    "Dry run: a backup of about {size} can be made at {}. Nothing was changed.",
                    escape(&place)
                )
            }),
            Some(BackupLine::Done { path, manifest }) => {
                words(console, || made(&path, &manifest))?;
                told(manifest.problems, &self.problems)
            }
            Some(BackupLine::Failed { code, .. }) if code == "exists" => {
                Err(Failure::Exists(shown.to_string()))
            }
            Some(BackupLine::Failed { code, why }) if code == "problems" => Err(Failure::Found {
                what: format!("there is no backup: {why}"),
                hint: "`chatd store check` tells what is wrong with the store itself",
            }),
            Some(BackupLine::Failed { code, why }) => {
                let refused = Refused {
                    code,
                    detail: why,
                    field: None,
                };
                let refused: Result<(), _> = Err(Failure::Admin(admin::Error::Refused(refused)));
                refused.explain(|| format!("back up to {shown}"), hint())
            }
            _ => {
                let why = "the backup ended before its end: the server stopped; there is no backup";
                Err(anyhow::anyhow!(why).into())
            }
        }
    }
}

/// The answer in words; as JSON it was told line by line.
fn words(console: &Console, text: impl FnOnce() -> String) -> Result<(), Failure> {
    if console.is_json() {
        return Ok(());
    }
    console.words(&text())
}

fn made(path: &Path, manifest: &Manifest) -> String {
    let records = count(manifest.records.values().sum(), "record");
    let (size, sum) = (bytes(manifest.bytes), escape(&manifest.sha256));
    let files = match (&manifest.files_in, manifest.files) {
        (_, 0) => String::new(),
        (None, many) => format!(", with {}", count(many, "file")),
        (Some(place), many) => {
            let (files, place) = (count(many, "file"), escape(place));
            format!("; {files} stay in {place}, and were there")
        }
    };
    format!(
        "Backed up to {}: {records}, {size}, checked{files}.\nSHA-256 of the database: {sum}",
        escape(&path.display().to_string())
    )
}

/// Fails when the check found something: the backup is there, and is as the store is.
fn told(many: u64, problems: &[Problem]) -> Result<(), Failure> {
    if many == 0 {
        return Ok(());
    }
    let lines = problems.iter().map(|problem| {
        let (place, what) = (escape(&problem.place), escape(&problem.what));
        format!("{place}: {what}")
    });
    let lines: Vec<_> = lines.collect();
    Err(Failure::Found {
        what: format!(
            "the backup is made, and has {}, which the store has as well:\n{}",
            count(many, "problem"),
            lines.join("\n")
        ),
        hint: "docs/operating.md says what to do about a store that is not whole",
    })
}

/// A bar for people.
struct Watch {
    bar: ProgressBar,
}

impl Watch {
    fn new(console: &Console) -> Self {
        Self {
            bar: bar(console, TEMPLATE),
        }
    }

    fn take(&mut self, line: &BackupLine) {
        let (what, done, of) = match line {
            BackupLine::Copied { done, of, .. } => ("copying", *done, *of),
            BackupLine::Checked { table, done, of } => (table.as_str(), *done, *of),
            _ => return,
        };
        self.bar.set_message(escape(what).into_owned());
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
