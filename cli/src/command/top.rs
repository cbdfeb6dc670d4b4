//! `chatd top`: the dashboard, which is the crate `chatd-tui`.

use chatd::admin::api;
use clap::Args;

use crate::{asking::Asking, failure::Failure, settings};

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
        if !asking.console.is_words() {
            let status: api::Status =
                asking.ask_daemon(async |client| Ok(client.get("/v1/status").await?))?;
            return asking.console.answer(&status, |_| String::new());
        }
        let config = settings::load(&asking.sources)?.config;
        // Asked for once before: that no server runs is to be said in the command line's own words.
        asking
            .ask_daemon(async |_| Ok(chatd_tui::run(async || asking.connect(&config).await).await?))
    }
}
