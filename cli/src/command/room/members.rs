//! `chatd room add`, `kick` and `transfer`.

use chatd::{
    admin::api::{self, Done, GiveMember},
    model::RoomRole,
};
use clap::Args;

use super::path;
use crate::{
    args::{Noted, one_of},
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::escape,
};

/// The roles that can be given: a room's owner is made by passing it on.
const GIVEN: &[RoomRole] = &[RoomRole::Viewer, RoomRole::Member, RoomRole::Moderator];

/// Put somebody into a room, or give a member another role
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room add plans bob
  chatd room add plans bob --role moderator
  chatd room add plans bob --dry-run")]
pub(crate) struct Add {
    /// The room's name or id
    room: String,

    /// Whom: a name or id
    user: String,

    /// What they may do there; member when not said
    #[arg(long, value_parser = one_of(GIVEN, RoomRole::as_str))]
    role: Option<RoomRole>,

    #[command(flatten)]
    dry: DryRun,
}

/// Take somebody out of a room
///
/// Into a public room they can come back at once; `chatd room ban` keeps them out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room kick general eve --reason spam
  chatd room kick general eve --dry-run")]
pub(crate) struct Kick {
    /// The room's name or id
    room: String,

    /// Whom: a name or id
    user: String,

    #[command(flatten)]
    noted: Noted,
}

/// Pass a room on to another member
///
/// The owner before stays in it, as a moderator.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room transfer general bob
  chatd room transfer general bob --dry-run")]
pub(crate) struct Transfer {
    /// The room's name or id
    room: String,

    /// To whom: the name or id of a member
    user: String,

    #[command(flatten)]
    dry: DryRun,
}

impl Add {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (role, dry_run) = (self.role, self.dry.dry_run);
        let path = member(&self.room, &self.user, "");
        let done: Result<Done, Failure> = asking.act(dry_run, async |client| {
            Ok(client.put(&path, &GiveMember { role, dry_run }).await?)
        });
        let doing = || format!("put `{}` into room `{}`", self.user, self.room);
        let done = done.explain(doing, who())?;
        asking.console.answer(&done, |_| {
            let (user, room) = (escape(&self.user), escape(&self.room));
            let role = role.map_or_else(String::new, |role| format!(", as {role}"));
            if dry_run {
                format!("Dry run: {user} can be put into {room}{role}. Nothing was changed.")
            } else {
                format!("{user} is in {room} now{role}.")
            }
        })
    }
}

impl Kick {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        let mut query = format!("?dry_run={dry_run}");
        if let Some(reason) = &self.noted.reason {
            query = format!("{query}&reason={}", quote(reason.as_str()));
        }
        let path = member(&self.room, &self.user, &query);
        let done: Result<Done, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = format!("`chatd room show {}` shows who is in it", self.room);
        let doing = || format!("take `{}` out of room `{}`", self.user, self.room);
        let done = done.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&done, |_| {
            let (user, room) = (escape(&self.user), escape(&self.room));
            if dry_run {
                format!("Dry run: {user} can be taken out of {room}. Nothing was changed.")
            } else {
                format!("Took {user} out of {room}.")
            }
        })
    }
}

impl Transfer {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let body = api::Transfer {
            user: self.user.clone(),
            dry_run,
        };
        let path = path(&self.room, "/transfer");
        let done: Result<Done, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post(&path, &body).await?)
        });
        let hint = format!(
            "`chatd room add {} {}` puts them into it first",
            self.room, self.user
        );
        let doing = || format!("pass room `{}` on to `{}`", self.room, self.user);
        let done = done.explain(doing, (Exit::Conflict, hint))?;
        asking.console.answer(&done, |_| {
            let (user, room) = (escape(&self.user), escape(&self.room));
            if dry_run {
                format!("Dry run: {room} can be passed on to {user}. Nothing was changed.")
            } else {
                format!("{user} owns {room} now.")
            }
        })
    }
}

fn member(room: &str, user: &str, query: &str) -> String {
    path(room, &format!("/members/{}{query}", quote(user)))
}

fn who() -> (Exit, String) {
    let hint = "`chatd room list` lists every room, `chatd user list` every account";
    (Exit::NotFound, hint.into())
}
