//! Whether the bytes of a file are those that were written.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

/// What is wrong with the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are none.
    #[error("its bytes are not there")]
    Missing,
    /// There are more of them, or fewer.
    #[error("it has {found} bytes, and had {of}")]
    Size {
        /// How many there are.
        found: u64,
        /// How many there were.
        of: u64,
    },
    /// They are others.
    #[error("its bytes are others than were uploaded")]
    Altered,
}

/// What is wrong with a file of so many bytes, as far as can be told without reading them.
pub(super) fn look(path: &Path, size: u64) -> io::Result<Option<Fault>> {
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(Fault::Missing)),
        found => found?,
    };
    Ok(if !found.is_file() {
        Some(Fault::Missing)
    } else if found.len() != size {
        let (found, of) = (found.len(), size);
        Some(Fault::Size { found, of })
    } else {
        None
    })
}

/// What is wrong with a file of so many bytes with this SHA-256: reads all of it.
pub(super) fn read(path: &Path, size: u64, sum: [u8; 32]) -> io::Result<Option<Fault>> {
    if let Some(fault) = look(path, size)? {
        return Ok(Some(fault));
    }
    Ok((sha256(path)? != sum).then_some(Fault::Altered))
}

fn sha256(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hash, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&piece[..read]);
    }
}
