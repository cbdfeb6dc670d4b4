//! Whether the bytes of files are those that were uploaded. In a directory all of them are read; an object store keeps sums of
//! its own, and is asked how many there are.

use futures_util::{StreamExt as _, stream};

use super::{Check, Stop};
use crate::{
    id::FileId,
    model::File,
    shelf,
    store::raw::{Row, Table, Value},
};

/// How many records are read at a time.
const PAGE: usize = 256;
/// How many are looked at at once: an object store takes its time for each.
const AT_ONCE: usize = 16;

impl Check {
    /// Reads the bytes of a file, where there is a directory to look in.
    pub(super) async fn bytes(&mut self, row: &Row) -> Result<(), Stop> {
        let (Some(place), Some((id, size, sum))) = (&self.shelf, file(row)) else {
            return Ok(());
        };
        if place.is_remote() {
            return Ok(());
        }
        let what = match place.examine(id, size, Some(sum)).await {
            Ok(None) => return Ok(()),
            Ok(Some(fault)) => fault.to_string(),
            Err(e) => e.to_string(),
        };
        self.no_such_file(id, what).await
    }

    /// Looks at each file that is not to go in an object store, for its size alone.
    pub(super) async fn remote_files(&mut self) -> Result<(), Stop> {
        let Some(place) = self.shelf.clone().filter(shelf::Shelf::is_remote) else {
            return Ok(());
        };
        let mut after = None;
        loop {
            let page = self.store.all_files(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id);
            let wanted: Vec<File> = page.into_iter().filter(|f| f.gone_at.is_none()).collect();
            let looks: Vec<_> = wanted
                .iter()
                .map(|file| {
                    let (place, id, size) = (place.clone(), file.id, file.size);
                    async move { place.examine(id, size, None).await }
                })
                .collect();
            let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
            for (file, found) in wanted.iter().zip(found) {
                match found {
                    Ok(None) => {}
                    Ok(Some(fault)) => self.no_such_file(file.id, fault.to_string()).await?,
                    Err(e) => return self.unreachable(&e).await,
                }
            }
        }
    }

    async fn no_such_file(&mut self, id: FileId, what: String) -> Result<(), Stop> {
        // It may have gone meanwhile.
        let known = self.store.file(id).await?;
        if known.is_none_or(|file| file.gone_at.is_some()) {
            return Ok(());
        }
        self.problem(format!("file {id}"), what).await
    }

    /// The rest is not looked at.
    async fn unreachable(&mut self, error: &shelf::Error) -> Result<(), Stop> {
        let what = format!("it cannot be told whether they are there: {error}");
        self.problem("files", what).await
    }
}

/// Which file it is, how many bytes it has, and their SHA-256; none where that does not read, or the bytes may be gone.
fn file(row: &Row) -> Option<(FileId, u64, [u8; 32])> {
    let of = |field| row.get(Table::Files, field);
    let size = u64::try_from(of("size").int()?).ok()?;
    let sum = of("sha256").bytes()?.try_into().ok()?;
    let there = *of("gone_at") == Value::Null;
    there.then_some((FileId::from_bytes(of("id").id()?), size, sum))
}
