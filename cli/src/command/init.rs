//! `chatd init`: a file of settings to start from.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf, absolute},
};

use anyhow::Context as _;
use chatd::config::{self, Sources};
use clap::{Args, ValueHint};
use serde::Serialize;

use crate::{
    cli::{DryRun, Global},
    console::Console,
    failure::Failure,
    output::escape,
    settings,
};

/// Where a service keeps its data.
const SERVICE_DATA: &str = "/var/lib/chatd";

/// Write a configuration file to start from
///
/// Every setting is in it, explained and commented out. Only what makes a server fit for others is set:
/// registration by invitation, and where the data is. A file that is there is never overwritten unasked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd init
  chatd init /etc/chatd/chatd.toml --data-dir /var/lib/chatd
  chatd init --dry-run | less")]
pub(crate) struct Init {
    /// Where to write it [default: --config, or ./chatd.toml]
    #[arg(value_hint = ValueHint::FilePath)]
    path: Option<PathBuf>,

    /// Overwrite the file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    dry: DryRun,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    path: PathBuf,
    data_dir: PathBuf,
    dry_run: bool,
    /// The file's text, when it was not written.
    text: Option<String>,
}

impl Init {
    pub(crate) fn run(
        self,
        sources: &Sources,
        global: &Global,
        console: &Console,
    ) -> Result<(), Failure> {
        let path = self
            .path
            .or_else(|| sources.file.clone())
            .unwrap_or_else(|| "chatd.toml".into());
        let data_dir = data_dir(global, &path)?;
        let mut set = sources.set.clone();
        set.retain(|(key, _)| key != "server.data_dir");
        set.push((
            "server.data_dir".into(),
            data_dir.to_string_lossy().into_owned(),
        ));
        if !set.iter().any(|(key, _)| key == "auth.registration") {
            set.push(("auth.registration".into(), "invite".into()));
        }
        let text = example(&set)?;
        let dry_run = self.dry.dry_run;
        if path.exists() && !self.force {
            return Err(Failure::Exists(path.display().to_string()));
        }
        if !dry_run {
            write(&path, &text, self.force)?;
        }
        let written = Written {
            path,
            data_dir,
            dry_run,
            text: dry_run.then_some(text),
        };
        console.answer(&written, |_| match &written.text {
            Some(text) => text.clone(),
            None => next_steps(&written),
        })
    }
}

/// A file to start from with these settings in it, and all others explained and commented out.
pub(super) fn example(set: &[(String, String)]) -> Result<String, Failure> {
    // What is written into the file is checked as if it came from it.
    let loaded = settings::load(&Sources {
        set: set.to_vec(),
        ..Sources::default()
    })?;
    let mut text = config::example();
    for (key, _) in set {
        let key = config::KEYS
            .iter()
            .find(|known| known.path == key)
            .context("a known key")?;
        text = uncomment(&text, key, &key.value(&loaded.config));
    }
    Ok(text)
}

/// As told; for a file below /etc the service's; else beside the file. Absolute: a path that depends on
/// where the server is started from leads to a second, empty store one day.
fn data_dir(global: &Global, path: &Path) -> Result<PathBuf, Failure> {
    let path = absolute(path).context("cannot tell where the file goes")?;
    let dir = match &global.data_dir {
        Some(dir) => absolute(dir).context("cannot tell where the data goes")?,
        None if path.starts_with("/etc") => SERVICE_DATA.into(),
        None => path.with_file_name("chatd-data"),
    };
    Ok(dir)
}

/// Puts a value in place of a key's commented-out default.
fn uncomment(text: &str, key: &config::Key, value: &str) -> String {
    let (section, name) = key.split();
    let head = format!("\n[{section}]\n");
    let Some(start) = text.find(&head) else {
        return text.to_owned();
    };
    let (before, rest) = text.split_at(start + head.len());
    let default = format!("\n#{name} = {}\n", key.default);
    format!(
        "{before}{}",
        rest.replacen(&default, &format!("\n{name} = {value}\n"), 1)
    )
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let what = || format!("cannot write {}", path.display());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(what)?;
    }
    let mut open = OpenOptions::new();
    open.write(true);
    if force {
        open.create(true).truncate(true)
    } else {
        open.create_new(true)
    };
    match open
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
    {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::Exists(path.display().to_string()))
        }
        done => Ok(done.with_context(what)?),
    }
}

fn next_steps(written: &Written) -> String {
    let shown = |path: &Path| escape(&path.to_string_lossy()).into_owned();
    let whole = absolute(&written.path).unwrap_or_else(|_| written.path.clone());
    let (path, whole, data) = (
        shown(&written.path),
        shown(&whole),
        shown(&written.data_dir),
    );
    format!(
        "Wrote {path}; data goes to {data}, registration is by invitation.\n\n\
         Next:\n  \
         export CHATD_CONFIG={whole}\n  \
         chatd user add NAME --role admin   # the first administrator\n  \
         chatd serve                        # run the server\n  \
         chatd invite create                # a code for the next person\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_example_can_be_set() {
        let example = config::example();
        for key in config::KEYS {
            let set = uncomment(&example, key, "\"value\"");
            assert_ne!(set, example, "{}", key.path);
            let line = format!("{} = \"value\"", key.split().1);
            assert_eq!(
                set.lines().filter(|l| *l == line).count(),
                1,
                "{}",
                key.path
            );
        }
    }
}
