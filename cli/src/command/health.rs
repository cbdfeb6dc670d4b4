//! `chatd health`: one question, one exit code.

use chatd::admin::api;
use clap::Args;
use serde_json::json;

use crate::{
    asking::Asking,
    failure::Failure,
    output::{escape, span},
};

/// Ask whether the server runs and is well
///
/// Ends with 0 when it does, with 6 when it does not run or does not answer, and with 10 when it runs but
/// its store does not answer. For health checks of containers and load balancers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd health
  chatd health --quiet || systemctl restart chatd")]
pub(crate) struct Health {}

impl Health {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let status: api::Status =
            asking.ask_daemon(async |client| Ok(client.get("/v1/status").await?))?;
        if !status.store.ready {
            let store = &status.store;
            let why = store.trouble.as_deref().unwrap_or(&store.location);
            let what = format!("chatd runs, but its store does not answer — {why}");
            return Err(Failure::Problems(what));
        }
        let document = json!({"ok": true, "version": status.version, "pid": status.pid});
        asking.console.answer(&document, |now| {
            let up = span(now.since(status.started_at));
            format!("ok: chatd {} runs, up {up}", escape(&status.version))
        })
    }
}
