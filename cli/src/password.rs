//! Secrets by prompt or stdin, never as an argument: arguments are seen by every process.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use clap::Args;

use crate::{console::is_interactive, failure::Failure};

/// Where a password comes from.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Source {
    /// Read the password from stdin, one line
    #[arg(long, conflicts_with = "code")]
    pub(crate) stdin: bool,

    /// Make a one-time code instead; its owner sets the password
    #[arg(long)]
    pub(crate) code: bool,
}

/// The password, or none when a code is to be made. Nobody is asked for one that `dry_run` would not use.
pub(crate) fn read(source: Source, name: &str, dry_run: bool) -> Result<Option<String>, Failure> {
    if source.stdin {
        return Ok(Some(read_line()?));
    }
    if source.code || dry_run || !is_interactive() {
        return Ok(None);
    }
    ask(format!("Password for {name} (empty for a one-time code): "))
}

/// Asks for a password, twice; none when it is left empty.
fn ask(prompt: String) -> Result<Option<String>, Failure> {
    let first = rpassword::prompt_password(prompt).context("cannot read a password")?;
    if first.is_empty() {
        return Ok(None);
    }
    let second =
        rpassword::prompt_password("The same again: ").context("cannot read a password")?;
    if first != second {
        return Err(Failure::Usage(
            "the two passwords differ — nothing was changed".into(),
        ));
    }
    Ok(Some(first))
}

/// A password that has to be given; none only where `dry_run` would not use it.
pub(crate) fn read_new(stdin: bool, name: &str, dry_run: bool) -> Result<Option<String>, Failure> {
    let given = match stdin {
        true => Some(read_line()?),
        false if dry_run || !is_interactive() => None,
        false => ask(format!("New password for {name}: "))?,
    };
    match given {
        None if !dry_run => Err(Failure::Usage(format!(
            "no password was given — nothing was changed; write one to stdin with --stdin, or let its owner \
             choose: `chatd user reset {name}`"
        ))),
        password => Ok(password),
    }
}

fn read_line() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(rpassword::prompt_password("Password: ").context("cannot read a password")?);
    }
    let mut line = String::new();
    stdin
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from stdin")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    if line.is_empty() {
        let why = "stdin holds no password; write one to it, or have a one-time code made instead";
        return Err(Failure::Usage(why.into()));
    }
    Ok(line)
}
