//! `chatd file delete`.

use chatd::{admin::api::DeletedFile, model::Reason};
use clap::Args;

use super::{path, which};
use crate::{
    args::{Noted, Sure, name},
    asking::{Asking, quote},
    failure::{Explain as _, Failure},
    output::{bytes, escape},
};

/// Delete a file for good
///
/// Its bytes leave the disk at once, and come back with no backup. The message that it is in stays, and shows that the
/// file is gone. What a legal hold keeps stays. On a terminal it asks to type `delete`; elsewhere it takes --yes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd file delete 0197c0de-7b1c-7000-8000-000000000001 --dry-run
  chatd file delete 0197c0de-7b1c-7000-8000-000000000001 --reason 'case 17' --yes")]
pub(crate) struct Delete {
    /// The file's id
    #[arg(value_parser = name)]
    file: String,

    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    noted: Noted,
}

impl Delete {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (id, dry_run) = (&self.file, self.noted.dry.dry_run);
        self.sure.begin(dry_run)?;
        let text = format!("This deletes file {}, for good.", escape(id));
        self.sure.confirm(dry_run, "delete", &text)?;
        let mut path = format!("{}?dry_run={dry_run}", path(id));
        if let Some(reason) = self.noted.reason.as_ref().map(Reason::as_str) {
            path = format!("{path}&reason={}", quote(reason));
        }
        let done: Result<DeletedFile, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let done = done.explain(|| format!("delete file `{id}`"), which())?;
        asking.console.answer(&done, |_| {
            let (id, size) = (escape(id), bytes(done.size));
            match (done.already, dry_run) {
                (true, _) => format!("File {id} was to go already."),
                (false, true) => {
                    format!("Dry run: file {id} ({size}) can be deleted. Nothing was changed.")
                }
                (false, false) => format!("Deleted file {id} ({size})."),
            }
        })
    }
}
