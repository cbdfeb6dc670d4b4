//! `chatd archive policy`: from which age on the schedule archives and prunes.

use chatd::admin::api::archive::{self as api, NewSchedule, RoomAge};
use clap::{ArgGroup, Args, Subcommand};

use super::schedule;
use crate::{
    args::{Noted, Sure, age_or_word},
    asking::Asking,
    failure::Failure,
    output::{Facts, escape, table},
};

/// See and decide from which age on the schedule archives
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd archive policy show
  chatd archive policy set --older-than 90d --prune-older-than 730d
  chatd archive policy set --room plans=never --room random=7d")]
pub(super) enum Policy {
    /// Show from which age on what is archived and pruned
    #[command(after_help = "\
Examples:
  chatd archive policy show
  chatd archive policy show --json | jq -r '.rooms[] | .name'")]
    Show,

    Set(Set),
}

/// Decide from which age on the schedule archives and prunes
///
/// Holds at once and stays, over what `archive.older_than` and `archive.prune_older_than` say in the
/// settings. An AGE is a time such as 30d, or never, or default, which gives it back to the settings; a
/// room's default is the age of all. What is not named stays as it is. An age from which on is pruned asks to
/// type a word on a terminal; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("ages").required(true).multiple(true)
        .args(["older_than", "prune_older_than", "rooms"])),
    override_usage = "\
chatd archive policy set [--older-than AGE] [--prune-older-than AGE]
           [--room ROOM=AGE]... [OPTIONS]",
    after_help = "\
Examples:
  chatd archive policy set --older-than 90d
  chatd archive policy set --prune-older-than 730d --reason 'two years, as decided' --yes
  chatd archive policy set --room plans=never --room random=7d --dry-run
  chatd archive policy set --older-than default --room random=default"
)]
pub(super) struct Set {
    /// From which age on messages are archived
    #[arg(long, value_name = "AGE", value_parser = age_or_word, allow_hyphen_values = true)]
    older_than: Option<String>,

    /// From which age on what is archived is deleted for good
    #[arg(long, value_name = "AGE", value_parser = age_or_word, allow_hyphen_values = true)]
    prune_older_than: Option<String>,

    /// A room's own age for archiving; may be repeated
    #[arg(long = "room", value_name = "ROOM=AGE", value_parser = parse_room)]
    rooms: Vec<RoomAge>,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    noted: Noted,
}

impl Policy {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let standing: api::Schedule =
                    asking.look(async |client| Ok(client.get(schedule::PATH).await?))?;
                asking.console.answer(&standing, |_| page(&standing))
            }
            Self::Set(set) => set.run(asking),
        }
    }
}

impl Set {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        if let Some(age) = self.prunes() {
            self.sure.begin(dry_run)?;
            let text = format!(
                "What is archived and older than {age} is deleted for good by the schedule."
            );
            self.sure.confirm(dry_run, "prune", &text)?;
        }
        let new = NewSchedule {
            older_than: self.older_than.clone(),
            prune_older_than: self.prune_older_than.clone(),
            rooms: self.rooms.clone(),
            reason: self.noted.reason(),
            dry_run,
            ..NewSchedule::default()
        };
        let standing = schedule::change(asking, &new)?;
        asking.console.answer(&standing, |_| {
            if dry_run {
                return format!("Dry run: {} Nothing was changed.", would(&new));
            }
            page(&standing)
        })
    }
}

impl Set {
    /// From which age on it would have the schedule delete for good.
    fn prunes(&self) -> Option<&str> {
        let age = self.prune_older_than.as_deref()?;
        (age != "never" && age != "default").then_some(age)
    }
}

/// Reads `general=30d`.
fn parse_room(text: &str) -> Result<RoomAge, String> {
    const HOW: &str = "write a room and its age, such as general=30d or plans=never";
    match text.rsplit_once('=') {
        Some((room, age)) if !room.is_empty() => Ok(RoomAge {
            room: room.to_owned(),
            name: None,
            older_than: age_or_word(age)?,
        }),
        _ => Err(HOW.into()),
    }
}

/// What would be decided.
fn would(new: &NewSchedule) -> String {
    let mut parts = Vec::new();
    let age = |age: &str| match age {
        "default" => "as the settings say".to_owned(),
        "never" => "never".to_owned(),
        age => format!("when older than {age}"),
    };
    if let Some(text) = &new.older_than {
        parts.push(format!("messages would be archived {}", age(text)));
    }
    if let Some(text) = &new.prune_older_than {
        parts.push(format!("the archive would be pruned {}", age(text)));
    }
    for room in &new.rooms {
        let when = match room.older_than.as_str() {
            "default" => "as all others".to_owned(),
            other => age(other),
        };
        parts.push(format!("{} would be archived {when}", escape(&room.room)));
    }
    format!("{}.", parts.join("; "))
}

/// The ages, and the rooms that have their own.
fn page(standing: &api::Schedule) -> String {
    let page = ages(Facts::default(), standing).under("The archive's policy");
    let page = page.trim_end();
    if standing.rooms.is_empty() {
        return page.to_owned();
    }
    let rows = standing.rooms.iter().map(|room| {
        let name = room.name.as_deref().unwrap_or(&room.room);
        vec![escape(name).into_owned(), told(&room.older_than)]
    });
    format!("{page}\n\n{}", table(&["ROOM", "ARCHIVED"], rows))
}

/// The ages of all rooms, as lines.
pub(super) fn ages(facts: Facts, standing: &api::Schedule) -> Facts {
    let own = standing.rooms.len();
    let line = |age: &str, key| format!("{}, {}", told(age), origin(standing, key));
    facts
        .with("archived", line(&standing.older_than, "older_than"))
        .with(
            "pruned",
            line(&standing.prune_older_than, "prune_older_than"),
        )
        .maybe(
            "rooms",
            (own > 0).then(|| format!("{own} with an age of their own")),
        )
}

/// `older than 30d`, or `never`.
fn told(age: &str) -> String {
    match age {
        "never" => "never".into(),
        age => format!("older than {}", escape(age)),
    }
}

/// By whose decision.
pub(super) fn origin(standing: &api::Schedule, key: &str) -> &'static str {
    if standing.decided.iter().any(|decided| decided == key) {
        "decided at run time"
    } else {
        "as the settings say"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_room_has_its_age_after_the_equals_sign() {
        let read = |text| parse_room(text).map(|room| (room.room, room.older_than));
        assert_eq!(read("general=30d"), Ok(("general".into(), "30d".into())));
        assert_eq!(read("plans=never"), Ok(("plans".into(), "never".into())));
        for (bad, why) in [
            ("general", "general=30d"),
            ("=30d", "general=30d"),
            ("general=", "a number and a unit"),
            ("general=30", "30 of what"),
            ("general=0", "everything"),
        ] {
            let is = read(bad).expect_err(bad);
            assert!(is.contains(why), "{bad}: {is}");
        }
    }

    #[test]
    fn a_policy_tells_every_age() {
        let standing: api::Schedule = serde_json::from_value(json!({
            "schedule": null, "paused": false, "next_at": null, "last": null, "older_than": "30d",
            "prune_older_than": "never", "decided": ["older_than"],
            "rooms": [{"room": "1", "name": "pl\u{1b}ans", "older_than": "never"}],
        }))
        .expect("a schedule");
        let text = page(&standing);
        for part in [
            "older than 30d, decided at run time",
            "never, as the settings say",
            "pl\\u{1b}ans   never",
            "1 with an age of their own",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_dry_run_tells_what_would_be_decided() {
        let new = NewSchedule {
            older_than: Some("90d".into()),
            rooms: vec![parse_room("plans=never").expect("as above")],
            ..NewSchedule::default()
        };
        assert_eq!(
            would(&new),
            "messages would be archived when older than 90d; plans would be archived never."
        );
    }
}
