//! `chatd top`: the dashboard, which is the crate `chatd-tui`.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use chatd::admin::api;
use clap::Args;

use crate::{asking::Asking, failure::Failure};

/// Watch the server live
///
/// A dashboard in the terminal. With --json it prints what `chatd status --json` does, once.
#[derive(Debug, Args)]
#[command(
    visible_alias = "dashboard",
    after_help = "\
Examples:
  chatd top
  ssh -t chat.example.org chatd top"
)]
pub(crate) struct Top {}

impl Top {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        if asking.console.is_json() {
            let status: api::Status =
                asking.ask_daemon(async |client| Ok(client.get("/v1/status").await?))?;
            return asking.console.answer(&status, |_| String::new());
        }
        if !io::stdout().is_terminal() {
            let why = "the dashboard needs a terminal; `chatd status` prints the numbers once";
            return Err(Failure::Usage(why.into()));
        }
        asking.ask_daemon(async |client| {
            Ok(tui::run(client.clone())
                .await
                .context("the dashboard ended")?)
        })
    }
}

/// Until the dashboard is merged.
mod tui {
    pub(super) async fn run(_: chatd::admin::Client) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
