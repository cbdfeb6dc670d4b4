//! Where an export goes. Everything that knows what a directory is stands here; another kind of store is one
//! more variant, and an arm in each function.

use std::{
    fmt,
    fs::{DirBuilder, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::failure::{Exit, Failure};

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// A directory that only its owner may read.
    Directory(PathBuf),
}

impl Store {
    /// Reads a path, or a URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a directory that is not there yet, or is empty".into());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Directory(text.into()));
        };
        match scheme {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if path.len() > 1 && path.starts_with('/') {
                    Ok(Self::Directory(unquote(path)?.into()))
                } else {
                    Err("a file URL has three slashes and a path, such as file:///backup".into())
                }
            }
            _ => Err(format!(
                "no store of kind {scheme} is known; name a directory, or its URL as in file:///backup"
            )),
        }
    }

    /// Whether it can be begun: nothing is there yet. Changes nothing.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Self::Directory(dir) = self;
        let mut entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => {
                let e = anyhow::Error::from(e).context(format!("cannot use {}", dir.display()));
                return Err(e.into());
            }
        };
        if entries.next().is_none() {
            return Ok(());
        }
        Err(Failure::Listed {
            what: format!("{} is not empty — nothing was written", dir.display()),
            lines: Vec::new(),
            exit: Exit::Unconfirmed,
            hint: "name a directory that is not there yet, or is empty".into(),
        })
    }

    /// Makes it.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        let Self::Directory(dir) = self;
        make(dir)
    }

    /// Puts something there under a name of one or two parts, and waits until it is kept.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let Self::Directory(dir) = self;
        let path = dir.join(name);
        if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
            make(parent)?;
            sync(dir)?;
        }
        let mut open = OpenOptions::new();
        let file = open.write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.with_context(|| format!("cannot write {}", path.display()))?;
        path.parent().map_or(Ok(()), sync)
    }

    /// Waits until all of it is kept.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let Self::Directory(dir) = self;
        sync(dir)?;
        // So that the directory itself is found again.
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))
    }

    /// Reads what was put there.
    pub(super) fn get(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let Self::Directory(dir) = self;
        let path = dir.join(name);
        Ok(std::fs::read(&path).with_context(|| format!("cannot read {} back", path.display()))?)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Directory(dir) = self;
        dir.display().fmt(f)
    }
}

fn make(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    Ok(made.with_context(|| format!("cannot make {}", dir.display()))?)
}

fn sync(dir: &Path) -> Result<(), Failure> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    Ok(synced.with_context(|| format!("cannot write {}", dir.display()))?)
}

/// The path of a URL.
fn unquote(path: &str) -> Result<String, String> {
    let wrong = || "a percent sign in a URL is followed by two hexadecimal digits".to_owned();
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        let value = high.zip(low).map(|(high, low)| high * 16 + low);
        bytes.push(value.and_then(|v| u8::try_from(v).ok()).ok_or_else(wrong)?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_or_a_url() {
        let at = |path: &str| Ok(Store::Directory(path.into()));
        assert_eq!(Store::parse("backup/a b"), at("backup/a b"));
        assert_eq!(Store::parse("file:///backup/a%20b"), at("/backup/a b"));
        assert_eq!(Store::parse("file://localhost/backup"), at("/backup"));
        for (bad, why) in [
            ("", "name a directory"),
            ("file://backup", "three slashes"),
            ("file:///", "three slashes"),
            ("file:///a%2", "hexadecimal"),
            ("s3://bucket/x", "no store of kind s3"),
            ("https://example.org/x", "no store of kind https"),
        ] {
            let is = Store::parse(bad).expect_err(bad);
            assert!(is.contains(why), "{bad}: {is}");
        }
    }

    #[test]
    fn what_was_put_there_is_there_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::Directory(dir.path().join("new"));
        store.check().expect("nothing is there");
        store.begin().expect("a directory");
        store.check().expect("it is empty");
        store.put("room/1-9", b"abc").expect("a file");
        store.end().expect("all is kept");
        assert_eq!(store.get("room/1-9").expect("the file"), b"abc");
        assert!(store.put("room/1-9", b"d").is_err());
        assert_eq!(
            store.check().expect_err("it is used").exit(),
            Exit::Unconfirmed
        );
    }
}
