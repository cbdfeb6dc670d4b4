//! `chatd status`: how the server is, on one page.

use chatd::{admin::api, clock::Millis};
use clap::Args;

use super::webhook;
use crate::{
    asking::Asking,
    failure::Failure,
    output::{Facts, bytes, count, count_entries, escape, moment, number},
};

/// Show how the server is
///
/// Works while the server is stopped as well: then it shows the store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd status
  chatd status --json | jq .counts.connections")]
pub(crate) struct Status {}

impl Status {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let status: api::Status =
            asking.look(async |client| Ok(client.get("/v1/status").await?))?;
        asking.console.answer(&status, |now| page(&status, now))
    }
}

fn page(status: &api::Status, now: Millis) -> String {
    let version = escape(&status.version);
    let title = if status.running {
        format!("chatd {version} is running")
    } else {
        format!("chatd {version} is not running")
    };
    let mut facts = Facts::default();
    let scheme = if status.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    if status.running {
        facts = facts
            .maybe(
                "listen",
                status
                    .listen
                    .as_deref()
                    .map(|at| format!("{scheme}://{}", escape(at))),
            )
            .maybe(
                "certificate",
                status.certificate.as_ref().map(|it| certificate(it, now)),
            )
            .with("started", moment(status.started_at, now))
            .with("process", status.pid.to_string())
            .maybe("restart", waiting(&status.restart_for))
            .with("memory", bytes(status.memory_bytes));
    }
    facts = facts
        .with("registration", escape(&status.registration))
        .gap();
    facts = store(facts, &status.store);
    if let Some(of) = &status.archive {
        facts = archive(facts.gap(), of, now);
    }
    if let Some(of) = &status.files {
        facts = files(facts.gap(), of, status.running);
    }
    if let Some(of) = &status.search {
        facts = facts.gap().with("search", search(of, now));
    }
    if let Some(of) = &status.webhook {
        let gap = facts
            .gap()
            .with("webhook", escape(of.place.as_deref().unwrap_or_default()));
        facts = webhook::facts(gap, of, now);
    }
    if status.running {
        facts = counts(facts.gap(), &status.counts);
    }
    facts.under(&title)
}

fn certificate(it: &api::Certificate, now: Millis) -> String {
    let (file, until) = (escape(&it.file), moment(it.expires_at, now));
    if it.expires_at <= now {
        format!("{file}, EXPIRED {until}")
    } else {
        format!("{file}, until {until}")
    }
}

/// What waits for the server to be restarted, if anything does.
fn waiting(keys: &[String]) -> Option<String> {
    let keys = keys.join(", ");
    let keys = escape(&keys);
    (!keys.is_empty()).then(|| format!("needed, for the new {keys}"))
}

fn store(facts: Facts, store: &api::StoreStatus) -> Facts {
    let backend = match store.backend.as_str() {
        "sqlite" => "SQLite".into(),
        "mongodb" => "MongoDB".into(),
        other => escape(other),
    };
    let ready = if store.ready { "" } else { ", does not answer" };
    facts
        .with(
            "store",
            format!("{backend} {}{ready}", escape(&store.version)),
        )
        .maybe("trouble", store.trouble.as_deref().map(escape))
        .with("location", escape(&store.location))
        .maybe("size", store.bytes.map(bytes))
        .maybe("free", store.free.map(bytes))
        .maybe("users", store.users.map(number))
        .maybe("rooms", store.rooms.map(number))
}

/// When old messages move by themselves, and moved.
fn archive(facts: Facts, of: &api::ArchiveStatus, now: Millis) -> Facts {
    let schedule = match (&of.schedule, of.paused) {
        (None, _) => "by hand only".to_owned(),
        (Some(cron), false) => format!("{} (UTC)", escape(cron)),
        (Some(cron), true) => format!("{} (UTC), paused", escape(cron)),
    };
    let last = of.last_at.map(|at| match of.last_state {
        Some(state) => format!("{}, {state}", moment(at, now)),
        None => moment(at, now),
    });
    facts
        .with("archive", schedule)
        .maybe("under way", of.running.as_deref().map(escape))
        .maybe("next run", of.next_at.map(|at| moment(at, now)))
        .maybe("last run", last)
}

/// How much there is of files.
fn files(facts: Facts, of: &api::FilesStatus, running: bool) -> Facts {
    let told = |it: &api::FilesTotal| format!("{}, {}", count(it.files, "file"), bytes(it.bytes));
    let some = |it: &api::FilesTotal| (it.files > 0).then(|| told(it));
    let under_way = || {
        let (now, most) = (number(of.uploads), number(of.uploads_limit));
        format!("{now} of {most} under way")
    };
    facts
        .with("files", told(&of.attached))
        .maybe("unused", some(&of.unused))
        .maybe("to go", some(&of.gone))
        .with("in", escape(&of.location))
        .maybe("files away", of.trouble.as_deref().map(escape))
        .maybe("free there", of.free.map(bytes))
        .maybe("uploads", running.then(under_way))
}

/// How what can be found stands beside what was said.
fn search(of: &api::SearchStatus, now: Millis) -> String {
    let size = bytes(of.bytes);
    let lag = match (of.complete, of.behind) {
        (_, 0) => "up to date".to_owned(),
        (true, behind) => format!("{} behind", count_entries(behind)),
        (false, behind) => format!("being made, {} to go", count_entries(behind)),
    };
    match (&of.trouble, of.trouble_since) {
        (Some(why), Some(since)) => format!(
            "STANDS STILL since {}: {}; {lag}, {size}",
            moment(since, now),
            escape(why)
        ),
        _ => format!("{lag}, {size}"),
    }
}

fn counts(facts: Facts, counts: &api::Counts) -> Facts {
    let api::Counts {
        connections,
        sockets,
        channels,
        ..
    } = *counts;
    let mut facts = facts
        .with(
            "connections",
            format!("{} of {} sockets", number(connections), number(sockets)),
        )
        .with(
            "listened to",
            format!("{} rooms and own logs", number(channels)),
        )
        .with(
            "messages",
            format!(
                "{}, delivered {} times",
                number(counts.messages),
                number(counts.deliveries)
            ),
        )
        .with(
            "entries",
            format!(
                "{} in {}",
                number(counts.entries),
                count(counts.batches, "commit")
            ),
        )
        .with(
            "requests",
            format!(
                "{} REST, {} frames",
                number(counts.requests),
                number(counts.frames)
            ),
        )
        .with(
            "logins",
            format!(
                "{}, {} refused",
                number(counts.logins),
                number(counts.failed_logins)
            ),
        );
    if counts.deletions > 0 || counts.erased > 0 {
        let (deleted, erased) = (number(counts.deletions), number(counts.erased));
        facts = facts.with(
            "deleted",
            format!("{deleted} messages, {erased} texts erased"),
        );
    }
    if counts.slow_consumers > 0 {
        facts = facts.with(
            "too slow",
            format!("{} connections closed", number(counts.slow_consumers)),
        );
    }
    if counts.rate_limited > 0 {
        facts = facts.with(
            "too often",
            format!("{} requests refused", number(counts.rate_limited)),
        );
    }
    facts
}
