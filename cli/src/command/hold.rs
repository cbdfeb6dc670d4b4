//! `chatd hold`: legal holds. What is under one is not taken out of the store.

use chatd::{
    admin::api::{
        List,
        archive::{Hold as Held, HoldKind, NewHold},
    },
    clock::Millis,
    model::Reason,
};
use clap::{ArgGroup, Args, Subcommand};

use crate::{
    args::{Noted, Sure, name},
    asking::{Asking, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Table, escape},
};

/// Keep what was said in a room, or by somebody: legal holds
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd hold add --room general --reason 'case 17'
  chatd hold add --user eve --reason 'case 17'
  chatd hold list
  chatd hold release 0197c0de-7b1c-7000-8000-000000000001")]
pub(crate) enum Hold {
    Add(Add),

    /// List what is under a legal hold
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd hold list
  chatd hold list --json | jq -r '.items[] | select(.on == \"user\") | .name'"
    )]
    List,

    Release(Release),
}

/// Put a room or a person under a legal hold
///
/// While it holds, nothing that was said there, or by them, is taken out of the store: it is not purged, texts
/// of deleted messages are not erased, the person is not forgotten. Deleting a message or a room only hides it.
/// Archiving goes on, as nothing is lost by it; nobody in the room is told.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("target").required(true).args(["room", "user"])),
    after_help = "\
Examples:
  chatd hold add --room general --reason 'case 17'
  chatd hold add --user eve --reason 'case 17' --dry-run"
)]
pub(crate) struct Add {
    /// The room: its name or id
    #[arg(long, value_name = "ROOM", value_parser = name)]
    room: Option<String>,

    /// The person: their name or id
    #[arg(long, value_name = "USER", value_parser = name)]
    user: Option<String>,

    /// Why; shown to whoever it stops, and kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Reason,

    #[command(flatten)]
    dry: DryRun,
}

/// End a legal hold
///
/// What it kept is treated as all else from then on: what is due is pruned and erased the next time, for good. On
/// a terminal it asks to type a word; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd hold release 0197c0de-7b1c-7000-8000-000000000001 --reason 'case 17 is closed' --yes
  chatd hold release 0197c0de-7b1c-7000-8000-000000000001 --dry-run")]
pub(crate) struct Release {
    /// The hold's id
    #[arg(value_parser = name)]
    id: String,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    noted: Noted,
}

impl Hold {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(asking),
            Self::List => list(asking),
            Self::Release(release) => release.run(asking),
        }
    }
}

fn list(asking: &Asking<'_>) -> Result<(), Failure> {
    let holds: List<Held> = asking.look(async |client| Ok(client.get("/v1/holds").await?))?;
    asking
        .console
        .list(&holds, "Nothing is under a legal hold.", page)
}

fn page(holds: &[Held], now: Millis) -> Table {
    let rows = holds.iter().map(|hold| {
        vec![
            Cell::or(hold.id.as_deref(), ""),
            Cell::text(kind(hold.on)),
            Cell::text(hold.name.as_deref().unwrap_or(&hold.target)),
            Cell::ago(hold.at, now),
            Cell::or(hold.by.as_deref(), "operator"),
            Cell::text(&hold.reason),
        ]
    });
    Table::new(&["ID", "ON", "NAME", "SINCE", "BY", "REASON"], rows)
}

impl Add {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let (on, target) = match (&self.room, &self.user) {
            (Some(room), _) => (HoldKind::Room, room),
            (None, Some(user)) => (HoldKind::User, user),
            (None, None) => {
                return Err(Failure::Usage(
                    "say what is held, with --room or --user".into(),
                ));
            }
        };
        let new = NewHold {
            on,
            target: target.clone(),
            reason: self.reason.to_string(),
            dry_run,
        };
        let held: Result<Held, Failure> =
            asking.look(async |client| Ok(client.post("/v1/holds", &new).await?));
        let hint = match on {
            HoldKind::Room => super::room::which(),
            HoldKind::User => super::user::who(),
        };
        let doing = || format!("put the {} `{target}` under a legal hold", kind(on));
        let held = held.explain(doing, hint)?;
        asking.console.answer(&held, |_| {
            let what = what(&held, target);
            if dry_run {
                return format!(
                    "Dry run: {what} can be put under a legal hold. Nothing was changed."
                );
            }
            format!("{} is under a legal hold.", first_upper(&what))
        })?;
        if let Some(id) = &held.id {
            asking
                .console
                .note(&format!("`chatd hold release {id}` ends it."));
        }
        Ok(())
    }
}

impl Release {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        self.sure.begin(dry_run)?;
        let text = "What is due of what this hold kept is deleted for good from then on.";
        self.sure.confirm(dry_run, "release", text)?;
        let mut path = format!("/v1/holds/{}?dry_run={dry_run}", quote(&self.id));
        if let Some(reason) = self.noted.reason() {
            path = format!("{path}&reason={}", quote(&reason));
        }
        let held: Result<Held, Failure> =
            asking.look(async |client| Ok(client.delete(&path).await?));
        let hint = "`chatd hold list` lists the holds with their ids".to_owned();
        let doing = || format!("release the hold `{}`", self.id);
        let held = held.explain(doing, (Exit::NotFound, hint))?;
        asking.console.answer(&held, |_| {
            let (what, reason) = (what(&held, &held.target), escape(&held.reason));
            if dry_run {
                return format!(
                    "Dry run: the hold on {what} ({reason}) can be released. Nothing was changed."
                );
            }
            format!("Released the hold on {what} ({reason}).")
        })
    }
}

fn kind(on: HoldKind) -> &'static str {
    match on {
        HoldKind::Room => "room",
        HoldKind::User => "user",
    }
}

/// `the room general`, `all that eve said`
fn what(held: &Held, target: &str) -> String {
    let name = escape(held.name.as_deref().unwrap_or(target));
    match held.on {
        HoldKind::Room => format!("the room {name}"),
        HoldKind::User => format!("all that {name} said"),
    }
}

fn first_upper(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_listed_and_safe_to_show() {
        let mut hold = Held {
            id: Some("0197".into()),
            on: HoldKind::Room,
            target: "1".into(),
            name: Some("gen\u{1b}eral".into()),
            reason: "case 17".into(),
            by: None,
            at: Millis(0),
        };
        let text = page(std::slice::from_ref(&hold), Millis(60_000)).words();
        let row = "0197   room   gen\\u{1b}eral   1 min ago   operator   case 17";
        assert_eq!(text.lines().last(), Some(row));
        assert_eq!(first_upper(&what(&hold, "1")), "The room gen\\u{1b}eral");
        hold.on = HoldKind::User;
        hold.name = None;
        assert_eq!(what(&hold, "eve"), "all that eve said");
    }
}
