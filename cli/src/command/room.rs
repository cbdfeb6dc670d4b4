//! `chatd room`: which rooms there are, who is in them, and what may be said there.

mod delete;
mod edit;
mod invite;
mod members;
mod page;
mod sanctions;

use chatd::{
    admin::{
        Client,
        api::{self, List, RoomDetail, archive::Entry},
    },
    id::RoomId,
};
use clap::{Args, Subcommand};

use self::{
    delete::Delete,
    edit::{Edit, Lock},
    invite::Invite,
    members::{Add, Kick, Transfer},
    sanctions::{Impose, Lift, ListOf},
};
use crate::{
    asking::{Asking, all, quote},
    failure::{Exit, Explain as _, Failure},
};

/// List, change and moderate rooms
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd room list
  chatd room lock general --reason 'cooling down'
  chatd room mute general eve --for 2h
  chatd room edit news --post moderator --slow-mode 30s")]
pub(crate) enum Room {
    /// List every room, private ones as well
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd room list
  chatd room list --json | jq -r '.items[] | select(.n > 1000) | .name'"
    )]
    List,

    Show(Show),

    Edit(Edit),

    /// Let only a room's moderators write, until it is unlocked
    #[command(after_help = "\
Examples:
  chatd room lock general --reason 'cooling down'
  chatd room lock general --dry-run")]
    Lock(Lock),

    /// Let a room's members write again
    #[command(after_help = "\
Examples:
  chatd room unlock general
  chatd room unlock general --dry-run")]
    Unlock(Lock),

    Add(Add),

    Kick(Kick),

    /// Mute somebody in one room
    #[command(after_help = "\
Examples:
  chatd room mute general eve --for 2h --reason 'calm down'
  chatd user mute eve --for 2h       # on the whole server")]
    Mute(Impose),

    /// Let somebody write again in one room
    #[command(after_help = "\
Examples:
  chatd room unmute general eve
  chatd room unmute general eve --dry-run")]
    Unmute(Lift),

    /// Ban somebody from one room, and take them out of it
    #[command(after_help = "\
Examples:
  chatd room ban general eve --for 7d --reason spam
  chatd user ban eve --for 7d        # from the whole server")]
    Ban(Impose),

    /// Let somebody come into a room again
    #[command(after_help = "\
Examples:
  chatd room unban general eve
  chatd room unban general eve --dry-run")]
    Unban(Lift),

    Sanctions(ListOf),

    #[command(subcommand)]
    Invite(Invite),

    Transfer(Transfer),

    Delete(Delete),
}

/// Show a room and who is in it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room show general
  chatd room show 0197c0de-7b1c-7000-8000-000000000001 --json")]
pub(crate) struct Show {
    /// Its name or id
    room: String,
}

impl Room {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        use chatd::model::SanctionKind::{Ban, Mute};
        match self {
            Self::List => list(asking),
            Self::Show(show) => show.run(asking),
            Self::Edit(edit) => edit.run(asking),
            Self::Lock(lock) => lock.run(asking, true),
            Self::Unlock(lock) => lock.run(asking, false),
            Self::Add(add) => add.run(asking),
            Self::Kick(kick) => kick.run(asking),
            Self::Mute(impose) => impose.run(asking, Mute),
            Self::Unmute(lift) => lift.run(asking, Mute),
            Self::Ban(impose) => impose.run(asking, Ban),
            Self::Unban(lift) => lift.run(asking, Ban),
            Self::Sanctions(list) => list.run(asking),
            Self::Invite(invite) => invite.run(asking),
            Self::Transfer(transfer) => transfer.run(asking),
            Self::Delete(delete) => delete.run(asking),
        }
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let rooms: List<api::Room> = asking.look(async |client| all(client, "/v1/rooms").await)?;
    let nothing = "There are no rooms yet: clients make them with POST /v1/rooms.";
    asking.console.list(&rooms, nothing, page::list)
}

impl Show {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.room, "");
        let detail: Result<RoomDetail, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let detail = detail.explain(|| format!("show room `{}`", self.room), which())?;
        asking
            .console
            .answer(&detail, |now| page::detail(&detail, now))
    }
}

/// Where a room is; `rest` is empty or begins with a slash or a question mark.
pub(super) fn path(room: &str, rest: &str) -> String {
    format!("/v1/rooms/{}{rest}", quote(room))
}

/// The room that somebody names.
pub(super) async fn find(client: &Client, room: &str) -> Result<api::Room, Failure> {
    let found: Result<RoomDetail, Failure> = async { Ok(client.get(&path(room, "")).await?) }.await;
    let found = found.explain(|| format!("find room `{room}`"), which())?;
    Ok(found.room)
}

/// The id of the room that somebody names; also of one that is deleted, which has only its id left.
pub(super) async fn find_id(client: &Client, room: &str) -> Result<String, Failure> {
    let why = match find(client, room).await {
        Ok(found) => return Ok(found.id),
        Err(why) => why,
    };
    if why.exit() != Exit::NotFound || room.parse::<RoomId>().is_err() {
        return Err(why);
    }
    // Whatever was a room has an entry, at least that it was deleted.
    let entries: List<Entry> = client.get(&path(room, "/entries")).await?;
    if entries.items.is_empty() {
        return Err(why);
    }
    Ok(room.to_owned())
}

/// The advice when there is no such room.
pub(super) fn which() -> (Exit, String) {
    (Exit::NotFound, "`chatd room list` lists every room".into())
}
