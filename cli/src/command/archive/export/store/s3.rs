//! An export in a bucket of a store that speaks S3: Amazon's, or one of one's own.

mod credentials;
mod reach;
mod why;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::{
    ObjectStore as _, ObjectStoreExt as _, PutPayload, Result, WriteMultipart, aws::AmazonS3,
    path::Path,
};

pub(in super::super) use self::reach::Reach;
use self::{reach::Opened, why::Why};
use super::{super::manifest::MANIFEST, There};
use crate::failure::Failure;

/// What is larger goes in parts of this size, so that no request is long. Stores take none under 5 MiB.
const PART: usize = 8 << 20;

/// What begins with a prefix in a bucket.
pub(super) struct S3 {
    store: AmazonS3,
    prefix: Path,
    why: Why,
}

impl S3 {
    /// The one that was named. Nothing is asked yet.
    pub(super) fn open(bucket: &str, prefix: &Path, reach: &Reach) -> Result<Self, Failure> {
        let Opened { store, place } = reach.open(bucket)?;
        Ok(Self {
            store,
            prefix: prefix.clone(),
            why: Why {
                bucket: bucket.to_owned(),
                place,
            },
        })
    }

    /// What begins with the prefix. Ends with the first object that says that no export can begin there.
    pub(super) async fn look(&self) -> Result<There, Failure> {
        let mut there = There::default();
        // It is the last name of an export: found by listing, all the rest would be listed before.
        match self.store.get(&self.path(MANIFEST)).await {
            Ok(found) => there.note(MANIFEST, found.meta.size),
            Err(e) if Why::is_no_object(&e) => {}
            Err(e) => return Err(self.why.failure("look into", &e)),
        }
        let all = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let mut listed = self.store.list(all);
        while !there.manifest && there.strange.is_none() {
            let Some(next) = listed.next().await else {
                break;
            };
            let object = next.map_err(|e| self.why.failure("list", &e))?;
            let name = object.location.as_ref();
            let name = name.strip_prefix(self.prefix.as_ref()).unwrap_or(name);
            there.note(name.trim_start_matches('/'), object.size);
        }
        Ok(there)
    }

    /// Puts an object there; whatever has its name gives way.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Failure> {
        let path = self.path(name);
        let put = if bytes.len() > PART {
            self.put_parts(&path, bytes).await
        } else {
            let payload = PutPayload::from(bytes);
            self.store.put(&path, payload).await.map(|_| ())
        };
        put.map_err(|e| self.why.failure("write to", &e))
    }

    /// Parts are seen when all are there, as one object.
    async fn put_parts(&self, path: &Path, bytes: Bytes) -> Result<()> {
        let upload = self.store.put_multipart(path).await?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
        parts.put(bytes);
        // When a part does not arrive, this takes the others back.
        parts.finish().await.map(|_| ())
    }

    /// Reads an object back.
    pub(super) async fn get(&self, name: &str) -> Result<Bytes, Failure> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        read.await
            .map_err(|e| self.why.failure("read back from", &e))
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').map(object_store::path::PathPart::from);
        let mut path = self.prefix.clone();
        for part in parts {
            path = path.join(part);
        }
        path
    }
}
