//! SHA-256, in hexadecimal, as `sha256sum` tells it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The checksum of bytes that come piece by piece.
#[derive(Clone, Default)]
pub(crate) struct Checksum(Sha256);

impl Checksum {
    /// Takes the next bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// What it is, of all of them.
    pub(crate) fn text(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finalize() {
            write!(text, "{byte:02x}").expect("a String takes it");
        }
        text
    }
}

/// The checksum of bytes that are all there.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut sum = Checksum::default();
    sum.add(bytes);
    sum.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_all_pieces() {
        let mut sum = Checksum::default();
        sum.add(b"a");
        sum.add(b"bc");
        assert_eq!(sum.text(), sha256(b"abc"));
        assert_eq!(sha256(b"")[..8], *"e3b0c442");
    }
}
