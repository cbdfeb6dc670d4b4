//! Access tokens: what they say, and the only way in which they are signed and read.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    id::{SessionId, UserId},
};

/// Longer than any token of ours; what is longer is not looked at.
const MAX_LENGTH: usize = 2048;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose it is.
    pub sub: UserId,
    /// In which session.
    pub sid: SessionId,
    /// Who made it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// From when on it is not good any more, in seconds since 1970.
    pub exp: i64,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was, and its time is over.
    #[error("the access token has expired")]
    Expired,
    /// It is not one of ours.
    #[error("the access token is not valid")]
    Invalid,
}

/// By how many seconds the clocks of two nodes may differ.
const AHEAD: i64 = 60;

/// The `kid` that a token names; it proves nothing.
pub(super) fn key_id(token: &str) -> Option<String> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    decode_header(token).ok()?.kid
}

/// What a validation of this realm insists on: `EdDSA` and nothing else, every claim there. Time is not left
/// to the library, which asks the machine's clock.
pub(super) fn validation(iss: &str, aud: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[iss]);
    validation.set_audience(&[aud]);
    validation.validate_exp = false;
    validation.leeway = 0;
    validation
}

pub(super) fn sign(claims: &Claims, kid: &str, key: &EncodingKey) -> String {
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    // Claims are strings and numbers and the key was read before: neither step can fail.
    encode(&header, claims, key).expect("claims can be signed")
}

pub(super) fn verify(
    token: &str,
    key: &DecodingKey,
    validation: &Validation,
    now: Millis,
) -> Result<Claims, TokenError> {
    let data = decode::<Claims>(token, key, validation).map_err(|_| TokenError::Invalid)?;
    // To the millisecond, without leeway: a token ends when its second begins.
    // One from the future was made under a clock that was wrong, and could be good for years.
    let early = data.claims.iat > now.unix_seconds() + AHEAD;
    if early || now.unix_seconds() >= data.claims.exp {
        return Err(TokenError::Expired);
    }
    Ok(data.claims)
}
