//! Where the bytes of files lie: a directory, in which each file is called by its id.
//!
//! What is written here is on the disk before [`Incoming::finish`] answers, and in its place then or not at all.
//! Nothing else is known here of files, not even their names; what there is of a file is for the store to say, and
//! bytes of which it says nothing are found with [`Shelf::list`].

mod directory;
mod fault;
mod image;
mod kind;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::directory::{Directory, Part};
pub use self::{
    fault::Fault,
    kind::{Kind, is_inline},
};
use crate::{id::FileId, model::File};

/// How much of a file is looked at to tell what it is.
pub const HEAD: usize = 256 * 1024;

/// How much is read at a time.
const PIECE: usize = 128 * 1024;

/// Why bytes are not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room.
    #[error("the disk of the files is full")]
    Full,
    /// There are no bytes of this file.
    #[error("the bytes of file {0} are not there")]
    Missing(FileId),
    /// The disk does not do it.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What came of it.
        source: io::Error,
    },
}

impl Error {
    fn of(what: &str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull
            || source.kind() == io::ErrorKind::QuotaExceeded
        {
            return Self::Full;
        }
        let what = format!("cannot {what} {}", path.display());
        Self::Io { what, source }
    }
}

/// Where the bytes of files lie.
#[derive(Clone, Debug)]
pub struct Shelf {
    directory: Arc<Directory>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// What they are.
    pub kind: Kind,
}

impl Shelf {
    /// The directory, made if it is missing. `mark` tells the store whose files they are from others; `min_free` is
    /// how many bytes have to stay free on its disk.
    pub fn open(dir: PathBuf, mark: &str, min_free: u64) -> Result<Self, Error> {
        let directory = Arc::new(Directory::open(dir, mark, min_free)?);
        Ok(Self { directory })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Whether the files that lie here are those of this store. Of others' none is taken out but by name.
    pub fn is_own(&self) -> bool {
        self.directory.is_own()
    }

    /// Begins to write a new file.
    pub async fn begin(&self, id: FileId) -> Result<Incoming, Error> {
        let directory = Arc::clone(&self.directory);
        let part = blocking(move || Part::begin(directory, id)).await?;
        Ok(Incoming(Some(Box::new(Writing {
            part,
            hash: Sha256::new(),
            head: Vec::new(),
            size: 0,
        }))))
    }

    /// Opens a file to read its bytes from `from` up to `upto`, without that one.
    pub async fn read(&self, id: FileId, from: u64, upto: u64) -> Result<Reading, Error> {
        let directory = Arc::clone(&self.directory);
        let file = blocking(move || directory.read(id, from)).await?;
        let left = upto.saturating_sub(from);
        Ok(Reading { id, file, left })
    }

    /// Takes the bytes of a file out; fine when there are none.
    pub async fn remove(&self, id: FileId) -> Result<(), Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.remove(id)).await
    }

    /// What is wrong with the bytes of a file, if anything is: whether there are as many as it has, and, given their
    /// SHA-256, for which all of them are read, whether they are those.
    pub async fn check(
        &self,
        id: FileId,
        size: u64,
        sha256: Option<[u8; 32]>,
    ) -> Result<Option<Fault>, Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.check(id, size, sha256)).await
    }

    /// The files of which there are bytes, of one part of 256.
    pub async fn list(&self, part: u8) -> Result<Vec<FileId>, Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.list(part)).await
    }
}

impl Shelf {
    /// Puts the bytes of a file into another directory, in the same order as here, for a backup: by a second name
    /// where the disk can, since they are never changed.
    pub async fn copy_out(&self, id: FileId, to: PathBuf) -> Result<(), Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.copy_out(id, &to)).await
    }

    /// Takes in the bytes of a file from a directory that [`Shelf::copy_out`] filled, unless they are here, which is told by
    /// their SHA-256; with `only_look` it is only looked whether that can be done. False when they are nowhere, or not those.
    pub async fn copy_in(
        &self,
        file: &File,
        from: PathBuf,
        only_look: bool,
    ) -> Result<bool, Error> {
        let directory = Arc::clone(&self.directory);
        let (id, size, sum) = (file.id, file.size, file.sha256);
        blocking(move || directory.copy_in(id, (size, sum), &from, only_look)).await
    }

    /// Keeps all that is here under second names in a directory of this name, for a store that is replaced; answers
    /// where, unless there is nothing.
    pub async fn set_aside(&self, name: String) -> Result<Option<PathBuf>, Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.set_aside(&name)).await
    }

    /// Says that what is here are the files of this store from now on.
    pub async fn claim(&self, mark: String) -> Result<(), Error> {
        let directory = Arc::clone(&self.directory);
        blocking(move || directory.claim(&mark)).await
    }
}

/// A file that is being written. Dropped unfinished it leaves nothing.
#[derive(Debug)]
pub struct Incoming(Option<Box<Writing>>);

#[derive(Debug)]
struct Writing {
    part: Part,
    hash: Sha256,
    head: Vec<u8>,
    size: u64,
}

impl Incoming {
    /// Writes some more.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let Some(mut writing) = self.0.take() else {
            return Err(broken());
        };
        let writing = blocking(move || {
            let head = HEAD - writing.head.len();
            writing.head.extend(bytes.iter().take(head));
            writing.hash.update(&bytes);
            writing.size += bytes.len() as u64;
            writing.part.write(&bytes, writing.size)?;
            Ok(writing)
        });
        self.0 = Some(writing.await?);
        Ok(())
    }

    /// Puts all of it in its place, for good.
    pub async fn finish(mut self) -> Result<Kept, Error> {
        let Some(writing) = self.0.take() else {
            return Err(broken());
        };
        blocking(move || {
            let Writing {
                part,
                hash,
                head,
                size,
            } = *writing;
            part.finish()?;
            let kind = Kind::of(&head, size);
            let sha256 = hash.finalize().into();
            Ok(Kept { size, sha256, kind })
        })
        .await
    }
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    id: FileId,
    file: Arc<std::fs::File>,
    left: u64,
}

impl Reading {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let (id, file) = (self.id, Arc::clone(&self.file));
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let bytes = blocking(move || directory::read_piece(id, &file, most)).await?;
        self.left -= bytes.len() as u64;
        Ok(Some(bytes.into()))
    }
}

fn broken() -> Error {
    Error::Io {
        what: "cannot go on with a file of which writing failed".into(),
        source: io::ErrorKind::BrokenPipe.into(),
    }
}

/// Does what waits for the disk on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| {
        Err(Error::Io {
            what: "work on a file did not end".into(),
            source: io::Error::other(e),
        })
    })
}
