//! Whether the bytes of files are those that were uploaded.

use super::{Check, Stop};
use crate::{
    id::FileId,
    store::raw::{Row, Table, Value},
};

impl Check {
    /// Reads the bytes of a file, where there is a shelf to look on.
    pub(super) async fn bytes(&mut self, row: &Row) -> Result<(), Stop> {
        let (Some(place), Some((id, size, sum))) = (&self.shelf, file(row)) else {
            return Ok(());
        };
        let what = match place.check(id, size, Some(sum)).await {
            Ok(None) => return Ok(()),
            Ok(Some(fault)) => fault.to_string(),
            Err(e) => e.to_string(),
        };
        // It may have gone since.
        let known = self.store.file(id).await?;
        if known.is_none_or(|file| file.gone_at.is_some()) {
            return Ok(());
        }
        self.problem(row.place(Table::Files), what).await
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
