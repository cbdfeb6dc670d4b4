//! `chatd archive`: old messages, sealed into segments in which they are read as before.

mod age;
mod bar;
mod cat;
mod export;
mod follow;
mod list;
mod page;
mod policy;
mod prune;
mod restore;
mod run;
mod schedule;
mod show;
mod verify;

use chatd::admin::{Client, api::archive as api};
use clap::{Args, Subcommand};

pub(super) use self::cat::unreadable;
use self::{
    cat::Cat,
    export::Export,
    list::List,
    policy::Policy,
    prune::Prune,
    restore::Restore,
    run::Run,
    schedule::Schedule,
    show::{Show, Stop},
    verify::Verify,
};
use super::room;
use crate::{
    args::name,
    asking::{Asking, quote},
    failure::{Exit, Failure},
};

/// Archive old messages, and look after what is archived
///
/// Seals what is old enough into compressed segments. There it is read and exported as before, and
/// takes a fraction of the space. Done beside live traffic, segment by segment, each read back before
/// anything is taken out: it can be interrupted at any moment, and the same command goes on where it was. The
/// first Ctrl-C stops it after the segment it is at, a second one ends this command at once; with a server
/// running, the server does the work, and finishes that segment all the same.
#[derive(Debug, Args)]
#[command(
    override_usage = "\
chatd archive (--older-than AGE | --before T) [OPTIONS]
       chatd archive COMMAND",
    after_help = "\
Examples:
  chatd archive --older-than 30d --dry-run
  chatd archive --older-than 30d
  chatd archive --before 2026-01-31 --room general --room random --rate max
  chatd archive list
  chatd archive restore 0197c0de-7b1c-7000-8000-000000000001
  chatd archive schedule set '30 3 * * *'"
)]
pub(crate) struct Archive {
    #[command(flatten)]
    run: Run,

    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    #[command(visible_alias = "ls")]
    List(List),
    Show(Show),
    Stop(Stop),
    Restore(Restore),
    Verify(Verify),
    Cat(Cat),
    Export(Export),
    Prune(Prune),
    #[command(subcommand)]
    Schedule(Schedule),
    #[command(subcommand)]
    Policy(Policy),
}

impl Archive {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        if let (Some(_), Some(flag)) = (&self.act, self.run.said()) {
            return Err(Failure::Usage(format!(
                "{flag} goes with a run itself, as in `chatd archive --older-than 30d`; a flag of another \
                 command stands after its name\n\nFor more information, try 'chatd archive --help'."
            )));
        }
        match &self.act {
            None => self.run.run(asking),
            Some(Act::List(list)) => list.run(asking),
            Some(Act::Show(show)) => show.run(asking),
            Some(Act::Stop(stop)) => stop.run(asking),
            Some(Act::Restore(restore)) => restore.run(asking),
            Some(Act::Verify(verify)) => verify.run(asking),
            Some(Act::Cat(cat)) => cat.run(asking),
            Some(Act::Export(export)) => export.run(asking),
            Some(Act::Prune(prune)) => prune.run(asking),
            Some(Act::Schedule(schedule)) => schedule.run(asking),
            Some(Act::Policy(policy)) => policy.run(asking),
        }
    }
}

/// Which segments, where a command is about some of them.
#[derive(Debug, Args)]
struct Which {
    /// Only of this room: its name or id
    #[arg(long, value_name = "ROOM", value_parser = name)]
    room: Option<String>,

    /// Only what this run archived: its id
    #[arg(long, value_name = "RUN", value_parser = name)]
    run: Option<String>,
}

impl Which {
    /// As a query, the room by its id; a name that is wrong is refused.
    async fn query(&self, client: &Client) -> Result<String, Failure> {
        let mut query = String::new();
        if let Some(name) = &self.room {
            let id = room::find_id(client, name).await?;
            query = format!("&room={}", quote(&id));
        }
        if let Some(run) = &self.run {
            query = format!("{query}&run={}", quote(run));
        }
        Ok(query)
    }
}

/// The ids of the rooms that were named; one that is not there is told by its name.
async fn ids(client: &Client, names: &[String]) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(room::find_id(client, name).await?);
    }
    Ok(ids)
}

/// Where a run is; `rest` is empty or begins with a slash.
fn path(run: &str, rest: &str) -> String {
    format!("/v1/archive/runs/{}{rest}", quote(run))
}

/// A run as it stands.
async fn look(client: &Client, run: &str) -> Result<api::Run, Failure> {
    Ok(client.get(&path(run, "")).await?)
}

/// What to try when there is no such run.
fn which() -> (Exit, String) {
    let hint = "`chatd archive list` lists the runs with their ids";
    (Exit::NotFound, hint.to_owned())
}
