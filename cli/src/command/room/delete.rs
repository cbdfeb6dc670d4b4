//! `chatd room delete`: for good, so it takes confirming.

use chatd::admin::api::{Done, RoomDetail};
use clap::Args;

use super::{path, which};
use crate::{
    args::Sure,
    asking::Asking,
    cli::DryRun,
    failure::{Explain as _, Failure},
    output::{count, escape},
};

/// Delete a room, for everyone and for good
///
/// It cannot be undone. On a terminal it asks to type the room's name. Elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd room delete old-plans
  chatd room delete old-plans --yes
  chatd room delete old-plans --dry-run")]
pub(crate) struct Delete {
    /// Its name or id
    room: String,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

impl Delete {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        self.sure.begin(dry_run)?;
        let deleted = asking.act(dry_run, async |client| {
            let found: RoomDetail = client.get(&path(&self.room, "")).await?;
            let text = format!("This deletes {}, for good.", what(&found));
            self.sure.confirm(dry_run, &found.room.name, &text)?;
            // By its id: the name may mean another room by the time somebody has typed it.
            let query = format!("?dry_run={dry_run}");
            let done: Done = client.delete(&path(&found.room.id, &query)).await?;
            Ok((done, found))
        });
        let deleted = deleted.explain(|| format!("delete room `{}`", self.room), which());
        let (done, found) = deleted?;
        asking.console.answer(&done, |_| {
            let what = what(&found);
            if dry_run {
                format!("Dry run: {what} can be deleted. Nothing was changed.")
            } else {
                format!("Deleted {what}.")
            }
        })
    }
}

/// The room, and what goes with it.
fn what(found: &RoomDetail) -> String {
    let room = &found.room;
    let (name, members) = (escape(&room.name), count(room.members, "member"));
    let messages = count(room.n, "message");
    format!("the room {name} with {members} and {messages}")
}
