//! An export in a directory that only its owner may read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::There;
use crate::failure::Failure;

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

    /// Puts something there under a name of one or two parts, and waits until it is kept. What has that name
    /// gives way only where that is meant.
    pub(super) fn put(&self, name: &str, bytes: &[u8], replace: bool) -> Result<(), Failure> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
            make(parent)?;
            sync(&self.0)?;
        }
        let written = write(&path, bytes, replace);
        written.with_context(|| format!("cannot write {}", path.display()))?;
        path.parent().map_or(Ok(()), sync)
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
        Ok(std::fs::read(&path).with_context(|| format!("cannot read {} back", path.display()))?)
    }
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
        if kind.is_dir() && above.is_empty() && There::is_room(&name) {
            note(&entry.path(), &format!("{name}/"), there)?;
        } else if kind.is_file() {
            there.note(&name, entry.metadata()?.len());
        } else {
            there.strange.get_or_insert(name);
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    if replace {
        // Not truncated and written over: who opens it meanwhile has the old one, or none.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    let mut open = OpenOptions::new();
    let mut file = open.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
    fn what_is_not_of_an_export_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Directory(dir.path().into());
        std::fs::create_dir(dir.path().join("photos")).expect("a directory");
        let there = store.look().expect("it reads");
        assert_eq!(there.strange.as_deref(), Some("photos"));
    }
}
