//! `chatd conn kick`: closing connections; their people may come back.

use chatd::{
    admin::api::{self, Kicked},
    model::Reason,
};
use clap::{ArgGroup, Args};

use crate::{
    args::name,
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{count, escape},
};

/// Close connections
///
/// One by its id, all of a user, or all from some addresses; at once. It keeps nobody out: a client that is told
/// so comes back after a moment. Ending the session (`chatd session revoke`), switching the account off or a ban do.
#[derive(Debug, Args)]
#[command(
    override_usage = "chatd conn kick [OPTIONS] <ID|--user USER|--address NET>",
    group(ArgGroup::new("target").required(true).args(["conn", "user", "address"])),
    after_help = "\
Examples:
  chatd conn kick 0197c0de-7b1c-7000-8000-000000000001
  chatd conn kick --user eve --reason 'cooling down'
  chatd conn kick --address 192.0.2.0/24 --dry-run"
)]
pub(crate) struct Kick {
    /// This one
    #[arg(value_name = "ID", value_parser = name)]
    conn: Option<String>,

    /// All of this user: a name or id
    #[arg(long, value_name = "USER", value_parser = name)]
    user: Option<String>,

    /// All from these addresses: one, or a network such as 192.0.2.0/24
    #[arg(long, value_name = "NET", value_parser = name)]
    address: Option<String>,

    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,

    #[command(flatten)]
    dry: DryRun,
}

impl Kick {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let kick = api::Kick {
            conn: self.conn.clone(),
            user: self.user.clone(),
            address: self.address.clone(),
            reason: self.reason.as_ref().map(ToString::to_string),
            dry_run,
        };
        let done: Result<Kicked, Failure> =
            asking.ask_daemon(async |client| Ok(client.post("/v1/conns/kick", &kick).await?));
        let done = done.explain(|| format!("close {}", self.what()), self.hint())?;
        asking.console.answer(&done, |_| {
            let (closed, what) = (count(done.closed, "connection"), self.what());
            match (dry_run, &self.conn) {
                (true, _) => format!("Dry run: {closed} would be closed. Nothing was changed."),
                (false, Some(_)) => format!("Closed {what}."),
                (false, None) => format!("Closed {closed}: {what}."),
            }
        })
    }

    fn what(&self) -> String {
        match (&self.conn, &self.user, &self.address) {
            (Some(id), ..) => format!("connection {}", escape(id)),
            (None, Some(user), _) => format!("all of {}", escape(user)),
            (None, None, Some(net)) => format!("all from {}", escape(net)),
            (None, None, None) => "nothing".into(),
        }
    }

    fn hint(&self) -> (Exit, String) {
        match self.user {
            Some(_) => crate::command::user::who(),
            None => super::which(),
        }
    }
}
