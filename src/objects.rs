//! Object stores that speak S3: Amazon's, or one of one's own. Which bucket is meant, how it is reached and as whom, and
//! what its refusals and silences mean.
//!
//! Files lie in one where the settings say so, and the archive is exported to one. Nothing is known here of either.

mod credentials;
mod fault;
mod place;
mod reach;
mod upload;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use object_store::{
    ObjectStore as _, ObjectStoreExt as _, PutPayload, WriteMultipart,
    aws::AmazonS3,
    path::{Path, PathPart},
};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

pub use self::{
    fault::{Fault, Kind},
    place::Place,
    reach::{Reach, Unfit},
    upload::Upload,
};

/// What is larger goes in parts of this size, so that no request is long. Stores take none under 5 MiB, and ten thousand
/// of an object at most.
pub const PART: usize = 8 << 20;

/// How long [`Bucket::settle`] waits.
const FAREWELL: Duration = Duration::from_secs(10);

/// What begins with a prefix in a bucket. Names are what comes after that, in parts between slashes.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: AmazonS3,
    place: Place,
    /// Where the store is, for people.
    at: String,
    /// What is still to be said to the store of objects that did not come to their end.
    aborts: TaskTracker,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
}

impl Bucket {
    /// The one that is named. Nothing is asked yet.
    pub fn open(place: &Place, reach: &Reach) -> Result<Self, Unfit> {
        let (store, at) = reach.open(place.bucket())?;
        let (place, aborts) = (place.clone(), TaskTracker::new());
        Ok(Self {
            store,
            place,
            at,
            aborts,
        })
    }

    /// Which one it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where the store is, for people.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// An object; none when there is none.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        Fault::unless_missing(read.await)
    }

    /// Some bytes of an object, `range.end` not among them; none when there is no such object.
    pub async fn get_range(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>, Fault> {
        Fault::unless_missing(self.store.get_range(&self.path(name), range).await)
    }

    /// How many bytes an object has; none when there is none.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, Fault> {
        let found = Fault::unless_missing(self.store.head(&self.path(name)).await)?;
        Ok(found.map(|found| found.size))
    }

    /// Puts an object there; whatever has its name gives way.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Fault> {
        let path = self.path(name);
        let put = if bytes.len() > PART {
            self.put_parts(&path, bytes).await
        } else {
            let payload = PutPayload::from(bytes);
            self.store.put(&path, payload).await.map(drop)
        };
        put.map_err(|e| Fault::of(&e))
    }

    /// Parts are seen when all are there, as one object.
    async fn put_parts(&self, path: &Path, bytes: Bytes) -> object_store::Result<()> {
        let upload = self.store.put_multipart(path).await?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
        parts.put(bytes);
        // When a part does not arrive, this takes the others back.
        parts.finish().await.map(drop)
    }

    /// Begins an object that comes piece by piece, of which no more than [`PART`] bytes are held here.
    pub fn begin(&self, name: &str) -> Upload {
        Upload::new(self.store.clone(), self.path(name), self.aborts.clone())
    }

    /// Waits until the store was told of the objects that did not come to their end, or for ten seconds: for who ends after
    /// that.
    pub async fn settle(&self) {
        self.aborts.close();
        let _or_a_rule_of_the_bucket = timeout(FAREWELL, self.aborts.wait()).await;
        self.aborts.reopen();
    }

    /// Takes an object out; fine when there is none.
    pub async fn remove(&self, name: &str) -> Result<(), Fault> {
        let gone = self.store.delete(&self.path(name)).await;
        Fault::unless_gone(gone)
    }

    /// Gives an object another name as well, without its bytes coming here.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Fault> {
        let copied = self.store.copy(&self.path(from), &self.path(to)).await;
        copied.map_err(|e| Fault::of(&e))
    }

    /// The objects whose names begin with this part, or all.
    pub fn list(&self, part: Option<&str>) -> impl Stream<Item = Result<Object, Fault>> + Send {
        let of = part.map_or_else(|| self.place.prefix().clone(), |part| self.path(part));
        let all = Some(&of).filter(|prefix| !prefix.as_ref().is_empty());
        let prefix = self.place.prefix().clone();
        self.store.list(all).map(move |found| {
            let found = found.map_err(|e| Fault::of(&e))?;
            let name = found.location.as_ref();
            let name = name.strip_prefix(prefix.as_ref()).unwrap_or(name);
            Ok(Object {
                name: name.trim_start_matches('/').to_owned(),
                size: found.size,
            })
        })
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').map(PathPart::from);
        parts.fold(self.place.prefix().clone(), Path::join)
    }
}
