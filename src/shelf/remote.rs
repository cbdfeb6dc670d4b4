//! An object store: the same names as in a directory (`xx/ID`, and `store`, which says whose files they are), so that any
//! tool that copies the one into the other moves the files.
//!
//! It may be away. Whoever asks then is told so; what was last seen of it is kept for those who watch.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;

use super::{Error, directory, shard};
use crate::{
    id::FileId,
    model::File,
    objects::{Bucket, Fault, Kind, Upload},
};

/// What the object is called that says whose files they are.
const MARK: &str = "store";
/// How many requests are under way at once, where there are many.
const AT_ONCE: usize = 16;
/// How much is read with one request.
pub(super) const PIECE: u64 = 1 << 19;

#[derive(Debug)]
pub(super) struct Remote {
    bucket: Bucket,
    /// Tells the store whose files they are from others.
    mark: String,
    /// What the last request came to.
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// Why the last one was not answered.
    trouble: Option<String>,
    /// Whether the files are those of this store; none before it was asked.
    own: Option<bool>,
}

impl Remote {
    /// Nothing is asked yet.
    pub(super) fn new(bucket: Bucket, mark: String) -> Self {
        Self {
            bucket,
            mark,
            last: Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> String {
        self.bucket.place().to_string()
    }

    /// Why the last request was not answered, if it was not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.last.lock().trouble.clone()
    }

    /// Whether the files are those of this store, as far as is known.
    pub(super) fn is_own(&self) -> bool {
        self.last.lock().own.unwrap_or(true)
    }

    /// Asks whether the files are those of this store; says that they are where nobody says anything.
    pub(super) async fn check(&self) -> Result<bool, Error> {
        let found = self.done("look into", self.bucket.get(MARK).await)?;
        let own = if let Some(found) = found {
            found.trim_ascii() == self.mark.as_bytes()
        } else {
            self.put_mark(&self.mark).await?;
            true
        };
        self.last.lock().own = Some(own);
        Ok(own)
    }

    pub(super) async fn claim(&self, mark: &str) -> Result<(), Error> {
        self.put_mark(mark).await
    }

    async fn put_mark(&self, mark: &str) -> Result<(), Error> {
        let mark = Bytes::from(format!("{mark}\n"));
        self.done("write to", self.bucket.put(MARK, mark).await)
    }

    pub(super) fn begin(&self, id: FileId) -> Upload {
        self.bucket.begin(&name(id))
    }

    pub(super) async fn write(&self, upload: &mut Upload, bytes: &[u8]) -> Result<(), Error> {
        let written = upload.write(bytes).await;
        self.done("write to", written)
    }

    pub(super) async fn finish(&self, upload: Upload) -> Result<(), Error> {
        self.done("write to", upload.finish().await)
    }

    /// The bytes from `from` up to `upto`, as many as come with one request.
    pub(super) async fn read(&self, id: FileId, from: u64, upto: u64) -> Result<Bytes, Error> {
        if from >= upto {
            return Ok(Bytes::new());
        }
        let upto = upto.min(from + PIECE);
        let found = match self.bucket.get_range(&name(id), from..upto).await {
            // It is shorter than it was: there is nothing from there on.
            Err(fault) if fault.kind == Kind::Other && self.ends_before(id, from).await => {
                Ok(Some(Bytes::new()))
            }
            found => found,
        };
        let found = self.done("read from", found)?;
        let found = found.ok_or(Error::Missing(id))?;
        if found.len() as u64 > upto - from {
            return Err(Error::Io {
                what: format!(
                    "cannot read file {id}: the object store gives more than was asked for"
                ),
                source: io::ErrorKind::InvalidData.into(),
            });
        }
        Ok(found)
    }

    async fn ends_before(&self, id: FileId, from: u64) -> bool {
        let size = self.bucket.size(&name(id)).await;
        size.is_ok_and(|size| size.is_some_and(|size| size <= from))
    }

    pub(super) async fn size(&self, id: FileId) -> Result<Option<u64>, Error> {
        self.done("look into", self.bucket.size(&name(id)).await)
    }

    pub(super) async fn remove(&self, id: FileId) -> Result<(), Error> {
        self.done("take out of", self.bucket.remove(&name(id)).await)
    }

    pub(super) async fn list(&self, part: u8) -> Result<Vec<FileId>, Error> {
        let part = format!("{part:02x}");
        let found: Result<Vec<_>, Fault> = self.bucket.list(Some(&part)).try_collect().await;
        let found = self.done("list", found)?;
        // What is not called as ours are is not ours.
        let id = |name: &str| name.split_once('/')?.1.parse().ok();
        Ok(found.iter().filter_map(|found| id(&found.name)).collect())
    }

    /// Takes in a file from a directory, unless it is here.
    pub(super) async fn copy_in(
        &self,
        file: &File,
        from: &Path,
        only_look: bool,
    ) -> Result<bool, Error> {
        if self.size(file.id).await? == Some(file.size) {
            return Ok(true);
        }
        let Some(path) = directory::whole(file, from).await? else {
            return Ok(false);
        };
        if only_look {
            return Ok(true);
        }
        self.send(file.id, path).await?;
        Ok(true)
    }

    async fn send(&self, id: FileId, path: PathBuf) -> Result<(), Error> {
        let mut upload = self.begin(id);
        let mut reader = directory::Pieces::open(path).await?;
        while let Some(piece) = reader.next().await? {
            self.write(&mut upload, &piece).await?;
        }
        self.finish(upload).await
    }

    /// Gives all that is here other names as well; answers whether there is anything.
    pub(super) async fn set_aside(&self, name: &str) -> Result<bool, Error> {
        let mut some = false;
        for part in 0..=u8::MAX {
            let ids = self.list(part).await?;
            some |= !ids.is_empty();
            let copies: Vec<_> = ids
                .into_iter()
                .map(|id| copy(self.bucket.clone(), id, name.to_owned()))
                .collect();
            let done = stream::iter(copies).buffer_unordered(AT_ONCE);
            let done: Result<(), Fault> = done.try_collect().await;
            self.done("copy in", done)?;
        }
        Ok(some)
    }

    /// Takes note of what came of a request.
    fn done<T>(&self, doing: &str, done: Result<T, Fault>) -> Result<T, Error> {
        let place = self.bucket.place();
        match done {
            Ok(done) => {
                if self.last.lock().trouble.take().is_some() {
                    tracing::info!(%place, "the object store of the files answers again");
                }
                Ok(done)
            }
            Err(fault) => {
                let at = self.bucket.at();
                let what = format!("cannot {doing} {place} at {at}: {fault}");
                if self.last.lock().trouble.replace(what.clone()).is_none() {
                    tracing::error!(
                        "{what}; files are not stored or read until it answers, and chat goes on"
                    );
                }
                let lasting = fault.kind.is_lasting();
                Err(Error::Remote { what, lasting })
            }
        }
    }
}

async fn copy(bucket: Bucket, id: FileId, below: String) -> Result<(), Fault> {
    let from = name(id);
    bucket.copy(&from, &format!("{below}/{from}")).await
}

fn name(id: FileId) -> String {
    format!("{}/{id}", shard(id))
}
