//! `chatd archive schedule`: when the archive runs by itself.

mod now;

use chatd::{
    admin::api::archive::{self as api, NewSchedule},
    archive::Cron,
    clock::Millis,
};
use clap::{Args, Subcommand};

use self::now::RunNow;
use super::{super::room, policy};
use crate::{
    args::Noted,
    asking::Asking,
    failure::{Explain as _, Failure},
    output::{Facts, count_entries, escape, moment},
};

/// Where the schedule is, and the ages with it.
pub(super) const PATH: &str = "/v1/archive/schedule";

/// See and decide when the archive runs by itself
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd archive schedule show
  chatd archive schedule set '30 3 * * *'
  chatd archive schedule pause --reason 'moving disks'
  chatd archive schedule run-now")]
pub(super) enum Schedule {
    /// Show when the archive runs, and how the last time went
    #[command(after_help = "\
Examples:
  chatd archive schedule show
  chatd archive schedule show --json | jq .next_at")]
    Show,

    Set(Set),

    /// Hold the schedule until it is resumed
    #[command(after_help = "\
Examples:
  chatd archive schedule pause --reason 'moving disks'
  chatd archive schedule pause --dry-run")]
    Pause(Noted),

    /// Let the schedule go on; what was missed is not made up for
    #[command(after_help = "\
Examples:
  chatd archive schedule resume
  chatd archive schedule resume --dry-run")]
    Resume(Noted),

    RunNow(RunNow),
}

/// Decide when the archive runs by itself
///
/// Holds at once and stays, over what `archive.schedule` says in the settings. What is due while no server
/// runs, runs once at the next start. How old messages have to be is said with `chatd archive policy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive schedule set '30 3 * * *'    # every day at 3:30 UTC
  chatd archive schedule set '0 2 * * SUN'   # every Sunday at 2:00 UTC
  chatd archive schedule set never
  chatd archive schedule set default         # as the settings say")]
pub(super) struct Set {
    /// Minute, hour, day, month and day of the week, in UTC; or never, or default
    #[arg(value_name = "CRON", value_parser = parse_cron)]
    cron: String,

    #[command(flatten)]
    noted: Noted,
}

impl Schedule {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let standing: api::Schedule =
                    asking.look(async |client| Ok(client.get(PATH).await?))?;
                asking.console.answer(&standing, |now| page(&standing, now))
            }
            Self::Set(set) => set.run(asking),
            Self::Pause(noted) => pause(asking, noted, true),
            Self::Resume(noted) => pause(asking, noted, false),
            Self::RunNow(run) => run.run(asking),
        }
    }
}

impl Set {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        let new = NewSchedule {
            schedule: Some(self.cron.clone()),
            reason: self.noted.reason(),
            dry_run,
            ..NewSchedule::default()
        };
        let standing = change(asking, &new)?;
        asking.console.answer(&standing, |now| {
            if dry_run {
                return format!("Dry run: {} Nothing was changed.", would(&self.cron, now));
            }
            page(&standing, now)
        })
    }
}

/// Has the server decide.
pub(super) fn change(asking: &Asking<'_>, new: &NewSchedule) -> Result<api::Schedule, Failure> {
    let done: Result<_, Failure> = asking.act(new.dry_run, async |client| {
        // Of several rooms it is told which one is not there. What is given back needs not be there.
        for age in new.rooms.iter().filter(|age| age.older_than != "default") {
            room::find_id(client, &age.room).await?;
        }
        Ok(client.patch(PATH, new).await?)
    });
    done.explain(|| "change the archive's policy".into(), room::which())
}

fn pause(asking: &Asking<'_>, noted: &Noted, pause: bool) -> Result<(), Failure> {
    let dry_run = noted.dry.dry_run;
    let new = NewSchedule {
        paused: Some(pause),
        reason: noted.reason(),
        dry_run,
        ..NewSchedule::default()
    };
    let standing = change(asking, &new)?;
    asking
        .console
        .answer(&standing, |now| match (dry_run, pause) {
            (true, true) => "Dry run: the schedule can be paused. Nothing was changed.".into(),
            (true, false) => "Dry run: the schedule can be resumed. Nothing was changed.".into(),
            (false, _) => page(&standing, now),
        })
}

/// An expression that is one; two words.
fn parse_cron(text: &str) -> Result<String, String> {
    match text {
        "never" | "default" => Ok(text.to_owned()),
        _ => match Cron::parse(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(why) => Err(format!("{why}; or never, or default")),
        },
    }
}

/// What would be decided.
fn would(cron: &str, now: Millis) -> String {
    let next = Cron::parse(cron).ok().and_then(|cron| cron.after(now));
    match (cron, next) {
        ("never", _) => "the archive would not run by itself any more.".into(),
        ("default", _) => "the archive would run as the settings say.".into(),
        (_, Some(next)) => {
            format!(
                "the archive would run by `{}`, next at {}.",
                escape(cron),
                moment(next, now)
            )
        }
        (_, None) => format!("the archive would run by `{}`.", escape(cron)),
    }
}

fn page(standing: &api::Schedule, now: Millis) -> String {
    let title = match &standing.schedule {
        None => "The archive does not run by itself.".to_owned(),
        Some(_) if standing.paused => "The archive's schedule is paused.".to_owned(),
        Some(_) => "The archive runs by itself.".to_owned(),
    };
    let cron = match &standing.schedule {
        Some(cron) => format!("{} (UTC)", escape(cron)),
        None => "never".into(),
    };
    let last = standing.last.as_ref().map(|run| {
        let state = run.state.map_or("unknown", chatd::model::RunState::as_str);
        format!(
            "{}: {state}, {}",
            moment(run.at, now),
            count_entries(run.entries)
        )
    });
    let id = standing.last.as_ref().and_then(|run| run.id.as_deref());
    let facts = Facts::default()
        .with(
            "schedule",
            format!("{cron}, {}", policy::origin(standing, "schedule")),
        )
        .maybe(
            "paused",
            standing
                .paused
                .then_some("until `chatd archive schedule resume`"),
        )
        .maybe("next", standing.next_at.map(|at| moment(at, now)))
        .maybe("last", last)
        .maybe("last run", id.map(escape))
        .gap();
    policy::ages(facts, standing)
        .under(&title)
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_763_818_320_000);

    fn standing(schedule: Option<&str>, paused: bool) -> api::Schedule {
        serde_json::from_value(json!({
            "schedule": schedule, "paused": paused, "next_at": NOW.0 + 7_200_000, "last": null,
            "older_than": "30d", "prune_older_than": "never", "rooms": [], "decided": ["schedule"],
        }))
        .expect("a schedule")
    }

    #[test]
    fn an_expression_is_checked_where_it_is_typed() {
        for good in [
            "30 3 * * *",
            "*/10 * * * * *",
            "0 2 * * SUN",
            "never",
            "default",
        ] {
            assert_eq!(parse_cron(good).as_deref(), Ok(good));
        }
        for bad in ["", "daily", "61 * * * *", "0 0 31 2 *", "off"] {
            let why = parse_cron(bad).expect_err(bad);
            assert!(why.ends_with("or never, or default"), "{bad}: {why}");
        }
    }

    #[test]
    fn a_schedule_tells_when_and_by_whose_decision() {
        let text = page(&standing(Some("30 3 * * *"), false), NOW);
        for part in [
            "The archive runs by itself.",
            "30 3 * * * (UTC), decided at run time",
            "2025-11-22T15:32:00Z (in 2 h)",
            "older than 30d, as the settings say",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(page(&standing(Some("30 3 * * *"), true), NOW).contains("is paused"));
        assert!(page(&standing(None, false), NOW).contains("does not run by itself"));
    }

    #[test]
    fn a_dry_run_tells_when_it_would_run() {
        let text = would("0 14 * * *", NOW);
        assert_eq!(
            text,
            "the archive would run by `0 14 * * *`, next at 2025-11-22T14:00:00Z (in 28 min)."
        );
        assert!(would("never", NOW).contains("not run by itself"));
    }
}
