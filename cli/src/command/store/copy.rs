//! `chatd store copy`: from one store to another, between backends.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chatd::{
    config::Url,
    server::stores::{self, Found, Move, Plan, State},
    store::copy::{Report, Step},
};
use clap::{ArgGroup, Args, ValueHint};
use serde_json::{Value, json};

use super::bar::Bar;
use crate::{
    asking::{Asking, one_thread},
    cli::DryRun,
    console::Console,
    failure::Failure,
    output::{count, escape, number, table},
    settings,
};

/// Copy the store to another, between SQLite and MongoDB
///
/// Copies everything, the store's identity included: clients carry on with the new one as if nothing had
/// been. The destination has to be empty, or to hold a part of the same copy: whatever interrupts it, the
/// same command goes on where it was. No server may run on either. The private halves of the signing keys
/// stay in the data directory; keep that. With --json it answers line by line as it goes on.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("destination").required(true).args(["to", "to_file"])),
    after_help = "\
Examples:
  chatd store copy --to mongodb://db.example.org/chat --dry-run
  chatd store copy --to-file /etc/chatd/store-url --verify
  chatd store copy --from-file /etc/chatd/store-url --to sqlite:new/chatd.db"
)]
pub(crate) struct Copy {
    /// Copy from URL: sqlite:PATH or mongodb://… [default: the store of the settings]
    #[arg(long, value_name = "URL", conflicts_with = "from_file")]
    from: Option<String>,

    /// Read the URL to copy from in FILE, so that a password is not on the command line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_file: Option<PathBuf>,

    /// Copy to URL
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// Read the URL to copy to in FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to_file: Option<PathBuf>,

    /// Read both back afterwards and compare their checksums; of a finished copy, do only that
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    dry: DryRun,
}

impl Copy {
    pub(super) fn run(self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let config = settings::load(&asking.sources)?.config;
        let Some(to) = url(self.to.as_deref(), self.to_file.as_deref())? else {
            return Err(Failure::Usage("say where to copy to, with --to".into()));
        };
        let verify = self.verify;
        let what = Move {
            from: url(self.from.as_deref(), self.from_file.as_deref())?,
            to,
            verify,
        };
        let done = asking.within(async {
            let plan = stores::plan(&config, &what).await?;
            let (from, to) = (plan.from.clone(), plan.to.clone());
            if self.dry.dry_run {
                return dry(console, &plan);
            }
            let mut watch = Watch::new(console, &from);
            let mut tell = |step: Step| watch.take(&step);
            let report = tokio::select! {
                report = plan.run(&mut tell) => report?,
                _ = tokio::signal::ctrl_c() => {
                    let why = "interrupted; the same command goes on where it was";
                    return Err(anyhow::anyhow!(why).into());
                }
            };
            drop(watch);
            finish(console, &from, &to, &report)
        });
        one_thread()?.block_on(done)
    }
}

/// A URL as typed, or out of its file.
fn url(typed: Option<&str>, file: Option<&Path>) -> Result<Option<Url>, Failure> {
    let Some(file) = file else {
        return Ok(typed.map(Url::from));
    };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(Url::from(text.trim())))
}

/// Says how far it is: lines for scripts, a bar for people.
struct Watch<'a> {
    console: &'a Console,
    bar: Bar,
    comparing: bool,
}

impl<'a> Watch<'a> {
    fn new(console: &'a Console, from: &Found) -> Self {
        let bar = Bar::new(console);
        bar.total(from.records);
        Self {
            console,
            bar,
            comparing: false,
        }
    }

    fn take(&mut self, step: &Step) {
        if self.console.is_json() {
            // Nobody reading on is no reason to stop.
            let _ = self.console.line(step);
            return;
        }
        match *step {
            Step::Begin { there, anew, .. } => {
                if anew {
                    self.console
                        .note("The source was written to since: the copy begins anew.");
                } else if there > 0 {
                    let records = count(there, "record");
                    self.console.note(&format!(
                        "Going on with a copy: {records} are there already."
                    ));
                }
            }
            Step::Copied { table, done, .. } => self.bar.at(table.as_str(), done),
            Step::Compared { table, done, .. } => {
                if !std::mem::replace(&mut self.comparing, true) {
                    self.bar.again();
                }
                self.bar.at(table.as_str(), done);
            }
        }
    }
}

fn dry(console: &Console, plan: &Plan) -> Result<(), Failure> {
    let (from, to) = (&plan.from, &plan.to);
    let line = json!({
        "event": "plan",
        "from": from,
        "to": to,
        "only_compare": plan.only_compare,
        "dry_run": true,
    });
    if console.is_json() {
        return console.line(&line);
    }
    let records = count(from.records, "record");
    let (source, destination) = (escape(&from.url), escape(&to.url));
    let what = match to.state {
        _ if plan.only_compare => {
            format!("{destination} was made of {source} already; both would be read and compared.")
        }
        State::Missing => format!("{records} would go from {source} to {destination}, a new file."),
        State::Unfinished => format!(
            "{records} would go from {source} to {destination}, which has {} of them already.",
            number(to.records)
        ),
        State::Empty | State::Whole => {
            format!("{records} would go from {source} to {destination}, which is empty.")
        }
    };
    console.answer(&line, |_| format!("Dry run: {what} Nothing was changed."))
}

fn finish(console: &Console, from: &Found, to: &Found, report: &Report) -> Result<(), Failure> {
    let mut line: Value = serde_json::to_value(report).map_err(anyhow::Error::from)?;
    line["event"] = "done".into();
    line["from"] = from.url.as_str().into();
    line["to"] = to.url.as_str().into();
    line["dry_run"] = false.into();
    if console.is_json() {
        return console.line(&line);
    }
    let rows = report.tables.iter().rev().map(|one| {
        vec![
            one.table.to_string(),
            number(one.records),
            one.sha256.clone().unwrap_or_default(),
        ]
    });
    let tables = table(&["TABLE", "#RECORDS", "SHA-256"], rows);
    let records = report.tables.iter().map(|one| one.records).sum();
    let all = count(records, "record");
    let (source, destination) = (escape(&from.url), escape(&to.url));
    let compared = if report.verified {
        "their checksums are the same"
    } else {
        "their counts are the same"
    };
    if report.copied == 0 && records > 0 {
        return console.answer(&line, |_| {
            format!("{source} and {destination} have {all}; {compared}.\n\n{tables}")
        });
    }
    console.answer(&line, |_| {
        format!("Copied {source} to {destination}: {all}; {compared}.\n\n{tables}")
    })?;
    console.note(
        "\nNext: set store.url (or store.url_file) to the new store, keep the data directory with its \
         keys, and start chatd.\nThe old store is as it was; once the new one has been served, do not \
         serve it again.",
    );
    Ok(())
}
