//! The keys that sign access tokens: Ed25519, private halves in files of this node, public halves for all.

mod files;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};

use super::{
    random, sha256,
    token::{self, Claims, TokenError},
};
use crate::{
    clock::{Clock, Millis},
    id::{SessionId, UserId},
    model::Key,
};

/// The longest life an access token can have (`auth.access_token`): a key that was replaced longer ago has
/// signed nothing that is still good, whatever the setting was at the time.
const LONGEST_TOKEN: Duration = Duration::from_hours(24);

/// How much later than due a key may be replaced: rotation is looked at hourly, and a node may be down.
const LATENESS: Duration = Duration::from_hours(48);

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or the directory cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others than the owner have access.
    #[error(
        "{} can be reached by other users (mode {mode:03o}), and who reads a signing key can be anybody; \
         mend it with: chmod {} {}",
        path.display(), if path.is_dir() { "700" } else { "600" }, path.display()
    )]
    Exposed {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file is not the key that its name says.
    #[error("{} is not the signing key it should be ({why}); move it away and log-ins start anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// In whose name tokens are made and for whom: `iss` and `aud`. With the store's epoch in it, a token of
/// one server is not good at another.
#[derive(Clone, Debug)]
pub struct Realm {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// The signing keys of this node, and the public keys of all.
pub struct Keys {
    dir: PathBuf,
    clock: Clock,
    realm: Realm,
    validation: Validation,
    ring: RwLock<Ring>,
}

struct Ring {
    rotation: Duration,
    /// This node's, the newest last.
    own: Vec<Own>,
    /// Other nodes', by `kid`.
    others: BTreeMap<String, (Key, DecodingKey)>,
}

/// A key of this node.
struct Own {
    kid: String,
    created_at: Millis,
    public: [u8; 32],
    signs: EncodingKey,
    verifies: DecodingKey,
    path: PathBuf,
}

impl Keys {
    /// Reads the keys in `dir`, which is made if it is not there; makes the first one, or a new one when
    /// the newest is older than `rotation`.
    pub fn open(dir: &Path, clock: Clock, realm: Realm, rotation: Duration) -> Result<Self, Error> {
        files::prepare(dir)?;
        let mut own = Vec::new();
        for (path, created_at, kid) in files::list(dir)? {
            let key = Own::new(&files::read(&path)?, created_at, path)?;
            if key.kid != kid {
                let why = format!("its key id is {}", key.kid);
                return Err(Error::Damaged {
                    path: key.path,
                    why,
                });
            }
            own.push(key);
        }
        own.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
        let validation = token::validation(&realm.issuer, &realm.audience);
        let ring = RwLock::new(Ring {
            rotation,
            own,
            others: BTreeMap::new(),
        });
        let keys = Self {
            dir: dir.to_owned(),
            clock,
            realm,
            validation,
            ring,
        };
        keys.rotate_if_due(rotation)?;
        Ok(keys)
    }

    /// Makes a new key when the newest is older than `rotation`; forgets and deletes those whose tokens
    /// have all run out. Tells whether [`Keys::public`] changed. To be called hourly; it writes files.
    pub fn rotate_if_due(&self, rotation: Duration) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut ring = self.write();
        let mut changed = ring.rotation != rotation;
        ring.rotation = rotation;
        if ring
            .own
            .last()
            .is_none_or(|newest| now.since(newest.created_at) >= rotation)
        {
            // Never earlier than the one before: the newest signs, even when the clock was put back.
            let created_at = ring.own.last().map_or(now, |newest| {
                now.max(newest.created_at.plus(Duration::from_millis(1)))
            });
            let key = SigningKey::from_bytes(&random());
            let path = self.dir.join(files::name(created_at, &key_id(&key)));
            files::write(&path, &key)?;
            ring.own.push(Own::new(&key, created_at, path)?);
            changed = true;
        }
        while let [oldest, next, ..] = ring.own.as_slice() {
            if now.since(next.created_at) <= LONGEST_TOKEN {
                break;
            }
            files::remove(&oldest.path)?;
            ring.own.remove(0);
            changed = true;
        }
        ring.others.retain(|_, (key, _)| key.expires_at > now);
        Ok(changed)
    }

    /// The public halves of this node's keys, for the store.
    pub fn public(&self) -> Vec<Key> {
        self.read().own_public()
    }

    /// Takes the public key of another node; one of ours is left as it is.
    pub fn add_public(&self, key: Key) {
        let mut ring = self.write();
        if ring.own.iter().all(|own| own.kid != key.kid) {
            let verifies = DecodingKey::from_ed_der(&key.public);
            ring.others.insert(key.kid.clone(), (key, verifies));
        }
    }

    /// All public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> Value {
        let ring = self.read();
        let mut keys = ring.own_public();
        keys.extend(ring.others.values().map(|(key, _)| key.clone()));
        let keys: Vec<_> = keys.iter().map(jwk).collect();
        json!({ "keys": keys })
    }

    /// An access token for a session, good from now for `ttl`.
    pub fn issue(&self, sub: UserId, sid: SessionId, ttl: Duration) -> (String, Claims) {
        let now = self.clock.now();
        let claims = Claims {
            sub,
            sid,
            iss: self.realm.issuer.clone(),
            aud: self.realm.audience.clone(),
            iat: now.unix_seconds(),
            exp: now.plus(ttl.min(LONGEST_TOKEN)).unix_seconds(),
        };
        (self.sign(&claims), claims)
    }

    /// Signs with the newest key.
    pub fn sign(&self, claims: &Claims) -> String {
        let ring = self.read();
        let newest = ring
            .own
            .last()
            .expect("open made a key, and the newest is never removed");
        token::sign(claims, &newest.kid, &newest.signs)
    }

    /// Reads a token: the signature first, then everything it says, then whether its time is over.
    pub fn verify(&self, token: &str, now: Millis) -> Result<Claims, TokenError> {
        let kid = token::key_id(token).ok_or(TokenError::Invalid)?;
        let ring = self.read();
        let own = ring
            .own
            .iter()
            .find(|own| own.kid == kid)
            .map(|own| &own.verifies);
        let other = || {
            let (key, verifies) = ring.others.get(&kid)?;
            (key.expires_at > now).then_some(verifies)
        };
        let key = own.or_else(other).ok_or(TokenError::Invalid)?;
        token::verify(token, key, &self.validation, now)
    }

    // Nothing panics while the lock is held; a poisoned ring would still be a whole one.
    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ring> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Ring {
    fn own_public(&self) -> Vec<Key> {
        let replaced = self
            .own
            .iter()
            .skip(1)
            .map(|next| next.created_at.plus(LONGEST_TOKEN));
        let newest = self.own.last().map(|newest| {
            newest
                .created_at
                .plus(self.rotation)
                .plus(LATENESS)
                .plus(LONGEST_TOKEN)
        });
        let expiries = replaced.chain(newest);
        self.own
            .iter()
            .zip(expiries)
            .map(|(own, expires_at)| Key {
                kid: own.kid.clone(),
                public: own.public,
                created_at: own.created_at,
                expires_at,
            })
            .collect()
    }
}

impl Own {
    fn new(key: &SigningKey, created_at: Millis, path: PathBuf) -> Result<Self, Error> {
        let public = key.verifying_key().to_bytes();
        let der = match key.to_pkcs8_der() {
            Ok(der) => der,
            Err(e) => {
                return Err(Error::Damaged {
                    path,
                    why: e.to_string(),
                });
            }
        };
        Ok(Self {
            kid: key_id(key),
            created_at,
            public,
            signs: EncodingKey::from_ed_der(der.as_bytes()),
            verifies: DecodingKey::from_ed_der(&public),
            path,
        })
    }
}

/// Twelve bytes of the public key's SHA-256: enough that no two keys of an installation share them.
fn key_id(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(&[key.verifying_key().as_bytes()])[..12])
}

fn jwk(key: &Key) -> Value {
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": key.kid,
        "x": URL_SAFE_NO_PAD.encode(key.public),
    })
}
