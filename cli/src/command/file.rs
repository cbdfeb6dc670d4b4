//! `chatd file`: what people uploaded, and taking out what must not be here.

mod content;
mod delete;
mod list;
mod page;

use chatd::admin::api;
use clap::{Args, Subcommand};

pub(super) use self::content::fetch;
use self::{delete::Delete, list::List};
use crate::{
    args::name,
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
};

/// See what people uploaded, and delete a file
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd file list --largest
  chatd file list --user ana --type image
  chatd file show 0197c0de-7b1c-7000-8000-000000000001
  chatd file delete 0197c0de-7b1c-7000-8000-000000000001 --reason 'case 17'")]
pub(crate) enum File {
    List(List),
    Show(Show),
    Delete(Delete),
}

/// Show what is known of a file
///
/// What it is, who uploaded it and when, in which message it is, and whether a hold keeps it. Its bytes are for those
/// who may read the message.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd file show 0197c0de-7b1c-7000-8000-000000000001
  chatd file show 0197c0de-7b1c-7000-8000-000000000001 --json | jq -r .sha256")]
pub(crate) struct Show {
    /// The file's id
    #[arg(value_parser = name)]
    file: String,
}

impl File {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(asking),
            Self::Show(show) => show.run(asking),
            Self::Delete(delete) => delete.run(asking),
        }
    }
}

impl Show {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let path = path(&self.file);
        let found: Result<api::File, Failure> =
            asking.look(async |client| Ok(client.get(&path).await?));
        let found = found.explain(|| format!("show file `{}`", self.file), which())?;
        asking
            .console
            .answer(&found, |now| page::detail(&found, now))
    }
}

/// Where a file is asked for.
pub(super) fn path(id: &str) -> String {
    format!("/v1/files/{}", quote(id))
}

/// The advice when there is no such file.
fn which() -> (Exit, String) {
    let hint = "`chatd file list` lists files with their ids; one whose bytes are gone is not listed any more";
    (Exit::NotFound, hint.to_owned())
}
