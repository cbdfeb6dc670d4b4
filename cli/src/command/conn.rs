//! `chatd conn`: who is connected now, and closing connections.

mod kick;
mod page;

use chatd::admin::api::{ConnDetail, Rows, WatchedConn};
use clap::{Args, Subcommand};

use self::kick::Kick;
use crate::{
    args::name,
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
};

/// See and close connections
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd conn list
  chatd conn list --filter 'room:eng* lag>50ms' --sort -lag
  chatd conn kick --user eve --reason 'cooling down'")]
pub(crate) enum Conn {
    List(List),
    Show(Show),
    Kick(Kick),
}

/// List who is connected now
///
/// Words of a filter must all hold: user:ana* room:eng* address:10.0.* rate>5 lag>50ms waiting>1KiB.
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd conn list
  chatd conn list --sort -waiting --limit 10
  chatd conn list --filter 'user:ana*'
  chatd conn list --json | jq -r '.rows[] | .address'"
)]
pub(crate) struct List {
    /// By which column: user, address, since, rooms, sent, received, waiting, lag; `-` before it turns it round
    #[arg(
        long,
        value_name = "COLUMN",
        default_value = "user",
        allow_hyphen_values = true
    )]
    sort: String,

    /// Only those for which all of these words hold
    #[arg(long, value_name = "WORDS")]
    filter: Option<String>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(1..=500))]
    limit: u64,
}

/// Show a connection and what it listens to
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd conn show 0197c0de-7b1c-7000-8000-000000000001
  chatd conn show 0197c0de-7b1c-7000-8000-000000000001 --json | jq .listens_to")]
pub(crate) struct Show {
    /// The connection's id
    #[arg(value_parser = name)]
    conn: String,
}

impl Conn {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(asking),
            Self::Show(show) => show.run(asking),
            Self::Kick(kick) => kick.run(asking),
        }
    }
}

impl List {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (sort, limit) = (quote(&self.sort), self.limit);
        let mut path = format!("/v1/conns?sort={sort}&limit={limit}");
        if let Some(filter) = &self.filter {
            path = format!("{path}&filter={}", quote(filter));
        }
        let found: Result<Rows<WatchedConn>, Failure> =
            asking.ask_daemon(async |client| Ok(client.get(&path).await?));
        let hint = "`chatd conn list --help` tells what it may be".to_owned();
        let found = found.explain(|| "list connections".into(), (Exit::Usage, hint))?;
        let console = asking.console;
        let nothing = match self.filter {
            Some(_) => "No connection is like that.",
            None => "Nobody is connected.",
        };
        console.items(&found, &found.rows, nothing, page::list)?;
        let more = found.matched.saturating_sub(found.rows.len() as u64);
        if more > 0 && console.is_words() {
            console.note(&format!("… and {more} more: say how many with --limit."));
        }
        Ok(())
    }
}

impl Show {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = format!("/v1/conns/{}", quote(&self.conn));
        let found: Result<ConnDetail, Failure> =
            asking.ask_daemon(async |client| Ok(client.get(&path).await?));
        let found = found.explain(|| format!("show connection `{}`", self.conn), which())?;
        asking
            .console
            .answer(&found, |now| page::detail(&found, now))
    }
}

/// The advice when there is no such connection.
fn which() -> (Exit, String) {
    let hint = "`chatd conn list` lists who is connected now";
    (Exit::NotFound, hint.into())
}
