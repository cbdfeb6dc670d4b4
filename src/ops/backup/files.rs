//! The bytes of files, beside the copy of the store; where they lie in an object store, that they are there.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::{BackupStep, Stop, blocking};
use crate::{
    model::File,
    ops::Ops,
    shelf::{self, Fault},
    store::{Store as _, backup::options, sqlite::Sqlite},
};

/// How many files are copied between two looks at what there is.
const FILES: usize = 256;

impl Ops {
    /// Copies the bytes of the files that the copy knows; answers how many, and how many could not be, as there are none
    /// or not as many as there were. Those that went since the snapshot was taken are left out.
    pub(super) async fn copy_files(
        &self,
        database: &Path,
        to: PathBuf,
        says: &mpsc::Sender<BackupStep>,
    ) -> Result<(u64, u64), Stop> {
        let options = options(database, &self.clock);
        let copy = blocking(move || Ok(Sqlite::open(options)?)).await?;
        let copied = self.copy_files_of(&copy, to, says).await;
        copy.close().await;
        copied
    }

    async fn copy_files_of(
        &self,
        copy: &Sqlite,
        to: PathBuf,
        says: &mpsc::Sender<BackupStep>,
    ) -> Result<(u64, u64), Stop> {
        let (mut files, mut missing, mut after) = (0, 0, None);
        loop {
            let page = copy.all_files(after, FILES).await?;
            let Some(last) = page.last() else {
                return Ok((files, missing));
            };
            after = Some(last.id);
            for file in page.iter().filter(|f| f.gone_at.is_none()) {
                if says.is_closed() {
                    return Err(Stop::Gone);
                }
                let fault = match self.copy_file(file, to.clone()).await {
                    Ok(Some(fault)) => fault,
                    Ok(None) => {
                        files += 1;
                        continue;
                    }
                    // They lie where they lay, and the rest of the backup is as good without them. One problem stands for
                    // all: the next would be waited for as long.
                    Err(shelf::Error::Remote { what, .. }) => {
                        let place = "files".to_owned();
                        let what = format!("{what}: whether they are all there is not known");
                        let _gone = says.send(BackupStep::Problem { place, what }).await;
                        return Ok((files, missing + 1));
                    }
                    Err(e) => {
                        return Err(Stop::Broken(format!("a file cannot be copied: {e}")));
                    }
                };
                let known = self.store.file(file.id).await?;
                if known.is_none_or(|f| f.gone_at.is_some()) {
                    continue;
                }
                missing += 1;
                let (place, what) = (format!("file {}", file.id), fault.to_string());
                let _gone = says.send(BackupStep::Problem { place, what }).await;
            }
        }
    }

    /// Copies the bytes of a file; answers what is wrong with them where they are not worth it.
    async fn copy_file(&self, file: &File, to: PathBuf) -> Result<Option<Fault>, shelf::Error> {
        if let Some(fault) = self.shelf.examine(file.id, file.size, None).await? {
            return Ok(Some(fault));
        }
        match self.shelf.copy_out(file.id, to).await {
            Ok(()) => Ok(None),
            Err(shelf::Error::Missing(_)) => Ok(Some(Fault::Missing)),
            Err(e) => Err(e),
        }
    }
}
