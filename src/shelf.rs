//! Where the bytes of files lie: a directory, or an object store, in which each file is called by its id.
//!
//! What is written here is on the disk, or kept by the object store, before [`Incoming::finish`] answers, and in its place then or not at all.
//! Nothing else is known here of files, not even their names; what there is of a file is for the store to say, and
//! bytes of which it says nothing are found with [`Shelf::list`].

mod directory;
mod fault;
mod image;
mod incoming;
mod kind;
mod reading;
mod remote;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::{
    directory::{Directory, Part},
    incoming::Sink,
    remote::Remote,
};
pub use self::{
    fault::Fault,
    incoming::Incoming,
    kind::{Kind, is_inline},
    reading::Reading,
};
use crate::{
    id::FileId,
    model::File,
    objects::{self, Bucket},
};

/// How much of a file is looked at to tell what it is.
pub const HEAD: usize = 256 * 1024;

/// How long a disk may take to say how much is free.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why bytes are not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room.
    #[error("the disk of the files is full")]
    Full,
    /// There are no bytes of this file.
    #[error("the bytes of file {0} are not there")]
    Missing(FileId),
    /// The object store does not do it, or does not answer.
    #[error("{what}")]
    Remote {
        /// What was tried, and what came of it.
        what: String,
        /// Whether it stays so until somebody changes something.
        lasting: bool,
    },
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

/// Where the bytes of files are to lie.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a directory.
    Directory(PathBuf),
    /// In an object store.
    Bucket(objects::Place, objects::Reach),
}

/// Where the bytes of files lie. All that differs between one kind of place and another stands behind its functions.
#[derive(Clone, Debug)]
pub struct Shelf(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Directory(Arc<Directory>),
    Remote(Arc<Remote>),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// What they are.
    pub kind: Kind,
}

impl Shelf {
    /// Makes the directory if it is missing; of an object store nothing is asked yet. `mark` tells the store whose files
    /// they are from others; `min_free` is how many bytes have to stay free on a disk.
    pub fn open(place: Place, mark: &str, min_free: u64) -> Result<Self, Error> {
        Ok(Self(match place {
            Place::Directory(dir) => {
                Backend::Directory(Arc::new(Directory::open(dir, mark, min_free)?))
            }
            Place::Bucket(place, reach) => {
                let bucket = Bucket::open(&place, &reach).map_err(|e| Error::Remote {
                    what: e.to_string(),
                    lasting: true,
                })?;
                Backend::Remote(Arc::new(Remote::new(bucket, mark.to_owned())))
            }
        }))
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match &self.0 {
            Backend::Directory(directory) => directory.path().display().to_string(),
            Backend::Remote(remote) => remote.place(),
        }
    }

    /// Whether it is a place that other machines keep: what is there is not copied into a backup.
    pub fn is_remote(&self) -> bool {
        matches!(self.0, Backend::Remote(_))
    }

    /// How many bytes are free where it is; none when that is not told.
    pub async fn free(&self) -> Option<u64> {
        let Backend::Directory(directory) = &self.0 else {
            return None;
        };
        let directory = Arc::clone(directory);
        // A disk that hangs holds up a thread that may wait.
        let asked = tokio::task::spawn_blocking(move || directory.free());
        tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?
    }

    /// Why it does not answer, when it did not the last time.
    pub fn trouble(&self) -> Option<String> {
        match &self.0 {
            Backend::Directory(_) => None,
            Backend::Remote(remote) => remote.trouble(),
        }
    }

    /// Whether the files that lie here are those of this store, as far as is known. Of others' none is taken out but by
    /// name.
    pub fn is_own(&self) -> bool {
        match &self.0 {
            Backend::Directory(directory) => directory.is_own(),
            Backend::Remote(remote) => remote.is_own(),
        }
    }

    /// Asks whether it answers, and whether the files are those of this store.
    pub async fn check(&self) -> Result<bool, Error> {
        match &self.0 {
            Backend::Directory(directory) => Ok(directory.is_own()),
            Backend::Remote(remote) => remote.check().await,
        }
    }

    /// Begins to write a new file.
    pub async fn begin(&self, id: FileId) -> Result<Incoming, Error> {
        let sink = match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                Sink::File(blocking(move || Part::begin(directory, id)).await?)
            }
            Backend::Remote(remote) => {
                // Not after all bytes have come in vain.
                if remote.trouble().is_some() {
                    remote.check().await?;
                }
                let upload = remote.begin(id);
                Sink::Object(Arc::clone(remote), upload)
            }
        };
        Ok(Incoming::new(sink))
    }

    /// Opens a file to read its bytes from `from` up to `upto`, without that one.
    pub async fn read(&self, id: FileId, from: u64, upto: u64) -> Result<Reading, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                let file = blocking(move || directory.read(id, from)).await?;
                Ok(Reading::of_file(id, file, upto.saturating_sub(from)))
            }
            Backend::Remote(remote) => Reading::of_object(Arc::clone(remote), id, from, upto).await,
        }
    }

    /// How many bytes there are of a file; none when there are none.
    pub async fn size(&self, id: FileId) -> Result<Option<u64>, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.size(id)).await
            }
            Backend::Remote(remote) => remote.size(id).await,
        }
    }

    /// Takes the bytes of a file out; fine when there are none.
    pub async fn remove(&self, id: FileId) -> Result<(), Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.remove(id)).await
            }
            Backend::Remote(remote) => remote.remove(id).await,
        }
    }

    /// What is wrong with the bytes of a file, if anything is: whether there are as many as it has, and, given their
    /// SHA-256, for which all of them are read, whether they are those. In an object store only how many there are.
    pub async fn examine(
        &self,
        id: FileId,
        size: u64,
        sha256: Option<[u8; 32]>,
    ) -> Result<Option<Fault>, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.examine(id, size, sha256)).await
            }
            Backend::Remote(remote) => Ok(match remote.size(id).await? {
                None => Some(Fault::Missing),
                Some(found) if found != size => Some(Fault::Size { found, of: size }),
                Some(_) => None,
            }),
        }
    }

    /// The files of which there are bytes, of one part of 256.
    pub async fn list(&self, part: u8) -> Result<Vec<FileId>, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.list(part)).await
            }
            Backend::Remote(remote) => remote.list(part).await,
        }
    }
}

impl Shelf {
    /// Puts the bytes of a file into a directory, in the same order as here, for a backup: by a second name where the disk
    /// can, since they are never changed. What lies in an object store stays there.
    pub async fn copy_out(&self, id: FileId, to: PathBuf) -> Result<(), Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.copy_out(id, &to)).await
            }
            Backend::Remote(_) => Ok(()),
        }
    }

    /// Takes in the bytes of a file from a directory that [`Shelf::copy_out`] filled, unless they are here, which is told by
    /// their SHA-256; with `only_look` it is only looked whether that can be done. False when they are nowhere, or not those.
    pub async fn copy_in(
        &self,
        file: &File,
        from: PathBuf,
        only_look: bool,
    ) -> Result<bool, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                let (id, size, sum) = (file.id, file.size, file.sha256);
                blocking(move || directory.copy_in(id, (size, sum), &from, only_look)).await
            }
            Backend::Remote(remote) => remote.copy_in(file, &from, only_look).await,
        }
    }

    /// Keeps all that is here under second names that begin with this one, for a store that is replaced; answers
    /// whether there is anything.
    pub async fn set_aside(&self, name: String) -> Result<bool, Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.set_aside(&name)).await
            }
            Backend::Remote(remote) => remote.set_aside(&name).await,
        }
    }

    /// Says that what is here are the files of this store from now on.
    pub async fn claim(&self, mark: String) -> Result<(), Error> {
        match &self.0 {
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                blocking(move || directory.claim(&mark)).await
            }
            Backend::Remote(remote) => remote.claim(&mark).await,
        }
    }
}

/// In which part of the 256 a file is: the end of its id, so that none gets too many.
fn shard(id: FileId) -> String {
    format!("{:02x}", id.as_bytes()[15])
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
