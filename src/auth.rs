//! Who is asking: passwords, access tokens, refresh tokens, bot tokens and codes.
//!
//! This module makes and checks credentials and keeps nothing but the signing keys of this node; sessions,
//! hashes and codes are the store's, and what somebody may do is for `rights` to say. Slow work
//! ([`password`]) runs on threads of its own; everything else is quick enough for an async thread.

pub mod bot;
pub mod code;
pub mod keys;
pub mod password;
pub mod refresh;
mod secret;
pub mod token;

pub use self::{
    code::OneTimeCode,
    keys::Keys,
    password::{Busy, Passwords, Verified},
    secret::Secret,
    token::{Claims, TokenError},
};

/// Random bytes from the kernel, for whatever must not be guessed.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Linux gives random bytes or does not boot; there is nothing sensible to do without them.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// SHA-256 of the parts, one after the other.
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
