//! `chatd archive prune`: real deletion, after a time of grace.

use chatd::{
    admin::api::{
        Moment,
        archive::{NewPrune, Run},
    },
    clock::{Clock, Millis},
    config::Period,
};
use clap::{ArgGroup, Args};

use super::{
    age::{Old, plainly},
    follow, ids, page,
};
use crate::{
    args::{Sure, name},
    asking::Asking,
    cli::DryRun,
    console::Console,
    failure::{Exit, Explain as _, Failure},
    output::{Facts, bytes, count, count_entries, moment, span},
};

/// Delete for good what was archived long ago
///
/// Decides that old segments are purged when the time of grace is over: until then everything is read as
/// before, and `chatd archive restore` of this run takes it back. Then it is gone, and cannot be brought back.
/// What is under a legal hold is left alone. Only what is archived is pruned, never what is live. On a
/// terminal it asks to type a word; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("old").required(true).args(["older_than", "before"])),
    after_help = "\
Examples:
  chatd archive prune --older-than 365d --dry-run
  chatd archive prune --older-than 365d
  chatd archive prune --older-than 90d --room random --grace 14d --yes"
)]
pub(super) struct Prune {
    #[command(flatten)]
    old: Old,

    /// Only in this room, by name or id; may be repeated
    #[arg(long = "room", value_name = "ROOM", value_parser = name)]
    rooms: Vec<String>,

    /// For how long it can be taken back, such as 7d [default: archive.grace]
    #[arg(long, value_name = "D", value_parser = parse_grace, allow_hyphen_values = true)]
    grace: Option<u64>,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    dry: DryRun,
}

impl Prune {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Some(before) = self.old.moment() else {
            return Err(Failure::Usage(
                "say from which age on, with --older-than".into(),
            ));
        };
        let (console, dry_run) = (asking.console, self.dry.dry_run);
        self.sure.begin(dry_run)?;
        // What is asked about is looked at beforehand, so that nothing waits while somebody thinks.
        let planned: Result<_, Failure> = asking.look(async |client| {
            let body = self.body(before, ids(client, &self.rooms).await?, true);
            let plan: Run = client.post("/v1/archive/prune", &body).await?;
            Ok((body, plan))
        });
        let (mut body, plan) = explain(planned)?;
        if dry_run || plan.entries == 0 {
            return follow::tell_plan(console, &plan, |now| self::plan(&plan, dry_run, now));
        }
        let text = question(&plan, Clock::system().now());
        self.sure.confirm(dry_run, "prune", &text)?;
        body.dry_run = false;
        // Exactly what was asked about: an age would take in more by now.
        if let Some(at) = plan.before {
            body.before = Moment::At(at);
        }
        let done = asking.look(async |client| {
            let begin = async || Ok(client.post("/v1/archive/prune", &body).await?);
            follow::follow(client, console, begin).await
        });
        let done = explain(done)?;
        follow::tell_end(console, &done, |now| page::run(&done, None, now))?;
        take_back(console, &done, Clock::system().now());
        Ok(())
    }

    fn body(&self, before: Moment, rooms: Vec<String>, dry_run: bool) -> NewPrune {
        NewPrune {
            before,
            rooms,
            grace: self.grace,
            dry_run,
        }
    }
}

fn explain<T>(done: Result<T, Failure>) -> Result<T, Failure> {
    let hint = "`chatd archive list` shows the runs, and whether one is under way";
    let done = done.map_err(plainly);
    done.explain(|| "prune".into(), (Exit::Conflict, hint.into()))
}

fn take_back(console: &Console, run: &Run, now: Millis) {
    let until = run.purge_at.filter(|at| *at > now && run.entries > 0);
    if let (Some(id), Some(until)) = (&run.id, until) {
        let until = moment(until, now);
        console.note(&format!(
            "\n`chatd archive restore {id}` takes it back, until {until}."
        ));
    }
}

/// What is said before a word has to be typed.
fn question(plan: &Run, now: Millis) -> String {
    let until = match plan.purge_at {
        Some(at) if at > now => format!(
            "at {}, for good; until then it can be taken back",
            moment(at, now)
        ),
        _ => "within a minute, for good: there is no time of grace".into(),
    };
    let held = held(plan)
        .map(|held| format!(" {held}"))
        .unwrap_or_default();
    format!(
        "This deletes {} in {} {until}.{held}",
        count_entries(plan.entries),
        page::rooms(plan),
    )
}

/// What would be pruned.
pub(super) fn plan(run: &Run, dry_run: bool, now: Millis) -> String {
    let dry = if dry_run { "Dry run: " } else { "" };
    if run.entries == 0 {
        let held = held(run).map(|held| format!(" {held}")).unwrap_or_default();
        let what = if dry_run { "nothing" } else { "Nothing" };
        return format!(
            "{dry}{what} in the archive that is old enough is left to prune.{held} Nothing was changed."
        );
    }
    let facts = Facts::default()
        .maybe("from before", run.before.map(|at| moment(at, now)))
        .maybe("purged from", run.purge_at.map(|at| moment(at, now)))
        .with(
            "gives back",
            format!("{} in {}", bytes(run.size), count(run.segments, "segment")),
        )
        .maybe("held", held(run));
    let title = format!(
        "{dry}{} in {} would be pruned.",
        count_entries(run.entries),
        page::rooms(run)
    );
    page::dry(run, &title, facts)
}

/// What a hold keeps.
fn held(run: &Run) -> Option<String> {
    match run.held {
        0 => None,
        1 => Some("1 segment is under a legal hold and left alone.".into()),
        held => Some(format!(
            "{} are under a legal hold and left alone.",
            count(held, "segment")
        )),
    }
}

/// How long something can be taken back, in whole seconds; also not at all.
fn parse_grace(text: &str) -> Result<u64, String> {
    const MOST: u64 = 10 * 365 * 24 * 60 * 60;
    let grace = match text.parse::<Period>() {
        Ok(grace) => grace.get(),
        Err(_) if text == "0" => return Ok(0),
        Err(_) => return Err("write how long, such as 7d or 12h, or 0 for not at all".into()),
    };
    match grace.as_secs() {
        MOST.. => Err(format!("{} are more than ten years", span(grace))),
        0 if !grace.is_zero() => Err("a second is the least, or 0 for not at all".into()),
        seconds => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_763_818_320_000);

    fn planned(held: u64, entries: u64, grace: i64) -> Run {
        let run = json!({
            "id": null, "kind": "prune", "state": null, "at": NOW.0, "finished_at": null,
            "scheduled": false, "before": NOW.0 - 86_400_000, "rate": null, "of": null,
            "purge_at": NOW.0 + grace, "by": null, "planned": entries, "segments": 3, "entries": entries,
            "messages": entries, "bytes": 9000, "size": 1000, "held": held, "rooms": [], "error": null,
            "dry_run": true,
        });
        serde_json::from_value(run).expect("a run")
    }

    #[test]
    fn grace_is_a_time_or_none() {
        assert_eq!(parse_grace("7d"), Ok(604_800));
        assert_eq!(parse_grace("0"), Ok(0));
        assert_eq!(parse_grace("0s"), Ok(0));
        for bad in ["", "7", "-1d", "500ms", "4000d", "a week"] {
            assert!(parse_grace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_question_tells_what_is_at_stake() {
        let text = question(&planned(2, 12_000, 604_800_000), NOW);
        assert_eq!(
            text,
            "This deletes 12,000 entries in 0 rooms at 2025-11-29T13:32:00Z (in 7 d), for good; until then it \
             can be taken back. 2 segments are under a legal hold and left alone."
        );
        assert!(question(&planned(0, 1, 0), NOW).contains("no time of grace"));
    }

    #[test]
    fn a_plan_tells_what_a_hold_keeps() {
        let text = plan(&planned(1, 12_000, 604_800_000), true, NOW);
        for part in [
            "Dry run: 12,000 entries in 0 rooms would be pruned.",
            "1 segment is under a legal hold and left alone.",
            "2025-11-29T13:32:00Z (in 7 d)",
            "Nothing was changed.",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = plan(&planned(2, 0, 0), false, NOW);
        assert_eq!(
            text,
            "Nothing in the archive that is old enough is left to prune. 2 segments are under a legal hold and left \
             alone. Nothing was changed."
        );
    }
}
