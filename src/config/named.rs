//! Files that settings name: certificates, keys, secrets.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use zeroize::Zeroizing;

/// The most bytes that such a file may have: a chain of certificates is a few KiB.
const LARGEST: u64 = 1 << 20;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everyone: what is in it is told to everyone anyway.
    Everyone,
    /// Its owner, and its group at most.
    Few,
}

/// What a file has in it. What is no file might never end, or never begin. An error is the end of a sentence that
/// names the setting and the file.
pub(crate) fn read_named(file: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, String> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let failed = |e: std::io::Error| format!("cannot be read: {e}");
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(file)
        .map_err(failed)?;
    let about = opened.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err("it is no file".into());
    }
    if readers == Readers::Few && about.mode() & 0o007 != 0 {
        return Err(format!(
            "everyone on this machine may use it; mend it with: chmod o= {}",
            file.display()
        ));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    opened
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is far too large for what it is".into());
    }
    Ok(bytes)
}
