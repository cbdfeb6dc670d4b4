//! `chatd user erase`: forgetting a person.

use chatd::admin::api::{Erase as Asked, EraseMessages, Erased};
use clap::{Args, ValueEnum};

use super::{path, who};
use crate::{
    args::Sure,
    asking::Asking,
    cli::DryRun,
    failure::{Explain as _, Failure},
    output::{count, count_entries, escape},
};

/// Forget a person: name, address, sessions, memberships
///
/// For requests under data-protection laws. It cannot be undone. The account loses its name and everything
/// that says who it was, the audit log keeps what was done, but not by whom by name. Rooms the person owned
/// pass to the next in rank, or are deleted when nobody is left. Broken off, the same command goes on. On a
/// terminal it asks to type the name; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user erase ana --messages keep --dry-run
  chatd user erase ana --messages delete --yes --reason \"request 17\"")]
pub(crate) struct Erase {
    /// Its name or id
    user: String,

    /// What becomes of what the person said
    #[arg(long, value_name = "WHAT")]
    messages: Messages,

    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

/// What becomes of the messages.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Messages {
    /// They stay, under no name
    Keep,
    /// They are deleted, and their text leaves the store at once
    Delete,
}

impl Erase {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        self.sure.begin(dry_run)?;
        let said = match self.messages {
            Messages::Keep => "keeps",
            Messages::Delete => "deletes",
        };
        let text = format!(
            "This forgets {} for good, and {said} what they said.",
            escape(&self.user)
        );
        self.sure.confirm(dry_run, &self.user, &text)?;
        let messages = match self.messages {
            Messages::Keep => EraseMessages::Keep,
            Messages::Delete => EraseMessages::Delete,
        };
        let erased: Result<Erased, Failure> = asking.act(dry_run, async |client| {
            let path = path(&self.user, "/erase");
            let (mut total, mut cursor) = (Erased::default(), None);
            loop {
                let ask = Asked {
                    messages,
                    reason: self.reason.clone(),
                    cursor,
                    dry_run,
                };
                let step: Erased = client.post(&path, &ask).await?;
                total.rooms_left += step.rooms_left;
                total.rooms_passed_on += step.rooms_passed_on;
                total.rooms_deleted += step.rooms_deleted;
                total.messages += step.messages;
                total.acts += step.acts;
                total.unread.extend(step.unread);
                total.name = step.name.or(total.name);
                cursor = step.next;
                if cursor.is_none() {
                    total.dry_run = dry_run;
                    return Ok(total);
                }
            }
        });
        let erased = erased.explain(|| format!("erase user `{}`", self.user), who())?;
        asking
            .console
            .answer(&erased, |_| words(&self.user, &erased))?;
        unread(&erased.unread)
    }
}

/// Fails when something did not read, and may still say who it was.
fn unread(places: &[String]) -> Result<(), Failure> {
    if places.is_empty() {
        return Ok(());
    }
    let many = count_entries(places.len() as u64);
    let places: Vec<_> = places.iter().map(|place| escape(place)).collect();
    Err(Failure::Found {
        what: format!(
            "{many} could not be read, and may still have what the person said, or say who it was:\n{}",
            places.join("\n")
        ),
        hint: "all else was done; `chatd store check` tells what is wrong with them",
    })
}

fn words(user: &str, erased: &Erased) -> String {
    let user = escape(user);
    let rooms = count(erased.rooms_left, "room");
    let (passed, deleted) = (
        count(erased.rooms_passed_on, "room"),
        count(erased.rooms_deleted, "room"),
    );
    let (messages, acts) = (count(erased.messages, "message"), count(erased.acts, "act"));
    if erased.dry_run {
        return format!(
            "Dry run: {user} can be erased. They would leave {rooms}, {passed} would pass on and \
             {deleted} be deleted; {messages} would be deleted, and {acts} of the audit log lose \
             particulars. Nothing was changed."
        );
    }
    let name = escape(erased.name.as_deref().unwrap_or("nobody"));
    format!(
        "{user} is forgotten; the account is called {name} now. Left {rooms}, passed on {passed}, deleted \
         {deleted} and {messages}; {acts} of the audit log lost particulars."
    )
}
