//! `chatd hook`: URLs by which programs post into a room.

use chatd::{
    admin::api::{self, Done, HookMade, List, NewHook, RotateHook},
    clock::Millis,
    model::Username,
};
use clap::{Args, Subcommand};

use super::room::{path, which};
use crate::{
    args::name,
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Facts, Table, escape},
};

/// Make, list and delete URLs by which programs post into a room
///
/// Whoever has a hook's URL may say something in its room, and nothing else. Each hook has a bot of its own, which is
/// a member of the room: mute or ban it as anybody else.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd hook add general --name ci
  chatd hook list general
  chatd hook rotate general ci
  chatd hook delete general ci")]
pub(crate) enum Hook {
    Add(Add),
    List(ListOf),
    Rotate(Named),
    Delete(Gone),
}

/// Make a hook, and the bot that posts by it
///
/// The URL is shown this once. Post to it as JSON, `{"body": "…"}`, or as text/plain. With --quiet the URL is
/// all that is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd hook add general --name ci
  URL=$(chatd hook add general --name ci -q)
  curl -H 'Content-Type: text/plain' -d 'Build 7 is green.' \"$URL\"")]
pub(crate) struct Add {
    /// The room's name or id
    #[arg(value_parser = name)]
    room: String,

    /// What to call it: the name of the bot that posts
    #[arg(long, value_name = "NAME")]
    name: Username,

    #[command(flatten)]
    dry: DryRun,
}

/// List the hooks of a room
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd hook list general
  chatd hook list general --json | jq -r '.items[].name'"
)]
pub(crate) struct ListOf {
    /// The room's name or id
    #[arg(value_parser = name)]
    room: String,
}

/// Give a hook another URL: the one it has is refused from now on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd hook rotate general ci
  chatd hook rotate general ci --dry-run")]
pub(crate) struct Named {
    /// The room's name or id
    #[arg(value_parser = name)]
    room: String,

    /// The hook's name
    #[arg(value_parser = name)]
    hook: String,

    #[command(flatten)]
    dry: DryRun,
}

/// Delete a hook: its URL is refused from now on
///
/// Its bot leaves the room; what it said stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd hook delete general ci
  chatd hook delete general ci --dry-run")]
pub(crate) struct Gone {
    #[command(flatten)]
    named: Named,
}

impl Hook {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(asking),
            Self::List(list) => list.run(asking),
            Self::Rotate(named) => named.rotate(asking),
            Self::Delete(gone) => gone.named.delete(asking),
        }
    }
}

impl Add {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let new = NewHook {
            name: self.name.to_string(),
            dry_run,
        };
        let path = path(&self.room, "/hooks");
        let made: Result<HookMade, Failure> =
            asking.act(dry_run, async |client| Ok(client.post(&path, &new).await?));
        let doing = || format!("make a hook for room `{}`", self.room);
        let made = made.explain(doing, which())?;
        tell(asking, &made, || {
            let room = escape(&self.room);
            format!("Dry run: a hook for {room} can be made. Nothing was changed.")
        })
    }
}

impl ListOf {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.room, "/hooks");
        let hooks: Result<List<api::Hook>, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let hooks = hooks.explain(
            || format!("list the hooks of room `{}`", self.room),
            which(),
        )?;
        let nothing = "The room has no hooks: `chatd hook add ROOM --name NAME` makes one.";
        asking.console.list(&hooks, nothing, table)
    }
}

impl Named {
    fn path(&self, more: &str) -> String {
        path(&self.room, &format!("/hooks/{}{more}", quote(&self.hook)))
    }

    fn hint(&self) -> (Exit, String) {
        let hint = format!("`chatd hook list {}` lists its hooks", self.room);
        (Exit::NotFound, hint)
    }

    fn rotate(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let (path, rotate) = (self.path("/rotate"), RotateHook { dry_run });
        let made: Result<HookMade, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post(&path, &rotate).await?)
        });
        let doing = || format!("rotate hook `{}` of room `{}`", self.hook, self.room);
        let made = made.explain(doing, self.hint())?;
        tell(asking, &made, || {
            let hook = escape(&self.hook);
            format!("Dry run: {hook} can be given another URL. Nothing was changed.")
        })
    }

    fn delete(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let path = self.path(&format!("?dry_run={dry_run}"));
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let doing = || format!("delete hook `{}` of room `{}`", self.hook, self.room);
        let done = done.explain(doing, self.hint())?;
        asking.console.answer(&done, |_| {
            let (hook, room) = (escape(&self.hook), escape(&self.room));
            if dry_run {
                format!("Dry run: hook {hook} of {room} can be deleted. Nothing was changed.")
            } else {
                format!("Deleted hook {hook}: nobody posts into {room} with its URL any more.")
            }
        })
    }
}

/// Shows the URL, this once.
fn tell(asking: &Asking<'_>, made: &HookMade, dry: impl FnOnce() -> String) -> Result<(), Failure> {
    let url = made.url.as_deref();
    asking.console.answer_secret(made, url, |_| match url {
        None => dry(),
        Some(url) => Facts::default()
            .with("url", escape(url))
            .with("bot", escape(&made.hook.name))
            .under(&format!("The hook {}", escape(&made.hook.name))),
    })?;
    if let Some(url) = url {
        let console = asking.console;
        console.note("The URL is shown this once; whoever has it posts there.");
        if url.starts_with('/') {
            console.note("server.public_url is not set: put the server's address before it.");
        }
    }
    Ok(())
}

fn table(hooks: &[api::Hook], now: Millis) -> Table {
    let rows = hooks.iter().map(|hook| {
        vec![
            Cell::text(hook.name.as_str()),
            Cell::ago(hook.created_at, now),
            Cell::text(hook.user.as_str()),
        ]
    });
    Table::new(&["HOOK", "URL MADE", "BOT"], rows)
}
