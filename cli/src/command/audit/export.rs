//! `chatd audit export`: the control log as JSON lines, for a program that checks or keeps it elsewhere.

use std::{fs, path::PathBuf};

use chatd::{
    admin::api::audit::{Position, RawEntry},
    clock::Clock,
    log::verify::act_of,
};
use clap::{Args, ValueHint};
use serde_json::{Map, Value, json};

use super::walk;
use crate::{
    args::When,
    asking::Asking,
    failure::{Exit, Failure},
    output::{Lines, count, escape, is_closed},
};

/// Write acts out as JSON lines, as they are hashed
///
/// The oldest first, to a file that only you may read, or to stdout. docs/audit.md describes the lines, and
/// how a program of your own checks them. A file that is there is never overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd audit export acts.jsonl
  chatd audit export --since 7d | jq -r .act.act | sort | uniq -c
  chatd audit export --since 2026-11-01 november.jsonl")]
pub(crate) struct Export {
    /// Where to write it [default: stdout]
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// Only from then on: how long ago (2h, 7d), a day, or a moment
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
}

/// What was written so far.
#[derive(Default)]
struct Written {
    count: u64,
    previous: String,
    last: u64,
    /// Rows that do not read.
    damaged: u64,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let Some(path) = &self.file else {
            return match self.write(asking, Lines::out()) {
                // Whoever read it has seen enough.
                Err(e) if is_closed(&e) => Ok(()),
                written => check(&written?),
            };
        };
        let written = match self.write(asking, Lines::file(path)?) {
            Ok(written) => written,
            Err(why) => {
                // Half an export looks like a whole one.
                let _said_already = fs::remove_file(path);
                return Err(why);
            }
        };
        let last =
            (written.count > 0).then(|| json!({"seq": written.last, "hash": written.previous}));
        let document = json!({"file": path, "acts": written.count, "last": last});
        asking.console.answer(&document, |_| {
            let file = path.display().to_string();
            format!(
                "Wrote {} to {}.",
                count(written.count, "act"),
                escape(&file)
            )
        })?;
        check(&written)
    }

    fn write(&self, asking: &Asking<'_>, mut out: Lines) -> Result<Written, Failure> {
        asking.look(async |client| {
            let mut written = Written::default();
            let mut first = 1;
            if let Some(since) = self.since {
                let since = since.since(Clock::system().now());
                let path = format!("/v1/audit/position?since={}", since.0);
                first = client.get::<Position>(&path).await?.seq;
            }
            // One earlier, for the hash that the first one follows.
            let after = first.saturating_sub(2);
            walk(client, after, |row| {
                if row.seq < first {
                    written.previous = hash_of(row);
                    return Ok(());
                }
                out.line(&line(row, &mut written))
            })
            .await?;
            out.finish()?;
            Ok(written)
        })
    }
}

fn line(row: &RawEntry, written: &mut Written) -> Value {
    let mut line = json!({"seq": row.seq, "at": row.at, "previous": written.previous});
    if let Some(Value::Object(mut act)) = act_of(row).filter(|_| row.kind == "act") {
        line["hash"] = act.remove("hash").unwrap_or_default();
        if let Some(personal) = act.remove("personal") {
            line["personal"] = personal;
        }
        line["act"] = Value::Object(act);
    } else {
        let mut raw = Map::new();
        raw.insert("kind".into(), row.kind.clone().into());
        raw.insert("data".into(), row.data.clone().into());
        line["damaged"] = Value::Object(raw);
        written.damaged += 1;
    }
    written.previous = hash_of(row);
    written.last = row.seq;
    written.count += 1;
    line
}

fn hash_of(row: &RawEntry) -> String {
    let hash = act_of(row).and_then(|act| act["hash"].as_str().map(ToOwned::to_owned));
    hash.unwrap_or_default()
}

fn check(written: &Written) -> Result<(), Failure> {
    if written.damaged == 0 {
        return Ok(());
    }
    Err(Failure::Listed {
        what: format!(
            "{} of the control log could not be read, and stand there as they lie in the store",
            count(written.damaged, "row")
        ),
        lines: Vec::new(),
        exit: Exit::Problems,
        hint: "`chatd audit verify` tells which is the first".into(),
    })
}
