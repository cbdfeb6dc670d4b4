//! `chatd config reload`: the running server reads its settings anew.

use chatd::{
    admin::{
        self,
        api::{ChangedSetting, NewReload, Reload as Reloaded},
    },
    config::{self, Problem},
};
use clap::Args;

use crate::{args::Noted, asking::Asking, failure::Failure, output::escape};

/// Have the running server read its settings anew
///
/// From the same file, variables and flags as at its start. What can change while it runs does so at once,
/// and no connection is closed; the answer names what waits for a restart. If anything is wrong with the
/// settings, all of the old ones stay, and this ends with 78. SIGHUP does the same, and says in the log how it
/// went.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd config reload --dry-run
  chatd config reload
  chatd config reload --json | jq -r '.changed[] | select(.changes == \"restart\").key'")]
pub(crate) struct Reload {
    #[command(flatten)]
    noted: Noted,
}

impl Reload {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        let new = NewReload {
            reason: self.noted.reason(),
            dry_run,
        };
        let reloaded: Reloaded = asking.ask_daemon(async |client| {
            let asked = client.post("/v1/config/reload", &new).await;
            asked.map_err(wrong_settings)
        })?;
        if reloaded.recorded == Some(false) {
            asking.console.note(
                "the store does not answer, so this is in the server's log only, not in the audit log",
            );
        }
        asking
            .console
            .answer(&reloaded, |_| words(&reloaded.changed, dry_run))
    }
}

/// What the server found wrong in its settings is told like what is found wrong here.
fn wrong_settings(error: admin::Error) -> Failure {
    match error {
        admin::Error::Refused(refused) if refused.field.as_deref() == Some("config") => {
            let detail = refused.detail.strip_prefix("config: ");
            let lines = detail.unwrap_or(&refused.detail).lines();
            let problems = lines.map(|line| {
                let (place, what) = line.split_once(": ").unwrap_or(("settings", line));
                Problem {
                    place: place.into(),
                    what: what.into(),
                }
            });
            Failure::Config(config::Error(problems.collect()))
        }
        other => other.into(),
    }
}

fn words(changed: &[ChangedSetting], dry_run: bool) -> String {
    let live: Vec<_> = changed.iter().filter(|it| it.changes == "live").collect();
    let restart: Vec<_> = changed.iter().filter(|it| it.changes != "live").collect();
    let mut text = String::new();
    let head = match (live.is_empty(), dry_run) {
        (true, true) => "Dry run: nothing would change while the server runs.",
        (true, false) => "Nothing changed; the server goes by these settings already.",
        (false, true) => "Dry run: this would change at once. Nothing was changed.",
        (false, false) => "The settings were reloaded. This holds from now on:",
    };
    text.push_str(head);
    for it in live {
        text.push_str(&line(it));
        if let Some(command) = &it.overruled {
            text.push_str("\n    what was decided with `");
            text.push_str(&escape(command));
            text.push_str("` goes before it");
        }
    }
    if !restart.is_empty() {
        text.push_str("\nThis waits for the server to be restarted:");
        for it in restart {
            text.push_str(&line(it));
        }
    }
    text
}

fn line(it: &ChangedSetting) -> String {
    let [key, before, after] = [&it.key, &it.before, &it.after].map(|text| escape(text));
    format!("\n  {key}: {before} -> {after}")
}
