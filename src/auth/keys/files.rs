//! Where private keys lie: one PKCS#8 PEM file each, `<created, in ms>-<kid>.pem`, for the owner only. The
//! time is in the name because a copied or restored file has another modification time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

use super::Error;
use crate::clock::Millis;

/// The name of the file of a key.
pub(super) fn name(created_at: Millis, kid: &str) -> String {
    format!("{:013}-{kid}.pem", created_at.0)
}

/// Makes the directory if it is not there, and checks that it is the owner's alone.
pub(super) fn prepare(dir: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| io_error("create", dir, e))?;
    check_mode(dir)
}

/// The keys there are: path, time and `kid` as the names tell. Other files are left alone.
pub(super) fn list(dir: &Path) -> Result<Vec<(PathBuf, Millis, String)>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| io_error("read", dir, e))? {
        let path = entry.map_err(|e| io_error("read", dir, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let parts = name.and_then(|name| name.strip_suffix(".pem")?.split_once('-'));
        if let Some((created_at, kid)) = parts
            && let Ok(created_at) = created_at.parse()
        {
            let kid = kid.to_owned();
            found.push((path, Millis(created_at), kid));
        }
    }
    Ok(found)
}

/// Reads a key, unless somebody else could.
pub(super) fn read(path: &Path) -> Result<SigningKey, Error> {
    check_mode(path)?;
    let text = fs::read_to_string(path).map_err(|e| io_error("read", path, e))?;
    let text = Zeroizing::new(text);
    SigningKey::from_pkcs8_pem(&text).map_err(|e| Error::Damaged {
        path: path.to_owned(),
        why: e.to_string(),
    })
}

/// Writes a key whole or not at all: under another name, to the disk, then renamed.
pub(super) fn write(path: &Path, key: &SigningKey) -> Result<(), Error> {
    let text = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|e| Error::Damaged {
            path: path.to_owned(),
            why: e.to_string(),
        })?;
    let new = path.with_extension("new");
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| io_error("write", path, e))
}

/// Deletes a key; it may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("delete", path, e)),
        _ => Ok(()),
    }
}

fn check_mode(path: &Path) -> Result<(), Error> {
    let mode = fs::metadata(path)
        .map_err(|e| io_error("read", path, e))?
        .permissions()
        .mode();
    // The lower six bits are what the group and others may do.
    if mode.trailing_zeros() >= 6 {
        Ok(())
    } else {
        Err(Error::Exposed {
            path: path.to_owned(),
            mode: mode & 0o777,
        })
    }
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        what,
        path: path.to_owned(),
        source,
    }
}
