//! `chatd user import`: people from another system.

mod codes;
mod file;

use std::{fs::File, io::Read as _, path::PathBuf};

use anyhow::Context as _;
use chatd::{
    admin::{
        Client,
        api::{
            self,
            import::{Batch, Imported, MOST, NewRun, Outcome, Run},
        },
    },
    clock::Millis,
};
use clap::{Args, ValueHint};
use serde::Serialize;

use self::{codes::Codes, file::Row};
use crate::{
    asking::Asking,
    checksum::sha256,
    cli::DryRun,
    failure::{Exit, Failure, Flaw},
    output::{count, escape, moment, table},
};

/// The largest file that is read.
const MOST_BYTES: u64 = 64 << 20;

/// Add many accounts from a CSV file
///
/// The first line names the columns: name, and as many as you have of `display_name`, `email`,
/// `role`, `password_hash` and `status`. All lines are checked before anything is done, and everything that is wrong is
/// told. An account that is there already is left alone; if it differs, nothing is imported, unless you say
/// --update, which changes what the file says and no more. An empty field says nothing.
///
/// Passwords come over as bcrypt or Argon2 hashes. Whoever has none gets a one-time code to set one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd user import people.csv --dry-run
  chatd user import people.csv --codes codes.csv
  chatd user import people.csv --update --json | jq .created")]
pub(crate) struct Import {
    /// The file, in UTF-8
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// Change accounts that are there and differ
    #[arg(long)]
    update: bool,

    /// Write the codes to this new file, for you alone, instead of showing them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    codes: Option<PathBuf>,

    #[command(flatten)]
    dry: DryRun,
}

/// One account, and where it stands in the file.
#[derive(Serialize)]
struct Entry {
    line: u64,
    #[serde(flatten)]
    account: Imported,
}

/// What came of it.
#[derive(Default, Serialize)]
struct Report {
    file: PathBuf,
    /// The number of its act in the control log.
    run: Option<u64>,
    created: u64,
    updated: u64,
    unchanged: u64,
    conflicts: u64,
    accounts: Vec<Entry>,
    dry_run: bool,
    /// Whether it broke off: what is in `accounts` was done, the rest was not.
    broke_off: bool,
}

impl Import {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let bytes = self.read()?;
        let rows = file::parse(&bytes).map_err(|flaws| {
            let lines = flaws.len() as u64;
            self.refused(&count(lines, "thing"), "not right", flaws, Exit::Usage)
        })?;
        let dry_run = self.dry.dry_run;
        let mut report = Report {
            file: self.file.clone(),
            dry_run,
            ..Report::default()
        };
        let done = asking.act(dry_run, async |client| {
            let planned = self.check(client, &rows).await?;
            let tally = |outcome| planned.iter().filter(|i| i.outcome == outcome).count() as u64;
            let (create, update) = (tally(Outcome::Created), tally(Outcome::Updated));
            let losing = planned.iter().filter(|i| i.loses_admin);
            let run = NewRun {
                accounts: rows.len() as u64,
                create,
                update,
                loses_admin: losing.map(|i| i.name.clone()).collect(),
                file: Some(sha256(&bytes)),
                dry_run,
            };
            if dry_run || create + update == 0 {
                if !run.loses_admin.is_empty() {
                    let _fits: Run = client.post("/v1/imports", &run).await?;
                }
                report.add(&rows, planned);
                return Ok(());
            }
            let coming = planned.iter().any(|i| i.code_expires_at.is_some());
            let path = self.codes.as_ref().filter(|_| coming);
            let mut codes = path.map(|path| Codes::create(path)).transpose()?;
            let begun: Run = client.post("/v1/imports", &run).await?;
            report.run = Some(begun.run);
            report.broke_off = true;
            for slice in rows.chunks(MOST) {
                let done = self.send(client, slice, report.run).await?;
                if let Some(codes) = &mut codes {
                    codes.add(&done)?;
                }
                report.add(slice, done);
            }
            report.broke_off = false;
            codes.map_or(Ok(()), Codes::finish)
        });
        if done.is_err() && report.run.is_none() {
            return done;
        }
        // What was done is told also when it broke off: the codes are not to be had again.
        self.tell(asking, &report)?;
        done?;
        let late = report
            .accounts
            .iter()
            .filter(|e| e.account.outcome == Outcome::Conflict);
        let late: Vec<_> = late.map(|e| flaw(e.line, &e.account)).collect();
        if !late.is_empty() {
            let many = count(late.len() as u64, "account");
            return Err(self.refused(&many, "not imported", late, Exit::Conflict));
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let shown = self.file.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(&self.file)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {shown}"))?;
        if bytes.len() as u64 > MOST_BYTES {
            let why = format!("{shown} has more than 64 MiB — split it, and import the parts");
            return Err(Failure::Usage(why));
        }
        Ok(bytes)
    }

    /// What would become of each; a conflict ends it here.
    async fn check(&self, client: &Client, rows: &[Row]) -> Result<Vec<Imported>, Failure> {
        let mut planned = Vec::with_capacity(rows.len());
        for slice in rows.chunks(MOST) {
            planned.extend(self.send(client, slice, None).await?);
        }
        let conflicts = rows.iter().zip(&planned);
        let conflicts = conflicts.filter(|(_, i)| i.outcome == Outcome::Conflict);
        let flaws: Vec<_> = conflicts.map(|(row, i)| flaw(row.line, i)).collect();
        if flaws.is_empty() {
            return Ok(planned);
        }
        let many = count(flaws.len() as u64, "account");
        Err(self.refused(
            &many,
            "there already and not the same",
            flaws,
            Exit::Conflict,
        ))
    }

    async fn send(
        &self,
        client: &Client,
        rows: &[Row],
        run: Option<u64>,
    ) -> Result<Vec<Imported>, Failure> {
        let batch = Batch {
            run,
            accounts: rows.iter().map(|row| row.account.clone()).collect(),
            update: self.update,
            dry_run: run.is_none(),
        };
        let done: api::List<Imported> = client.post("/v1/users/import", &batch).await?;
        Ok(done.items)
    }

    fn refused(&self, many: &str, what: &str, flaws: Vec<Flaw>, exit: Exit) -> Failure {
        let file = self.file.display();
        let is = if many.starts_with("1 ") { "is" } else { "are" };
        let nothing = if what == "not imported" {
            ""
        } else {
            "; nothing was changed"
        };
        let hint = match exit {
            Exit::Usage => "`chatd user import --help` tells what the columns may hold",
            _ => "take them out of the file, or change them with --update",
        };
        Failure::Listed {
            what: format!("cannot import {file} — {many} in it {is} {what}{nothing}"),
            lines: flaws,
            exit,
            hint: hint.into(),
        }
    }

    fn tell(&self, asking: &Asking<'_>, report: &Report) -> Result<(), Failure> {
        let console = asking.console;
        console.answer(report, |now| page(report, self.codes.is_none(), now))?;
        let codes = report
            .accounts
            .iter()
            .filter(|e| e.account.code.is_some())
            .count();
        if codes == 0 || report.dry_run || !console.is_words() {
            return Ok(());
        }
        let many = count(codes as u64, "one-time code");
        match &self.codes {
            Some(path) => console.note(&format!(
                "{many} in {}: their owners set a password with POST /v1/claim.",
                path.display()
            )),
            None => console.note(
                "The codes are shown this once. Their owners set a password with POST /v1/claim.",
            ),
        }
        Ok(())
    }
}

impl Report {
    fn add(&mut self, rows: &[Row], done: Vec<Imported>) {
        for (row, account) in rows.iter().zip(done) {
            match account.outcome {
                Outcome::Created => self.created += 1,
                Outcome::Unchanged => self.unchanged += 1,
                Outcome::Updated => self.updated += 1,
                Outcome::Conflict => self.conflicts += 1,
            }
            let line = row.line;
            self.accounts.push(Entry { line, account });
        }
    }
}

fn flaw(line: u64, account: &Imported) -> Flaw {
    let why = account.why.clone().unwrap_or_default();
    Flaw {
        line,
        column: account.columns.first().cloned(),
        why: format!("`{}`: {why}", account.name),
    }
}

fn page(report: &Report, with_codes: bool, now: Millis) -> String {
    let file = report.file.display().to_string();
    let file = escape(&file);
    let Report {
        created,
        updated,
        unchanged,
        ..
    } = report;
    let tally = format!("{created} new, {updated} changed, {unchanged} as they were");
    let title = if report.dry_run {
        format!("Dry run: of {file}, there would be {tally}. Nothing was changed.")
    } else if report.broke_off {
        format!("Broke off in {file}: {tally} until then.")
    } else if created + updated == 0 {
        format!("Nothing to import from {file}: {tally}.")
    } else {
        format!("Imported {file}: {tally}.")
    };
    let changed = report
        .accounts
        .iter()
        .filter(|e| e.account.outcome == Outcome::Updated);
    let changed = changed.map(|e| {
        let name = escape(&e.account.name).into_owned();
        vec![name, e.account.columns.join(", ")]
    });
    let coded = report
        .accounts
        .iter()
        .filter(|_| with_codes && !report.dry_run);
    let coded = coded.filter_map(|e| {
        let code = e.account.code.as_deref()?;
        let until = e
            .account
            .code_expires_at
            .map_or_else(String::new, |at| moment(at, now));
        Some(vec![
            escape(&e.account.name).into_owned(),
            escape(code).into_owned(),
            until,
        ])
    });
    let mut text = title;
    for (headings, rows) in [
        (&["CHANGED", "IN"][..], changed.collect::<Vec<_>>()),
        (&["NAME", "CODE", "GOOD UNTIL"], coded.collect()),
    ] {
        if !rows.is_empty() {
            text = format!("{text}\n\n{}", table(headings, rows));
        }
    }
    text
}
