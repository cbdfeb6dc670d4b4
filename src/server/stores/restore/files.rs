//! The bytes of files, when a store goes back to a backup. They are brought in before the store is put into its place, which
//! only adds some; what the store before had stays under second names, as that store does.

use super::{Error, Restored, Wanted, aside};
use crate::{server::core::Core, shelf::Shelf, store::backup::FILES};

/// How many files are looked at at a time.
const PAGE: usize = 256;

/// Brings the bytes of the files that the store has back from the backup, or only looks whether they are there.
pub(super) async fn bring(core: &Core, wanted: &Wanted, made: &mut Restored) -> Result<(), Error> {
    let (store, shelf) = (&core.app.store, &core.app.files.shelf);
    let from = wanted.from.join(FILES);
    if !wanted.dry_run {
        // For the store that is replaced, and before anything is there that it never had.
        let kept = shelf.set_aside(aside(core.app.clock.now())).await;
        kept.map_err(Error::Files)?;
    }
    let mut after = None;
    loop {
        let page = store.all_files(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for file in page.iter().filter(|f| f.gone_at.is_none()) {
            let there = shelf.copy_in(file, from.clone(), wanted.dry_run).await;
            made.files += 1;
            if !there.map_err(Error::Files)? {
                made.files_lost += 1;
                made.lost.push(file.id.to_string());
            }
        }
    }
}

/// Says that the files are those of the store that took the place of the other.
pub(super) async fn claim(shelf: &Shelf, mark: String) -> Result<(), Error> {
    shelf.claim(mark).await.map_err(Error::Files)
}
