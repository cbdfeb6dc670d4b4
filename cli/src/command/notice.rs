//! `chatd notice`: a line for everyone who is connected.

use chatd::admin::api::{self, Noticed};
use clap::Args;

use crate::{
    args::name,
    asking::Asking,
    cli::DryRun,
    failure::{Explain as _, Failure},
    output::{count, escape},
};

/// Tell everyone who is connected something
///
/// Clients show it as they like. It is not kept: whoever is not connected never sees it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd notice 'Maintenance at 18:00, for ten minutes'
  chatd notice --room general 'This room moves to #talk'
  chatd notice 'Back in a minute' --dry-run")]
pub(crate) struct Notice {
    /// What to say, up to 1,000 characters
    #[arg(value_parser = text)]
    text: String,

    /// Only to those who listen to this room: its name or id
    #[arg(long, value_name = "ROOM", value_parser = name)]
    room: Option<String>,

    #[command(flatten)]
    dry: DryRun,
}

impl Notice {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let notice = api::Notice {
            text: self.text.clone(),
            room: self.room.clone(),
            dry_run,
        };
        let told: Result<Noticed, Failure> =
            asking.ask_daemon(async |client| Ok(client.post("/v1/notices", &notice).await?));
        let told = told.explain(|| "send the notice".into(), super::room::which())?;
        asking.console.answer(&told, |_| {
            let many = count(told.told, "connection");
            let place = match &self.room {
                Some(room) => format!(" in {}", escape(room)),
                None => String::new(),
            };
            if dry_run {
                format!("Dry run: {many}{place} would be told. Nothing was changed.")
            } else {
                format!("Told {many}{place}.")
            }
        })
    }
}

fn text(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("it is empty; write what to say"),
        _ => Ok(text.to_owned()),
    }
}
