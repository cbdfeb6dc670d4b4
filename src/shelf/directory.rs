//! The directory: `xx/ID` for a file, `xx` being the end of its id, so that no directory gets too many; `tmp/ID` for one
//! that is being written; and `store`, which says whose files they are.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::OFlags, io::Errno};

use super::{
    Error, blocking,
    fault::{self, Fault},
    shard,
};
use crate::{id::FileId, model};

/// How much is written between two looks at how much is free on the disk.
const LOOK_EVERY: u64 = 8 << 20;

/// What the file is called that says whose files they are.
const MARK: &str = "store";
/// Where what is being written lies.
const UNFINISHED: &str = "tmp";

#[derive(Debug)]
pub(super) struct Directory {
    dir: PathBuf,
    min_free: u64,
    own: bool,
}

impl Directory {
    /// Makes it if it is missing. What was being written when a process ended is taken out.
    pub(super) fn open(dir: PathBuf, mark: &str, min_free: u64) -> Result<Self, Error> {
        make(&dir)?;
        let unfinished = dir.join(UNFINISHED);
        make(&unfinished)?;
        let path = dir.join(MARK);
        let own = match fs::read_to_string(&path) {
            Ok(found) => found.trim() == mark,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                write_mark(&dir, &path, mark)?;
                true
            }
            Err(e) => return Err(Error::of("read", &path, e)),
        };
        let list = |e| Error::of("list", &unfinished, e);
        for left in fs::read_dir(&unfinished).map_err(list)? {
            let path = left.map_err(list)?.path();
            fs::remove_file(&path).map_err(|e| Error::of("take out", &path, e))?;
        }
        Ok(Self { dir, min_free, own })
    }

    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// Opens a file at a place in it.
    pub(super) fn read(&self, id: FileId, from: u64) -> Result<Arc<File>, Error> {
        let path = self.place(id);
        let missing = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Error::Missing(id),
            _ => Error::of("read", &path, e),
        };
        let mut file = open(&path).map_err(missing)?;
        if from > 0 {
            file.seek(SeekFrom::Start(from))
                .map_err(|e| Error::of("read", &path, e))?;
        }
        Ok(Arc::new(file))
    }

    /// How many bytes a file has; none when there is none.
    pub(super) fn size(&self, id: FileId) -> Result<Option<u64>, Error> {
        let path = self.place(id);
        match fs::symlink_metadata(&path) {
            Ok(found) => Ok(Some(found.len()).filter(|_| found.is_file())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::of("look at", &path, e)),
        }
    }

    pub(super) fn remove(&self, id: FileId) -> Result<(), Error> {
        let path = self.place(id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::of("take out", &path, e)),
            _ => Ok(()),
        }
    }

    pub(super) fn list(&self, part: u8) -> Result<Vec<FileId>, Error> {
        let dir = self.dir.join(format!("{part:02x}"));
        let failed = |e| Error::of("list", &dir, e);
        let all = match fs::read_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            all => all.map_err(failed)?,
        };
        let mut ids = Vec::new();
        for entry in all {
            let name = entry.map_err(failed)?.file_name();
            // What is not called as ours are is not ours.
            ids.extend(name.to_str().and_then(|name| name.parse::<FileId>().ok()));
        }
        Ok(ids)
    }

    pub(super) fn examine(
        &self,
        id: FileId,
        size: u64,
        sum: Option<[u8; 32]>,
    ) -> Result<Option<Fault>, Error> {
        let path = self.place(id);
        let found = match sum {
            Some(sum) => fault::read(&path, size, sum),
            None => fault::look(&path, size),
        };
        found.map_err(|e| Error::of("read", &path, e))
    }

    pub(super) fn copy_out(&self, id: FileId, to: &Path) -> Result<(), Error> {
        let (from, part) = (self.place(id), part_in(to, id));
        make(to)?;
        make(&part)?;
        let place = part.join(id.to_string());
        match copy(&from, &place) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Error::Missing(id)),
            Err(e) => Err(Error::of("copy", &from, e)),
            Ok(()) => sync(&part),
        }
    }

    pub(super) fn copy_in(
        &self,
        id: FileId,
        (size, sum): (u64, [u8; 32]),
        from: &Path,
        only_look: bool,
    ) -> Result<bool, Error> {
        let place = self.place(id);
        // What cannot be read is no better than what is not there.
        if matches!(fault::read(&place, size, sum), Ok(None)) {
            return Ok(true);
        }
        let from = part_in(from, id).join(id.to_string());
        let whole = is_whole(&from, size, sum)?;
        if !whole || only_look {
            return Ok(whole);
        }
        let part = self.part(id);
        if make(&part)? {
            sync(&self.dir)?;
        }
        // Others, which nobody should read as what they are not.
        self.remove(id)?;
        let unfinished = self.dir.join(UNFINISHED).join(id.to_string());
        let copied = copy(&from, &unfinished).and_then(|()| fs::rename(&unfinished, &place));
        copied.map_err(|e| Error::of("make", &place, e))?;
        own(&place, &self.dir)?;
        sync(&part)?;
        Ok(true)
    }

    pub(super) fn set_aside(&self, name: &str) -> Result<bool, Error> {
        let aside = self.dir.join(name);
        let mut some = false;
        for part in 0..=u8::MAX {
            for id in self.list(part)? {
                some = true;
                self.copy_out(id, &aside)?;
            }
        }
        Ok(some)
    }

    pub(super) fn claim(&self, mark: &str) -> Result<(), Error> {
        let path = self.dir.join(MARK);
        match fs::read_to_string(&path) {
            Ok(found) if found.trim() == mark => return Ok(()),
            Ok(_) => fs::remove_file(&path).map_err(|e| Error::of("take out", &path, e))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::of("read", &path, e)),
        }
        write_mark(&self.dir, &path, mark)
    }

    fn place(&self, id: FileId) -> PathBuf {
        self.part(id).join(id.to_string())
    }

    fn part(&self, id: FileId) -> PathBuf {
        part_in(&self.dir, id)
    }

    fn check_free(&self) -> Result<(), Error> {
        if self.min_free == 0 {
            return Ok(());
        }
        // A disk that does not tell is left to say so when it is written to.
        let room = self.free().is_none_or(|free| free >= self.min_free);
        if room { Ok(()) } else { Err(Error::Full) }
    }

    /// How many bytes are free on its disk.
    pub(super) fn free(&self) -> Option<u64> {
        let fs = rustix::fs::statvfs(&self.dir).ok()?;
        Some(fs.f_bavail.saturating_mul(fs.f_frsize))
    }
}

/// Opens a file to read it. What is no file, or leads elsewhere, is not ours, and might never begin.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(io::ErrorKind::NotFound.into()),
        Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            Err(io::ErrorKind::NotFound.into())
        }
        Err(e) => Err(e),
    }
}

/// Reads at most so much; a file that is shorter than is said of it is none.
pub(super) fn read_piece(id: FileId, mut file: &File, most: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; most];
    let failed = |source| Error::Io {
        what: format!("cannot read file {id}"),
        source,
    };
    let read = file.read(&mut bytes).map_err(failed)?;
    if read == 0 {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// A file that is being written. Dropped unfinished it is taken out.
#[derive(Debug)]
pub(super) struct Part {
    directory: Arc<Directory>,
    id: FileId,
    file: File,
    path: PathBuf,
    /// At how many bytes the disk was looked at.
    looked: u64,
    finished: bool,
}

impl Part {
    pub(super) fn begin(directory: Arc<Directory>, id: FileId) -> Result<Self, Error> {
        directory.check_free()?;
        let path = directory.dir.join(UNFINISHED).join(id.to_string());
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = made.map_err(|e| Error::of("make", &path, e))?;
        Ok(Self {
            directory,
            id,
            file,
            path,
            looked: 0,
            finished: false,
        })
    }

    /// Writes some more; it comes to `size` bytes then.
    pub(super) fn write(&mut self, bytes: &[u8], size: u64) -> Result<(), Error> {
        if size - self.looked >= LOOK_EVERY {
            self.directory.check_free()?;
            self.looked = size;
        }
        self.file
            .write_all(bytes)
            .map_err(|e| Error::of("write", &self.path, e))
    }

    /// Puts it in its place, for good.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let written = self.file.sync_all();
        written.map_err(|e| Error::of("write", &self.path, e))?;
        let dir = self.directory.part(self.id);
        if make(&dir)? {
            sync(&self.directory.dir)?;
        }
        let place = self.directory.place(self.id);
        fs::rename(&self.path, &place).map_err(|e| Error::of("make", &place, e))?;
        self.finished = true;
        sync(&dir)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // What is left is taken out at the next start.
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn part_in(dir: &Path, id: FileId) -> PathBuf {
    dir.join(shard(id))
}

/// Where a file is in a directory that was filled like ours, if it is there and has the bytes that it should.
pub(super) async fn whole(file: &model::File, dir: &Path) -> Result<Option<PathBuf>, Error> {
    let path = part_in(dir, file.id).join(file.id.to_string());
    let (size, sum) = (file.size, file.sha256);
    blocking(move || Ok(is_whole(&path, size, sum)?.then_some(path))).await
}

/// A file that is read from its beginning to its end.
pub(super) struct Pieces {
    file: Arc<File>,
    path: PathBuf,
}

impl Pieces {
    pub(super) async fn open(path: PathBuf) -> Result<Self, Error> {
        blocking(move || {
            let file = File::open(&path).map_err(|e| Error::of("read", &path, e))?;
            let file = Arc::new(file);
            Ok(Self { file, path })
        })
        .await
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        blocking(move || {
            let mut bytes = vec![0; 1 << 20];
            let read = (&*file).read(&mut bytes);
            let read = read.map_err(|e| Error::of("read", &path, e))?;
            bytes.truncate(read);
            Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
        })
        .await
    }
}

/// Whether there is a file of this size with these bytes.
fn is_whole(path: &Path, size: u64, sum: [u8; 32]) -> Result<bool, Error> {
    let found = fault::read(path, size, sum).map_err(|e| Error::of("read", path, e))?;
    Ok(found.is_none())
}

/// Gives a file another name; on another disk, makes another file of it. One that is there stays.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Another disk; one that cannot; or one file has as many names as it may.
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()
        }
        done => done,
    }
}

/// Gives what root made to the owner of the directory it is in.
fn own(path: &Path, dir: &Path) -> Result<(), Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let given =
        fs::metadata(dir).and_then(|found| chown(path, Some(found.uid()), Some(found.gid())));
    given.map_err(|e| Error::of("give away", path, e))
}

/// Makes a directory that only we may look into; false when it was there.
fn make(dir: &Path) -> Result<bool, Error> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            own(dir, dir.parent().unwrap_or(dir))?;
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(false),
        Err(e) => Err(Error::of("make the directory", dir, e)),
    }
}

/// What is called otherwise in a directory from now on is so after a power cut, too.
fn sync(dir: &Path) -> Result<(), Error> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| Error::of("write", dir, e))
}

fn write_mark(dir: &Path, path: &Path, mark: &str) -> Result<(), Error> {
    let failed = |e| Error::of("make", path, e);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = made.map_err(failed)?;
    file.write_all(format!("{mark}\n").as_bytes())
        .map_err(failed)?;
    file.sync_all().map_err(failed)?;
    own(path, dir)?;
    sync(dir)
}
