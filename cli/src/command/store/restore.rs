//! `chatd store restore`: going back to a backup.

use std::path::PathBuf;

use chatd::server::stores::restore::{self, Changes, Restored, Stage, Wanted};
use clap::{Args, ValueHint};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::{
    args::Sure,
    asking::{Asking, one_thread},
    cli::DryRun,
    console::Console,
    failure::Failure,
    output::{Facts, bar, bytes, count, escape, moment, number, table},
    settings,
};

const TEMPLATE: &str = "{spinner} {msg}";
/// How many changes are shown to people; scripts get all of them.
const SHOWN: usize = 40;

/// Go back to a backup that `chatd store backup` has made
///
/// The store becomes what it was: what was said, who was added, who was banned since is gone. Whom and what
/// was erased since stays erased, by a list beside the store. Everybody has to log in again, bots need new
/// tokens, and codes and invitations are void; clients reload what they have. The store that is there is set
/// aside until you delete it. --dry-run shows what changes. No server may run on the store. On a terminal it asks
/// to type the name of the backup; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd store restore /var/lib/chatd/backups/monday --dry-run
  chatd store restore /var/lib/chatd/backups/monday --yes")]
pub(crate) struct Restore {
    /// The directory of the backup
    #[arg(value_name = "SRC", value_hint = ValueHint::DirPath)]
    src: PathBuf,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

impl Restore {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let console = asking.console;
        let dry_run = self.dry.dry_run;
        self.sure.begin(dry_run)?;
        let from = std::path::absolute(&self.src).map_err(anyhow::Error::from)?;
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let text = "The store goes back to this backup: everybody has to log in again, and what came since is set aside.";
        self.sure.confirm(dry_run, &name, text)?;
        let config = settings::load(&asking.sources)?.config;
        let wanted = Wanted {
            from: from.clone(),
            dry_run,
            command: asking.line(),
        };
        let restoring = asking.within(async {
            let watch = Watch::new(console);
            let mut tell = |stage| watch.take(console, stage);
            tokio::select! {
                done = restore::restore(&config, &wanted, &mut tell) => Ok(done?),
                _ = tokio::signal::ctrl_c() => Err(Failure::from(anyhow::anyhow!(
                    "interrupted; the store is as it was, unless it is a MongoDB that was being filled: \
                     then the same command finishes it"
                ))),
            }
        });
        let restored: Restored = one_thread()?.block_on(restoring)?;
        if console.is_json() {
            let mut line: Value = serde_json::to_value(&restored).map_err(anyhow::Error::from)?;
            line["event"] = "done".into();
            console.line(&line)?;
        } else {
            console.answer(&restored, |now| page(&restored, now))?;
        }
        left(&restored)
    }
}

/// Fails when something that was erased is in the store again, or files are lost.
fn left(restored: &Restored) -> Result<(), Failure> {
    if !restored.not_erased.is_empty() {
        let lines = restored.not_erased.iter();
        let lines: Vec<_> = lines
            .map(|left| format!("{}: {}", escape(&left.who), escape(&left.why)))
            .collect();
        return Err(Failure::Found {
            what: format!(
                "not all that was erased since the backup could be erased again:\n{}",
                lines.join("\n")
            ),
            hint: "`chatd user erase` erases a person; `chatd hold list` shows what is held",
        });
    }
    if restored.lost.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = restored.lost.iter().map(|id| escape(id)).collect();
    Err(Failure::Found {
        what: format!(
            "the bytes of these files are neither in the backup nor beside the store:\n{}",
            ids.join("\n")
        ),
        hint: "an older backup may have them: `files/xx/ID` in it, which goes to the same place beside the store",
    })
}

fn page(restored: &Restored, now: chatd::clock::Millis) -> String {
    let backup = &restored.backup;
    let facts = Facts::default()
        .with("backup", escape(&restored.from.display().to_string()))
        .with("taken", moment(backup.taken_at, now))
        .with("by", format!("chatd {}", escape(&backup.chatd)))
        .with("size", bytes(backup.bytes))
        .with("sessions", format!("{} end", number(restored.sessions)))
        .with("codes", format!("{} are void", number(restored.codes)))
        .with("erased again", erased(restored))
        .with("files", files(restored))
        .maybe(
            "epoch",
            (!restored.dry_run).then(|| escape(&restored.epoch)),
        )
        .maybe("set aside", restored.replaced.as_deref().map(escape));
    let to = escape(&restored.to);
    let title = if restored.dry_run {
        format!("Dry run: {to} would go back to this backup. Nothing was changed.")
    } else {
        format!("{to} went back to this backup.")
    };
    let mut text = facts.under(&title);
    match (&restored.changes, &restored.not_compared) {
        (Some(changes), _) => text += &changed(changes),
        (None, why) => {
            let why = why.as_deref().unwrap_or("nothing is there");
            let why = escape(why);
            let line = format!("\nNot compared with the store that was there: {why}\n");
            text += &line;
        }
    }
    if !restored.dry_run {
        text += "\nNext: start chatd. What was set aside stays until you delete it.";
    }
    text
}

fn files(restored: &Restored) -> String {
    let all = number(restored.files);
    match restored.files_lost {
        0 => all,
        lost => format!("{all}, of which {} have no bytes any more", number(lost)),
    }
}

fn erased(restored: &Restored) -> String {
    let people = match restored.erased_again.len() as u64 {
        1 => "1 person".to_owned(),
        many => format!("{} people", number(many)),
    };
    let mut all = format!("{people}, {}", count(restored.texts_again, "message"));
    if restored.files_again > 0 {
        let files = count(restored.files_again, "file");
        all = format!("{all}, {files}");
    }
    all
}

/// What is another then.
fn changed(changes: &Changes) -> String {
    let none = || "-".to_owned();
    let holds = |yes| if yes { "yes" } else { "no" }.to_owned();
    let people = changes.people.iter().map(|one| {
        let (now, then) = (one.now.clone(), one.then.clone());
        let what = format!("account {}", escape(&one.name));
        vec![what, now.unwrap_or_else(none), then.unwrap_or_else(none)]
    });
    let sanctions = changes.sanctions.iter().map(|one| {
        let place = match &one.room {
            Some(room) => format!(" in {}", escape(room)),
            None => String::new(),
        };
        let what = format!("{} of {}{place}", escape(&one.kind), escape(&one.name));
        vec![what, holds(one.now), holds(one.then)]
    });
    let addresses = changes.addresses.iter().map(|one| {
        let what = format!("ban of {}", escape(&one.network));
        vec![what, holds(one.now), holds(one.then)]
    });
    let counts = [
        ("entries", changes.entries),
        ("deleted or edited", changes.overlay),
    ];
    let counts = counts
        .into_iter()
        .map(|(what, (now, then))| vec![what.to_owned(), number(now), number(then)]);
    let rows: Vec<_> = people.chain(sanctions).chain(addresses).collect();
    let more = rows.len().saturating_sub(SHOWN) as u64;
    let rows = counts.chain(rows.into_iter().take(SHOWN));
    let list = table(&["WHAT", "NOW", "THEN"], rows);
    match more {
        0 => format!("\n{list}\n"),
        more => format!("\n{list}\n… and {} more; --json shows all\n", number(more)),
    }
}

/// Says what it is at.
struct Watch {
    bar: ProgressBar,
}

impl Watch {
    fn new(console: &Console) -> Self {
        Self {
            bar: bar(console, TEMPLATE),
        }
    }

    fn take(&self, console: &Console, stage: Stage) {
        if console.is_json() {
            // Nobody reading on is no reason to stop.
            let _ = console.line(&json!({"event": "stage", "stage": stage}));
            return;
        }
        self.bar.set_message(match stage {
            Stage::Verifying => "comparing the backup with its manifest",
            Stage::Copying => "copying it beside the data",
            Stage::Comparing => "comparing it with the store that is there",
            Stage::Erasing => "erasing what was erased since",
            Stage::Checking => "checking what came of it",
            Stage::Placing => "putting it into its place",
        });
        self.bar.tick();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
