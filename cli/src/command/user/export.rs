//! `chatd user export`: everything there is about a person, as files.

mod files;

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chatd::admin::{Client, api::List};
use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::Value;

use self::files::Files;
use super::{path, who};
use crate::{
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
    output::{Facts, bytes, count, count_entries, escape, number},
};

/// The parts, each a file.
const PARTS: [&str; 6] = ["profile", "messages", "log", "acts", "reports", FILES];
/// The one whose lines have bytes beside them.
const FILES: &str = "files";

/// Write everything there is about a person into a directory
///
/// For requests under data-protection laws. Each part is a file of JSON lines, for you alone to read: the
/// account with its sessions and rooms, what the person said in every room, their own log, what they did
/// according to the audit log, the reports they made, and the files they uploaded, whose bytes lie beside
/// the lines in `files`, under the names they were given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user export ana ./ana-data
  chatd user export ana /root/requests/2026-17 --json")]
pub(crate) struct Export {
    /// Its name or id
    user: String,

    /// Where to; made, and must be empty if it is there
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    dir: PathBuf,
    files: Vec<FileWritten>,
    /// How many bytes the person's own files have.
    bytes: u64,
    /// How many of those are not there, or not as they were.
    lost: u64,
}

#[derive(Serialize)]
struct FileWritten {
    name: String,
    lines: u64,
    /// Entries that do not read, each named by a line of its own.
    damaged: u64,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let written: Result<Written, Failure> = asking.look(async |client| {
            // Asked for before anything is made: a name that is wrong leaves nothing behind.
            let _known: Value = client.get(&path(&self.user, "")).await?;
            prepare(&self.dir)?;
            let written = self.write_all(client).await;
            if written.is_err() {
                clear(&self.dir);
            }
            written
        });
        let written = written.explain(|| format!("export user `{}`", self.user), who())?;
        asking.console.answer(&written, |_| {
            let facts = written.files.iter().fold(Facts::default(), |facts, file| {
                let label = PARTS.iter().find(|part| file.name.starts_with(**part));
                let label = label.copied().unwrap_or("file");
                let lines = number(file.lines);
                match label {
                    FILES => facts.with(label, format!("{lines}, {}", bytes(written.bytes))),
                    _ => facts.with(label, lines),
                }
            });
            let (user, dir) = (escape(&self.user), written.dir.to_string_lossy());
            facts.under(&format!("Wrote all about {user} into {}", escape(&dir)))
        })?;
        match written.files.iter().map(|file| file.damaged).sum() {
            0 if written.lost == 0 => Ok(()),
            0 => Err(Failure::Found {
                what: format!(
                    "{} of this person could not be written as they were",
                    count(written.lost, "file")
                ),
                hint: "they stand in files.jsonl with \"lost\" or \"damaged\"; the server's log tells what is wrong \
                       with them",
            }),
            damaged => Err(Failure::Found {
                what: format!(
                    "{} could not be read, and may be of this person",
                    count_entries(damaged)
                ),
                hint: "they stand in the files as lines of kind \"damaged\"; `chatd store check` tells what is \
                       wrong with them",
            }),
        }
    }

    async fn write_all(&self, client: &Client) -> Result<Written, Failure> {
        let (mut files, mut own) = (Vec::new(), Files::default());
        for part in PARTS {
            files.push(self.write(client, part, &mut own).await?);
        }
        Ok(Written {
            dir: self.dir.clone(),
            files,
            bytes: own.bytes,
            lost: own.lost,
        })
    }

    async fn write(
        &self,
        client: &Client,
        part: &str,
        own: &mut Files,
    ) -> Result<FileWritten, Failure> {
        let name = format!("{part}.jsonl");
        let file = self.dir.join(&name);
        let what = || format!("cannot write {}", file.display());
        let mut out = BufWriter::new(create(&file).with_context(what)?);
        let base = path(&self.user, &format!("/export/{part}"));
        let (mut lines, mut damaged, mut from) = (0, 0, String::new());
        loop {
            let mut piece: List<Value> = client.get(&format!("{base}{from}")).await?;
            for item in &mut piece.items {
                if part == FILES {
                    own.write(client, &self.dir, item).await?;
                }
                serde_json::to_writer(&mut out, item).map_err(anyhow::Error::from)?;
                out.write_all(b"\n").with_context(what)?;
                lines += 1;
                damaged += u64::from(item["kind"] == "damaged");
            }
            match piece.next {
                Some(next) => from = format!("?cursor={}", quote(&next)),
                None => break,
            }
        }
        let file = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).with_context(what)?;
        Ok(FileWritten {
            name,
            lines,
            damaged,
        })
    }
}

/// Makes the directory for us alone; one that has something in it is left alone.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let what = || format!("cannot use {}", dir.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(what)?;
    let mut entries = std::fs::read_dir(dir).with_context(what)?;
    if entries.next().is_some() {
        return Err(Failure::Listed {
            what: format!("{} is not empty — nothing was written", dir.display()),
            lines: Vec::new(),
            exit: Exit::Unconfirmed,
            hint: "name a directory that is empty, or not there yet".into(),
        });
    }
    Ok(())
}

/// Takes out what was written: a part of it is not what was asked for, and would be in the way of the next try.
fn clear(dir: &Path) {
    for part in PARTS {
        // Not there, as it had not come to that.
        let _not_there = std::fs::remove_file(dir.join(format!("{part}.jsonl")));
    }
    let _not_there = std::fs::remove_dir_all(dir.join(FILES));
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
