//! `chatd report`: messages that members complained about.

use chatd::{
    admin::api::{self, List, Resolve},
    clock::Millis,
    model::{Reason, ReportState},
};
use clap::{Args, Subcommand};

use crate::{
    asking::{Asking, all, quote},
    cli::DryRun,
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Facts, Table, ago, escape, number},
};

/// See and resolve reports of messages
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd report list
  chatd report resolve 0197c0de-7b1c-7000-8000-000000000001 'muted for a day'")]
pub(crate) enum Report {
    List(ListOf),
    Resolve(ResolveOne),
}

/// List the reports that wait for somebody, the newest first
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd report list
  chatd report list --room general --resolved
  chatd report list --json | jq -r '.items[].id'"
)]
pub(crate) struct ListOf {
    /// Only of this room: a name or id
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,

    /// Those that were resolved, instead
    #[arg(long)]
    resolved: bool,
}

/// Say what came of a report
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd report resolve 0197c0de-7b1c-7000-8000-000000000001 'muted for a day'
  chatd report resolve 0197c0de-7b1c-7000-8000-000000000001 none --dry-run")]
pub(crate) struct ResolveOne {
    /// Its id, as `chatd report list` shows it
    id: String,

    /// What came of it, in a few words
    text: Reason,

    #[command(flatten)]
    dry: DryRun,
}

impl Report {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(asking),
            Self::Resolve(resolve) => resolve.run(asking),
        }
    }
}

impl ListOf {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let state = if self.resolved {
            ReportState::Resolved
        } else {
            ReportState::Open
        };
        let path = match &self.room {
            Some(room) => format!("/v1/rooms/{}/reports?state={state}", quote(room)),
            None => format!("/v1/reports?state={state}"),
        };
        let reports: Result<List<api::Report>, Failure> =
            asking.look(async |client| all(client, &path).await);
        let doing = || match &self.room {
            Some(room) => format!("list the reports of room `{room}`"),
            None => "list the reports".into(),
        };
        let reports = reports.explain(doing, super::room::which())?;
        let nothing = if self.resolved {
            "No report was resolved yet."
        } else {
            "No report waits for anybody."
        };
        asking.console.list(&reports, nothing, page)
    }
}

/// A block for each: a reason is to be read whole.
fn page(reports: &[api::Report], now: Millis) -> Table {
    let blocks = reports.iter().map(|report| {
        let room = escape(report.room_name.as_deref().unwrap_or(&report.room));
        let author = report.author.as_deref().map(escape);
        let outcome = report.resolution.as_deref().map(|text| {
            let by = report.resolved_by.as_deref().unwrap_or("operator");
            let at = report
                .resolved_at
                .map_or_else(String::new, |at| format!(", {}", ago(at, now)));
            format!("{} ({}{at})", escape(text), escape(by))
        });
        Facts::default()
            .with("message", format!("{} in {room}", number(report.seq)))
            .maybe("author", author)
            .with(
                "reporter",
                format!("{}, {}", escape(&report.by), ago(report.at, now)),
            )
            .with("reason", escape(&report.reason))
            .maybe("outcome", outcome)
            .under(&escape(&report.id))
    });
    let blocks = blocks.collect::<Vec<_>>().join("\n");
    let rows = reports.iter().map(|report| {
        vec![
            Cell::text(&report.id),
            Cell::text(report.room_name.as_deref().unwrap_or(&report.room)),
            Cell::number(report.seq),
            Cell::or(report.author.as_deref(), ""),
            Cell::text(&report.by),
            Cell::ago(report.at, now),
            Cell::text(&report.reason),
            Cell::or(report.resolution.as_deref(), ""),
            Cell::or(report.resolved_by.as_deref(), ""),
            Cell::ago_or(report.resolved_at, now, ""),
        ]
    });
    let headings = [
        "ID",
        "ROOM",
        "SEQ",
        "AUTHOR",
        "REPORTER",
        "AT",
        "REASON",
        "OUTCOME",
        "RESOLVED BY",
        "RESOLVED AT",
    ];
    Table::new(&headings, rows).shown_as(blocks)
}

impl ResolveOne {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let path = format!("/v1/reports/{}/resolve", quote(&self.id));
        let body = Resolve {
            resolution: self.text.to_string(),
            dry_run,
        };
        let done: Result<api::Report, Failure> = asking.act(dry_run, async |client| {
            Ok(client.post(&path, &body).await?)
        });
        let hint = "`chatd report list` lists those that wait".to_owned();
        let done = done.explain(
            || format!("resolve report `{}`", self.id),
            (Exit::NotFound, hint),
        )?;
        asking.console.answer(&done, |_| {
            let id = escape(&self.id);
            if dry_run {
                format!("Dry run: report {id} can be resolved. Nothing was changed.")
            } else {
                format!("Resolved report {id}.")
            }
        })
    }
}
