//! The digest of a request, kept with its `txn`.

use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// A keyed digest of a request, so that another request under the same `txn` is noticed without the store
/// keeping the text a second time. `secret` is the store's.
pub fn request_digest(secret: &[u8; 32], parts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(secret);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}
