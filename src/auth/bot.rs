//! Bot tokens: long-lived secrets for programs, which go wherever an access token does.
//!
//! A token is `cb_` and 64 bytes in base64url: the bot's id, the session's, and 32 random bytes of which the
//! session keeps a digest. So it is found without an index, and known without the store.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;

use super::{Secret, random, sha256};
use crate::{
    clock::Millis,
    id::{SessionId, UserId},
    model::{DeviceName, Permissions, Session},
};

const PREFIX: &str = "cb_";

/// A token that somebody presents, taken apart; nothing about it is proved yet.
#[derive(Clone)]
pub struct Presented {
    /// The bot it names.
    pub user: UserId,
    /// The session it names.
    pub session: SessionId,
    secret: [u8; 32],
}

/// A new token of a bot, and its session: one that does not rotate, and is good for these things only.
pub fn issue(
    user: UserId,
    name: DeviceName,
    scopes: Permissions,
    (now, expires_at): (Millis, Millis),
) -> (Session, Secret) {
    let (id, secret): (_, [u8; 32]) = (SessionId::new(now), random());
    let bytes = [user.as_bytes(), id.as_bytes(), &secret[..]].concat();
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let digest = digest(&secret);
    let session = Session {
        id,
        user,
        device: Some(name),
        address: None,
        created_at: now,
        used_at: now,
        expires_at,
        ended_at: None,
        anchor: digest,
        current: digest,
        previous: None,
        seed: [0; 32],
        rotated_at: now,
        version: 1,
        scopes: Some(scopes),
    };
    (session, Secret::from(token))
}

/// Takes a token apart; `None` when it is not shaped like one.
pub fn parse(text: &str) -> Option<Presented> {
    let mut bytes = [0; 64];
    let body = text.strip_prefix(PREFIX).filter(|body| body.len() == 86)?;
    let length = URL_SAFE_NO_PAD.decode_slice(body, &mut bytes).ok()?;
    let (user, rest) = bytes.get(..length)?.split_first_chunk()?;
    let (session, secret) = rest.split_first_chunk()?;
    Some(Presented {
        user: UserId::from_bytes(*user),
        session: SessionId::from_bytes(*session),
        secret: secret.try_into().ok()?,
    })
}

impl Presented {
    /// Whether it is the token of which this is the digest; takes as long whichever it is.
    pub fn fits(&self, of: &[u8; 32]) -> bool {
        digest(&self.secret).ct_eq(of).into()
    }
}

fn digest(secret: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"chatd bot token", secret])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_session_and_fits_its_digest_only() {
        let user = UserId::new(Millis(1));
        let issued = || {
            let name = DeviceName::parse("ci").unwrap();
            issue(user, name, Permissions::of(&[]), (Millis(2), Millis(3)))
        };
        let (session, token) = issued();
        let presented = parse(token.expose()).unwrap();
        assert_eq!((presented.user, presented.session), (user, session.id));
        assert!(presented.fits(&session.current));
        assert!(!presented.fits(&issued().0.current));
        for bad in [
            "",
            "cb_",
            "cr_x",
            &token.expose()[1..],
            &format!("{}x", token.expose()),
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
