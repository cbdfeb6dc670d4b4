//! `chatd message delete`.

use chatd::admin::api::DeletedMessage;
use clap::Args;

use crate::{
    args::Sure,
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{escape, moment},
};

/// Delete one message
///
/// Its text is in no answer any more from this moment on. It leaves the store after `messages.erase_within`;
/// a single deletion cannot be undone. On a terminal it asks to type the number; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd message delete general 4711
  chatd message delete general 4711 --reason 'a phone number' --yes")]
pub(crate) struct Delete {
    /// The room's name or id
    room: String,

    /// The message's number in the room, its `seq`
    seq: u64,

    /// Why; kept in the control log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

impl Delete {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let (room, seq) = (&self.room, self.seq);
        self.sure.begin(dry_run)?;
        let text = format!("This deletes message {seq} of {}, for good.", escape(room));
        self.sure.confirm(dry_run, &seq.to_string(), &text)?;
        let mut path = format!("/v1/rooms/{}/messages/{seq}?dry_run={dry_run}", quote(room));
        if let Some(reason) = &self.reason {
            path = format!("{path}&reason={}", quote(reason));
        }
        let done: Result<DeletedMessage, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let hint = (
            Exit::NotFound,
            "`chatd room list` lists every room; the number is the message's `seq`".to_owned(),
        );
        let done = done.explain(|| format!("delete message {seq} of `{room}`"), hint)?;
        asking.console.answer(&done, |now| {
            let room = escape(room);
            let at = moment(done.at, now);
            match (done.already, dry_run) {
                (true, _) => format!("Message {seq} of {room} was deleted before, at {at}."),
                (false, true) => {
                    format!("Dry run: message {seq} of {room} can be deleted. Nothing was changed.")
                }
                (false, false) => format!(
                    "Deleted message {seq} of {room}. Its text leaves the store {}.",
                    moment(done.erased_from, now)
                ),
            }
        })
    }
}
