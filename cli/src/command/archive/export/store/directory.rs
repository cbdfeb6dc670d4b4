//! An export in a directory that only its owner may read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{super::manifest::Part, There};
use crate::{checksum::Checksum, failure::Failure};

/// How much is read at a time.
const PIECE: usize = 128 << 10;

/// A directory.
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    /// What is there: files, and files in directories. Changes nothing.
    pub(super) fn look(&self) -> Result<There, Failure> {
        let mut there = There::default();
        let looked = note(&self.0, "", &mut there);
        looked.with_context(|| format!("cannot use {}", self.0.display()))?;
        Ok(there)
    }

    /// Makes it.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        make(&self.0)
    }

    /// Puts something there under a name of up to three parts, and waits until it is kept. What has that name
    /// gives way only where that is meant.
    pub(super) fn put(&self, name: &str, bytes: &[u8], replace: bool) -> Result<(), Failure> {
        let mut incoming = self.take(name, replace)?;
        incoming.write(bytes)?;
        incoming.finish()
    }

    /// Begins something that comes piece by piece, as [`Directory::put`] puts what is whole.
    pub(super) fn take(&self, name: &str, replace: bool) -> Result<Incoming, Failure> {
        let path = self.0.join(name);
        self.make_above(name)?;
        let file = create(&path, replace);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let file = Some(file);
        Ok(Incoming { file, path })
    }

    /// Makes the directories that a name is in.
    fn make_above(&self, name: &str) -> Result<(), Failure> {
        let mut above = self.0.clone();
        for part in Path::new(name).parent().into_iter().flatten() {
            let dir = above.join(part);
            if !dir.is_dir() {
                make(&dir)?;
                sync(&above)?;
            }
            above = dir;
        }
        Ok(())
    }

    /// Waits until all of it is kept.
    pub(super) fn end(&self) -> Result<(), Failure> {
        sync(&self.0)?;
        // So that the directory itself is found again.
        let parent = self.0.parent();
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))
    }

    /// Reads what was put there.
    pub(super) fn get(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.0.join(name);
        Ok(std::fs::read(&path).with_context(|| unread(&path))?)
    }

    /// Reads what was put there piece by piece, and tells whether it is as it was written.
    pub(super) fn is_as_written(&self, part: &Part) -> Result<bool, Failure> {
        let path = self.0.join(&part.file);
        let mut file = File::open(&path).with_context(|| unread(&path))?;
        let (mut piece, mut size, mut sum) = (vec![0; PIECE], 0, Checksum::default());
        loop {
            let read = file.read(&mut piece).with_context(|| unread(&path))?;
            if read == 0 {
                return Ok(size == part.size && sum.text() == part.sha256);
            }
            sum.add(&piece[..read]);
            size += read as u64;
        }
    }
}

/// A file that comes piece by piece. Dropped before it is finished, it is taken away.
pub(in super::super) struct Incoming {
    file: Option<File>,
    path: PathBuf,
}

impl Incoming {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.as_mut().map_or(Ok(()), |f| f.write_all(bytes));
        Ok(written.with_context(|| format!("cannot write {}", self.path.display()))?)
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_all);
        synced.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.file = None;
        self.path.parent().map_or(Ok(()), sync)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _gone_is_fine = std::fs::remove_file(&self.path);
        }
    }
}

fn unread(path: &Path) -> String {
    format!("cannot read {} back", path.display())
}

/// Notes what a directory has, and those in it, as deep as an export goes.
fn note(dir: &Path, above: &str, there: &mut There) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() && There::is_dir(&name) {
            note(&entry.path(), &format!("{name}/"), there)?;
        } else if kind.is_file() {
            there.note(&name, entry.metadata()?.len());
        } else {
            there.strange.get_or_insert(name);
        }
    }
    Ok(())
}

fn create(path: &Path, replace: bool) -> io::Result<File> {
    if replace {
        // Not truncated and written over: who opens it meanwhile has the old one, or none.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    let mut open = OpenOptions::new();
    open.write(true).create_new(true).mode(0o600).open(path)
}

fn make(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    Ok(made.with_context(|| format!("cannot make {}", dir.display()))?)
}

fn sync(dir: &Path) -> Result<(), Failure> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    Ok(synced.with_context(|| format!("cannot write {}", dir.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::sha256;

    const FILE: &str = "0197c0de-7b1c-7000-8000-000000000001/1-9.chatdseg";

    #[test]
    fn what_was_put_there_is_there_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Directory(dir.path().join("new"));
        assert!(store.look().expect("nothing is there").is_empty());
        store.begin().expect("a directory");
        assert!(store.look().expect("it is empty").is_empty());
        store.put(FILE, b"abc", false).expect("a file");
        store.end().expect("all is kept");
        assert_eq!(store.get(FILE).expect("the file"), b"abc");
        assert!(store.put(FILE, b"d", false).is_err());
        let there = store.look().expect("it is used");
        assert_eq!(there.files.get(FILE), Some(&3));
        store.put(FILE, b"d", true).expect("it is meant");
        assert_eq!(store.get(FILE).expect("the file"), b"d");
    }

    #[test]
    fn what_does_not_come_to_its_end_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Directory(dir.path().into());
        let name = format!("{}/files/0197c0de-7b1c-7000-8000-000000000002", &FILE[..36]);
        let mut incoming = store.take(&name, false).expect("a file");
        incoming.write(b"ab").expect("the beginning");
        drop(incoming);
        assert!(store.get(&name).is_err());
        let mut incoming = store.take(&name, false).expect("a file");
        incoming.write(b"ab").expect("the beginning");
        incoming.write(b"c").expect("the end");
        incoming.finish().expect("a file");
        let (size, sha256) = (3, sha256(b"abc"));
        let same = |size, sha256: &str| {
            let (file, sha256) = (name.clone(), sha256.to_owned());
            let part = Part { file, size, sha256 };
            store.is_as_written(&part).expect("it reads")
        };
        assert!(same(size, &sha256));
        assert!(!same(size + 1, &sha256) && !same(size, "0"));
        assert!(store.look().expect("it is used").strange.is_none());
    }

    #[test]
    fn what_is_not_of_an_export_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Directory(dir.path().into());
        std::fs::create_dir(dir.path().join("photos")).expect("a directory");
        let there = store.look().expect("it reads");
        assert_eq!(there.strange.as_deref(), Some("photos"));
    }
}
