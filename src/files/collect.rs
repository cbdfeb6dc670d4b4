//! Collecting: the bytes of files that are to go, uploads that nobody used, and bytes that no record knows.

use std::{pin::pin, time::Duration};

use futures_util::{StreamExt as _, stream};

use super::Files;
use crate::{
    id::{FileId, LogId},
    log::{Error, refuse},
    model::{File, Refusal},
    shelf::{self, Shelf},
    store::Write,
};

/// How many files one step takes.
const STEP: usize = 64;

/// How many are taken out at once: an object store takes its time for each.
const AT_ONCE: usize = 8;

/// How old bytes are that no record knows, before they are taken out: longer than any upload takes to be recorded once
/// its bytes are there.
const ORPHANED: Duration = Duration::from_hours(1);

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many files.
    pub files: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

impl Files {
    /// Takes out what is to go, and uploads whose time is over. What cannot be taken out now is tried again the next
    /// time.
    pub async fn collect(&self) -> Result<Collected, Refusal> {
        self.drop_unused().await?;
        let (mut all, mut after) = (Collected::default(), None);
        while !self.stopping.is_cancelled() {
            let gone = self.store.gone_files(after, STEP).await;
            let gone = gone.map_err(|e| refuse(&e))?;
            let Some(last) = gone.last() else { break };
            after = last.gone_at.map(|at| (at, last.id));
            let done = self.take_out(&gone).await?;
            all.files += done.files;
            all.bytes += done.bytes;
        }
        Ok(all)
    }

    /// Takes out the bytes of files that are to go, and then what is known of them. Those that cannot be taken out now
    /// stay known, and are tried again.
    pub(super) async fn take_out(&self, gone: &[File]) -> Result<Collected, Refusal> {
        let (mut all, mut done) = (Collected::default(), Vec::new());
        let removals: Vec<_> = gone
            .iter()
            .map(|file| remove(self.shelf.clone(), file.clone()))
            .collect();
        let mut removals = pin!(stream::iter(removals).buffer_unordered(AT_ONCE));
        while let Some((file, removed)) = removals.next().await {
            match removed {
                Ok(()) => {
                    done.push(file.id);
                    all.files += 1;
                    all.bytes += file.size;
                }
                Err(error) => tracing::error!(%error, "the bytes of a file stay for now"),
            }
        }
        self.forget(done).await?;
        Ok(all)
    }

    /// Says of uploads that nobody used in time that they are to go, unless their owner is under a hold.
    async fn drop_unused(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        let before = now.minus(self.config.get().files.unused.into());
        let mut after = None;
        while !self.stopping.is_cancelled() {
            let unused = self.store.unused_files(after, STEP).await;
            let unused = unused.map_err(|e| refuse(&e))?;
            after = unused.last().map(|f| f.id);
            let due = |f: &&File| f.at <= before;
            let over = unused.iter().filter(due).count() < unused.len();
            let policy = self.log.policy();
            let free = |f: &&File| policy.hold_on_user(f.owner).is_none();
            for file in unused.iter().filter(due).filter(free) {
                self.drop_one(file).await?;
            }
            // The rest is younger.
            if over || after.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn drop_one(&self, file: &File) -> Result<(), Refusal> {
        let (id, owner) = (file.id, file.owner);
        let done = self.log.append(&[LogId::Control], None, move |draft| {
            draft.by_itself();
            // One that came at the last moment.
            if draft.policy().hold_on_user(owner).is_none() {
                let at = draft.now();
                let place = None;
                draft.write(Write::DropFile { id, place, at });
            }
            Ok(())
        });
        match done.await {
            // Used at the last moment.
            Ok(_) | Err(Error::Stale) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes out bytes of which no record knows: of uploads that ended with the process, between the one and the other.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let own = self.shelf.check().await;
        if !own.map_err(|e| super::no_bytes(&e))? {
            return Ok(0);
        }
        let before = self.clock.now().minus(ORPHANED);
        let mut swept = 0;
        for part in 0..=u8::MAX {
            if self.stopping.is_cancelled() {
                break;
            }
            let ids = self.shelf.list(part).await;
            let ids = ids.map_err(|e| super::no_bytes(&e))?;
            let old = |id: &FileId| id.made_at().is_some_and(|at| at < before);
            // In this order: one that is no longer under way is in the store, or never will be.
            let ids = ids
                .into_iter()
                .filter(|id| old(id) && !self.uploads.has(*id));
            let ids: Vec<FileId> = ids.collect();
            for ids in ids.chunks(STEP) {
                let known = self.store.files(ids).await.map_err(|e| refuse(&e))?;
                for id in ids.iter().filter(|id| !known.iter().any(|f| f.id == **id)) {
                    self.shelf
                        .remove(*id)
                        .await
                        .map_err(|e| super::no_bytes(&e))?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    async fn forget(&self, ids: Vec<FileId>) -> Result<(), Refusal> {
        if ids.is_empty() {
            return Ok(());
        }
        let done = self.log.append(&[], None, move |draft| {
            draft.by_itself();
            for id in &ids {
                draft.write(Write::DeleteFile(*id));
            }
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}

async fn remove(shelf: Shelf, file: File) -> (File, Result<(), shelf::Error>) {
    let removed = shelf.remove(file.id).await;
    (file, removed)
}
