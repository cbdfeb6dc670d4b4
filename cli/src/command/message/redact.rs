//! `chatd message redact`.

use std::time::Duration;

use chatd::admin::api::{Moment, NewRedaction, Redaction};
use clap::Args;

use super::{broken_off, look, page, parse_moment};
use crate::{
    asking::Asking,
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
};

/// How often is looked whether a long one is done.
const LOOK: Duration = Duration::from_millis(500);

/// Delete all that somebody said in some time
///
/// In every room, or in those that are named. The messages are in no answer any more as soon as each is
/// deleted. It is recorded under an id by which `chatd message restore` undoes it, until the texts are
/// erased (`messages.erase_within`). What is said while it runs is not part of it: disable or mute the
/// person first. If it is broken off, run it again: it goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd message redact --user spammer --since 2h --dry-run
  chatd message redact --user spammer --since 2h --reason 'crypto spam'
  chatd message redact --user bob --since 2026-11-24T10:00:00Z \\
      --until 2026-11-24T12:00:00Z --room general --room random")]
pub(crate) struct Redact {
    /// Whose messages: a name or id
    #[arg(long, value_name = "NAME")]
    user: String,

    /// From when: how long ago, or a time
    #[arg(long, value_name = "T", value_parser = parse_moment)]
    since: Moment,

    /// Up to when; now when not said
    #[arg(long, value_name = "T", value_parser = parse_moment)]
    until: Option<Moment>,

    /// Only in this room, by name or id; may be repeated
    #[arg(long = "room", value_name = "ROOM")]
    rooms: Vec<String>,

    /// Why; kept with it, and in the control log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    dry: DryRun,
}

impl Redact {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let body = NewRedaction {
            user: self.user.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            rooms: self.rooms.clone(),
            reason: self.reason.clone(),
            dry_run,
        };
        let done: Result<Redaction, Failure> = asking.act(dry_run, async |client| {
            let mut done: Redaction = client.post("/v1/redactions", &body).await?;
            if dry_run {
                return Ok(done);
            }
            let mut told = None;
            while let (None, true, Some(id)) = (done.finished_at, done.running, done.id.clone()) {
                if told != Some(done.messages) {
                    told = Some(done.messages);
                    asking.console.note(&page::progress(&done));
                }
                tokio::time::sleep(LOOK).await;
                done = look(client, &id).await?;
            }
            if done.finished_at.is_none() {
                return Err(broken_off());
            }
            Ok(done)
        });
        let user = &self.user;
        let hint = (
            Exit::NotFound,
            "`chatd user list` and `chatd room list` list who and what there is".to_owned(),
        );
        let done = done.explain(|| format!("redact the messages of `{user}`"), hint)?;
        asking.console.answer(&done, |now| page::one(&done, now))?;
        if let (Some(id), true) = (&done.id, done.restorable_until.is_some()) {
            asking
                .console
                .note(&format!("`chatd message restore {id}` undoes it."));
        }
        Ok(())
    }
}
