//! `chatd session`: where somebody is logged in, and ending that.

use chatd::{
    admin::api::{self, Ended, List},
    clock::Millis,
};
use clap::{Args, Subcommand};

use crate::{
    args::Noted,
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Table, count, escape},
};

/// See and end sessions
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd session list ana
  chatd session revoke ana --all --reason 'lost laptop'")]
pub(crate) enum Session {
    List(ListOf),
    Revoke(Revoke),
}

/// List where somebody is logged in
///
/// The sessions of a bot are its tokens; `chatd token list` shows more of them.
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd session list ana
  chatd session list ana --json | jq -r '.items[].address'"
)]
pub(crate) struct ListOf {
    /// Whose: a name or id
    user: String,
}

/// End a session, or all of an account
///
/// Its connections are closed and its tokens refused, at once. The account stays as it is: whoever knows
/// the password logs in again.
#[derive(Debug, Args)]
#[command(
    override_usage = "chatd session revoke [OPTIONS] <USER> <ID|--all>",
    after_help = "\
Examples:
  chatd session revoke ana 0197c0de-7b1c-7000-8000-000000000001
  chatd session revoke ana --all --reason 'lost laptop'
  chatd session revoke ana --all --dry-run"
)]
pub(crate) struct Revoke {
    /// Whose: a name or id
    user: String,

    /// Which, as `chatd session list` shows it
    #[arg(required_unless_present = "all")]
    id: Option<String>,

    /// All of them
    #[arg(long, conflicts_with = "id")]
    all: bool,

    #[command(flatten)]
    noted: Noted,
}

impl Session {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(asking),
            Self::Revoke(revoke) => revoke.run(asking),
        }
    }
}

impl ListOf {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = format!("/v1/users/{}/sessions", quote(&self.user));
        let sessions: Result<List<api::Session>, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let doing = || format!("list the sessions of `{}`", self.user);
        let sessions = sessions.explain(doing, super::user::who())?;
        let nothing = format!("{} is not logged in anywhere.", self.user);
        asking.console.list(&sessions, &nothing, table_of)
    }
}

/// Sessions, a line each.
fn table_of(sessions: &[api::Session], now: Millis) -> Table {
    let rows = sessions.iter().map(|session| {
        vec![
            Cell::text(&session.id),
            Cell::ago(session.used_at, now),
            Cell::or(session.address.as_deref(), "-"),
            Cell::or(session.device.as_deref(), ""),
        ]
    });
    Table::new(&["ID", "SEEN", "FROM", "DEVICE"], rows)
}

impl Revoke {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match &self.id {
            Some(id) => self.one(id, asking),
            None => self.all(asking),
        }
    }

    fn one(&self, id: &str, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        let path = path(&self.user, Some(id), &self.noted);
        let ended: Result<api::Session, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = format!("`chatd session list {}` lists the sessions", self.user);
        let doing = || format!("end the session `{id}` of `{}`", self.user);
        let ended = ended.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&ended, |_| {
            let (id, user) = (escape(&ended.id), escape(&self.user));
            if dry_run {
                format!("Dry run: session {id} of {user} can be ended. Nothing was changed.")
            } else {
                format!("Ended session {id} of {user}.")
            }
        })
    }

    fn all(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.user, None, &self.noted);
        let ended: Result<Ended, Failure> = asking.act(self.noted.dry.dry_run, async |client| {
            Ok(client.delete(&path).await?)
        });
        let doing = || format!("end the sessions of `{}`", self.user);
        let ended = ended.explain(doing, super::user::who())?;
        asking.console.answer(&ended, |_| {
            let sessions = count(ended.sessions_ended, "session");
            let user = escape(&self.user);
            if ended.dry_run {
                format!("Dry run: {sessions} of {user} would end. Nothing was changed.")
            } else {
                format!("Ended {sessions} of {user}.")
            }
        })
    }
}

/// Where a session is, or all of somebody's, for ending.
pub(super) fn path(user: &str, id: Option<&str>, noted: &Noted) -> String {
    let mut path = format!("/v1/users/{}/sessions", quote(user));
    if let Some(id) = id {
        path = format!("{path}/{}", quote(id));
    }
    path = format!("{path}?dry_run={}", noted.dry.dry_run);
    match &noted.reason {
        Some(reason) => format!("{path}&reason={}", quote(reason.as_str())),
        None => path,
    }
}
