//! The bytes of files, beside the copy of the store.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::{BackupStep, Stop, blocking};
use crate::{
    ops::Ops,
    shelf,
    store::{Store as _, backup::options, sqlite::Sqlite},
};

/// How many files are copied between two looks at what there is.
const FILES: usize = 256;

impl Ops {
    /// Copies the bytes of the files that the copy knows; answers how many, and of how many there are none. Those that
    /// went since the snapshot was taken are left out.
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
                match self.shelf.copy_out(file.id, to.clone()).await {
                    Ok(()) => files += 1,
                    Err(shelf::Error::Missing(id)) => {
                        let known = self.store.file(id).await?;
                        if known.is_none_or(|f| f.gone_at.is_some()) {
                            continue;
                        }
                        missing += 1;
                        let (place, what) =
                            (format!("file {id}"), "its bytes are not there".into());
                        let _gone = says.send(BackupStep::Problem { place, what }).await;
                    }
                    Err(e) => return Err(Stop::Broken(format!("a file cannot be copied: {e}"))),
                }
            }
        }
    }
}
