//! An object that comes piece by piece.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, aws::AmazonS3, path::Path};

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::{Fault, PART};

/// An object of which some has come. Nobody sees it before it is finished; dropped unfinished it leaves nothing, as far as
/// the store can still be told.
#[derive(Debug)]
pub struct Upload {
    store: AmazonS3,
    path: Path,
    /// What has come and is not sent.
    waiting: BytesMut,
    /// What was sent, where that was more than one part. Nobody waits for the lock: it only says that this may be passed
    /// between threads.
    parts: Mutex<Option<Box<dyn MultipartUpload>>>,
    aborts: TaskTracker,
}

impl Upload {
    pub(super) fn new(store: AmazonS3, path: Path, aborts: TaskTracker) -> Self {
        Self {
            store,
            path,
            waiting: BytesMut::new(),
            parts: Mutex::new(None),
            aborts,
        }
    }

    /// Takes some more. Waits while a part is sent, so that whoever reads stops reading.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() > PART {
            let part = self.waiting.split_to(PART).freeze();
            self.send(part).await.map_err(|e| Fault::of(&e))?;
        }
        Ok(())
    }

    /// How many bytes are held here.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.waiting.len()
    }

    /// All has come: from here on the object is there, and kept.
    pub async fn finish(mut self) -> Result<(), Fault> {
        let last = self.waiting.split().freeze();
        let done = if self.parts.get_mut().is_none() {
            let payload = PutPayload::from(last);
            self.store.put(&self.path, payload).await.map(drop)
        } else {
            self.complete(last).await
        };
        done.map_err(|e| Fault::of(&e))
    }

    async fn complete(&mut self, last: Bytes) -> object_store::Result<()> {
        self.send(last).await?;
        let parts = self.parts.get_mut();
        if let Some(begun) = parts {
            begun.complete().await?;
        }
        *parts = None;
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> object_store::Result<()> {
        let parts = match self.parts.get_mut() {
            Some(parts) => parts,
            parts @ None => parts.insert(self.store.put_multipart(&self.path).await?),
        };
        parts.put_part(PutPayload::from(part)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The store keeps parts, and is paid for it, until it is told, or by a rule of the bucket.
        if let Some(mut parts) = self.parts.get_mut().take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            self.aborts
                .spawn_on(async move { parts.abort().await }, &runtime);
        }
    }
}
