//! An export in a bucket of a store that speaks S3: Amazon's, or one of one's own.

mod reach;
mod why;

use bytes::Bytes;
use chatd::objects::{Bucket, Fault, PART, Place, Upload};
use futures_util::StreamExt as _;

pub(in super::super) use self::reach::Reach;
use super::{
    super::manifest::{MANIFEST, Part},
    There,
};
use crate::{
    checksum::Checksum,
    failure::{Exit, Failure},
};

/// What begins with a prefix in a bucket.
pub(super) struct S3(Bucket);

impl S3 {
    /// The one that was named. Nothing is asked yet.
    pub(super) fn open(place: &Place, reach: &Reach) -> Result<Self, Failure> {
        reach.open(place).map(Self)
    }

    /// What begins with the prefix. Ends with the first object that says that no export can begin there.
    pub(super) async fn look(&self) -> Result<There, Failure> {
        let mut there = There::default();
        // It is the last name of an export: found by listing, all the rest would be listed before.
        // Read whole, as an answer without a body says less of why there is none.
        let manifest = self.0.get(MANIFEST).await;
        if let Some(bytes) = manifest.map_err(|e| self.failure("look into", &e))? {
            there.note(MANIFEST, bytes.len() as u64);
        }
        let mut listed = std::pin::pin!(self.0.list(None));
        while !there.manifest && there.strange.is_none() {
            let Some(next) = listed.next().await else {
                break;
            };
            let object = next.map_err(|e| self.failure("list", &e))?;
            there.note(&object.name, object.size);
        }
        Ok(there)
    }

    /// Puts an object there; whatever has its name gives way.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Failure> {
        self.written(self.0.put(name, bytes).await)
    }

    /// Begins an object that comes piece by piece; whatever has its name gives way when it is finished.
    pub(super) fn take(&self, name: &str) -> Upload {
        self.0.begin(name)
    }

    /// Waits until the store was told of what did not come to its end.
    pub(super) async fn leave(&self) {
        self.0.settle().await;
    }

    /// What came of writing.
    pub(super) fn written(&self, done: Result<(), Fault>) -> Result<(), Failure> {
        done.map_err(|e| self.failure("write to", &e))
    }

    /// Reads an object back.
    pub(super) async fn get(&self, name: &str) -> Result<Bytes, Failure> {
        self.there(name, self.0.get(name).await)
    }

    /// Reads an object back piece by piece, and tells whether it is as it was written.
    pub(super) async fn is_as_written(&self, part: &Part) -> Result<bool, Failure> {
        let name = &part.file;
        if self.there(name, self.0.size(name).await)? != part.size {
            return Ok(false);
        }
        let (mut at, mut sum) = (0, Checksum::default());
        while at < part.size {
            let upto = part.size.min(at + PART as u64);
            let piece = self.there(name, self.0.get_range(name, at..upto).await)?;
            if piece.len() as u64 != upto - at {
                return Ok(false);
            }
            sum.add(&piece);
            at = upto;
        }
        Ok(sum.text() == part.sha256)
    }

    /// What was read of an object that has to be there.
    fn there<T>(&self, name: &str, read: Result<Option<T>, Fault>) -> Result<T, Failure> {
        let read = read.map_err(|e| self.failure("read back from", &e))?;
        read.ok_or_else(|| Failure::Listed {
            what: format!(
                "{name} was written to bucket {}, and is not there",
                self.0.place().bucket()
            ),
            lines: Vec::new(),
            exit: Exit::Other,
            hint: "look whether somebody else takes objects out of it".into(),
        })
    }

    fn failure(&self, doing: &str, fault: &Fault) -> Failure {
        why::failure(self.0.place().bucket(), self.0.at(), doing, fault)
    }
}
