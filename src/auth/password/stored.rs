//! What lies in the store for a password: a hash of ours, or one that came from another system.
//!
//! The text is the hash as its system writes it (PHC for Argon2, `$2b$…` for bcrypt). After a hash that took
//! the place of an imported one come words, each after a space: `from=` with a digest of the imported hash, by
//! which a repeated import knows that it has brought this one; and `cut=72` where bcrypt had looked at no more
//! of the password, so that no more of it counts from then on either.

use std::fmt;

use argon2::{Algorithm, Params, Version, password_hash::phc::PasswordHash};

use crate::{auth::sha256, model::Invalid};

/// How many bytes of a password bcrypt looks at.
pub(super) const BCRYPT_BYTES: usize = 72;

/// The dearest bcrypt that is imported: about a second of a core for each try to log in.
const BCRYPT_COST: u32 = 14;
/// The most memory that an imported Argon2 may take, in KiB: 256 MiB for each hashing thread.
const ARGON2_MEMORY: u32 = 256 * 1024;
/// The most memory times passes, in KiB: about a second of a core.
const ARGON2_WORK: u64 = 1024 * 1024;
/// The most lanes; they are computed one after the other.
const ARGON2_LANES: u32 = 16;

/// A stored password, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    /// The hash itself.
    pub(super) hash: &'a str,
    /// The digest of the imported hash that it took the place of.
    from: Option<&'a str>,
    /// Whether only the first [`BCRYPT_BYTES`] of the password count.
    cut: bool,
}

impl<'a> Stored<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut words = text.split(' ');
        let mut stored = Self {
            hash: words.next().unwrap_or_default(),
            from: None,
            cut: false,
        };
        for word in words {
            match word.split_once('=') {
                Some(("from", digest)) => stored.from = Some(digest),
                Some(("cut", _)) => stored.cut = true,
                _ => {}
            }
        }
        stored
    }

    pub(super) fn is_bcrypt(&self) -> bool {
        is_bcrypt(self.hash)
    }

    /// As much of a password as counts.
    pub(super) fn counted<'p>(&self, password: &'p str) -> &'p [u8] {
        let bytes = password.as_bytes();
        if self.cut || self.is_bcrypt() {
            &bytes[..bytes.len().min(BCRYPT_BYTES)]
        } else {
            bytes
        }
    }

    /// The Argon2 hash, if it is one that reads.
    pub(super) fn argon2(&self) -> Option<PasswordHash> {
        let mut hash = PasswordHash::new(self.hash).ok()?;
        // Before there were versions there was this one.
        hash.version.get_or_insert(Version::V0x10.into());
        Some(hash)
    }

    /// What to store when `hash`, of as much of `password` as counts, takes the place of this one.
    pub(super) fn successor(&self, hash: &str, password: &str) -> String {
        let from = self
            .from
            .map_or_else(|| digest(self.hash), ToOwned::to_owned);
        let cut = self.cut || (self.is_bcrypt() && password.len() >= BCRYPT_BYTES);
        let cut = if cut { " cut=72" } else { "" };
        format!("{hash} from={from}{cut}")
    }
}

/// A password hash from another system that can be taken over: its form is right, and checking a password
/// against it costs no more than can be borne at every try to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedHash(String);

impl ImportedHash {
    /// Checks a hash, or says why it cannot be taken over.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if is_bcrypt(text) {
            check_bcrypt(text)?;
        } else if text.starts_with("$argon2") {
            check_argon2(text)?;
        } else {
            return Err(Invalid(
                "only bcrypt ($2a$, $2b$, $2y$) and Argon2 ($argon2id$, $argon2i$) are taken over; leave it \
                 empty, and the owner gets a code to set a password with"
                    .into(),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The hash, as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a stored password is this one, or took its place when its owner logged in.
    pub fn is_source_of(&self, stored: &str) -> bool {
        let stored = Stored::parse(stored);
        stored.hash == self.0 || stored.from.is_some_and(|from| from == digest(&self.0))
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedHash(***)")
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|p| hash.starts_with(p))
}

fn check_bcrypt(text: &str) -> Result<(), Invalid> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| {
        Invalid("not a whole bcrypt hash: it has 60 characters, such as $2b$12$ and 53 more".into())
    })?;
    let cost = parts.get_cost();
    if !(4..=BCRYPT_COST).contains(&cost) {
        return Err(Invalid(format!(
            "bcrypt with cost {cost}: 4 to {BCRYPT_COST} can be checked at every login; leave it empty, and \
             the owner gets a code"
        )));
    }
    Ok(())
}

fn check_argon2(text: &str) -> Result<(), Invalid> {
    let wrong = || {
        let like = "$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH";
        Invalid(format!("not a whole Argon2 hash: it looks like {like}"))
    };
    let hash = PasswordHash::new(text).map_err(|_| wrong())?;
    match Algorithm::try_from(hash.algorithm.as_str()) {
        Ok(Algorithm::Argon2id | Algorithm::Argon2i) => {}
        _ => {
            return Err(Invalid(
                "of Argon2 only $argon2id$ and $argon2i$ are taken over".into(),
            ));
        }
    }
    if hash.version.is_some_and(|v| Version::try_from(v).is_err()) {
        return Err(Invalid("Argon2 has the versions 16 and 19".into()));
    }
    let (salt, output) = (hash.salt.as_ref(), hash.hash.as_ref());
    let lengths = salt
        .zip(output)
        .map(|(salt, output)| (salt.len(), output.len()));
    if !lengths.is_some_and(|(salt, output)| salt >= 8 && output >= 16) {
        return Err(wrong());
    }
    let params = Params::try_from(&hash).map_err(|_| wrong())?;
    if !params.keyid().is_empty() || !params.data().is_empty() {
        return Err(Invalid(
            "an Argon2 hash with keyid or data cannot be taken over".into(),
        ));
    }
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let work = u64::from(memory) * u64::from(passes);
    if memory > ARGON2_MEMORY || work > ARGON2_WORK || lanes > ARGON2_LANES {
        return Err(Invalid(format!(
            "Argon2 with m={memory},t={passes},p={lanes}: at most m={ARGON2_MEMORY}, m times t {ARGON2_WORK} \
             and p={ARGON2_LANES} can be checked at every login; leave it empty, and the owner gets a code"
        )));
    }
    Ok(())
}

fn digest(hash: &str) -> String {
    use std::fmt::Write as _;
    let digest = sha256(&[b"chatd imported", hash.as_bytes()]);
    digest[..16].iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}
