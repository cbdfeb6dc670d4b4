//! Refresh tokens: how a session goes on when its access token has run out.
//!
//! A token is `cr_` and 64 bytes in base64url: the session's id, an anchor that stays for the session's
//! life, and a secret that every use replaces. The session keeps digests of them. A successor's secret is
//! computed from the one before and a seed in the session, so when the answer is lost, or two tabs refresh
//! at once, asking again gives the same successor. Everything here is computed; the caller writes the
//! session, and on a stale write reads it again and asks again.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Secret, random, sha256};
use crate::{clock::Millis, id::SessionId, model::Session};

/// How long the token before the newest is still answered, by the wire contract.
pub const GRACE: Duration = Duration::from_mins(10);

const PREFIX: &str = "cr_";

/// A first token, and what the new session keeps of it.
#[derive(Debug)]
pub struct Issued {
    /// For the client.
    pub token: Secret,
    /// For [`Session::anchor`].
    pub anchor: [u8; 32],
    /// For [`Session::current`].
    pub current: [u8; 32],
    /// For [`Session::seed`].
    pub seed: [u8; 32],
}

/// A token that somebody presents, taken apart; nothing about it is proved yet.
#[derive(Clone)]
pub struct Presented {
    /// The session it names.
    pub session: SessionId,
    anchor: [u8; 16],
    secret: [u8; 32],
}

/// What a presented token is worth.
#[derive(Debug)]
pub enum Verdict {
    /// It is the newest: answer `token` once `next` is stored.
    Rotate {
        /// For the client.
        token: Secret,
        /// The session from here on.
        next: Box<Session>,
    },
    /// It is the one before, and its successor was not used yet: answer `token`, the same successor.
    Repeat {
        /// For the client.
        token: Secret,
    },
    /// It was good long ago: somebody has a copy. The session must end.
    Reused,
    /// It is not a token of this session, or the session is over.
    Wrong,
}

/// The first token of a session.
pub fn issue(session: SessionId) -> Issued {
    let (anchor, secret) = (random(), random());
    Issued {
        token: write(session, &anchor, &secret),
        anchor: anchor_digest(&anchor),
        current: secret_digest(&secret),
        seed: random(),
    }
}

/// Takes a token apart; `None` when it is not shaped like one.
pub fn parse(text: &str) -> Option<Presented> {
    let mut bytes = [0; 64];
    let body = text.strip_prefix(PREFIX).filter(|body| body.len() == 86)?;
    let length = URL_SAFE_NO_PAD.decode_slice(body, &mut bytes).ok()?;
    let (session, rest) = bytes.get(..length)?.split_first_chunk()?;
    let (anchor, rest) = rest.split_first_chunk()?;
    let secret = rest.try_into().ok()?;
    Some(Presented {
        session: SessionId::from_bytes(*session),
        anchor: *anchor,
        secret,
    })
}

/// What `presented` is worth for `session`; `lifetime` is how long a session lasts unused.
pub fn present(
    session: &Session,
    presented: &Presented,
    now: Millis,
    lifetime: Duration,
) -> Verdict {
    let over = session.ended_at.is_some() || session.expires_at <= now;
    let ours =
        presented.session == session.id && same(&anchor_digest(&presented.anchor), &session.anchor);
    if over || !ours {
        return Verdict::Wrong;
    }
    let digest = secret_digest(&presented.secret);
    if same(&digest, &session.current) {
        let seed = random();
        let secret = successor(&presented.secret, &seed);
        let next = Session {
            current: secret_digest(&secret),
            previous: Some(session.current),
            seed,
            rotated_at: now,
            used_at: now,
            expires_at: now.plus(lifetime),
            version: session.version + 1,
            ..session.clone()
        };
        let token = write(session.id, &presented.anchor, &secret);
        return Verdict::Rotate {
            token,
            next: Box::new(next),
        };
    }
    let is_previous = session
        .previous
        .is_some_and(|previous| same(&digest, &previous));
    if is_previous && now.since(session.rotated_at) <= GRACE {
        let secret = successor(&presented.secret, &session.seed);
        if same(&secret_digest(&secret), &session.current) {
            return Verdict::Repeat {
                token: write(session.id, &presented.anchor, &secret),
            };
        }
    }
    Verdict::Reused
}

/// The secret after `secret`. Who has only the store's content (the seed) cannot compute it, nor can who
/// has only the old token.
fn successor(secret: &[u8; 32], seed: &[u8; 32]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(seed);
    mac.finalize().into_bytes().into()
}

fn anchor_digest(anchor: &[u8; 16]) -> [u8; 32] {
    sha256(&[b"chatd anchor", anchor])
}

fn secret_digest(secret: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"chatd refresh", secret])
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

fn write(session: SessionId, anchor: &[u8; 16], secret: &[u8; 32]) -> Secret {
    let mut bytes = [0; 64];
    bytes[..16].copy_from_slice(session.as_bytes());
    bytes[16..32].copy_from_slice(anchor);
    bytes[32..].copy_from_slice(secret);
    Secret::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::UserId;

    const DAY: Duration = Duration::from_hours(24);
    const START: Millis = Millis(1_795_000_000_000);

    /// A client with its token, and the session as the store has it.
    fn login() -> (Secret, Session) {
        let id = SessionId::new(START);
        let issued = issue(id);
        let session = Session {
            id,
            user: UserId::new(START),
            device: None,
            address: None,
            created_at: START,
            used_at: START,
            expires_at: START.plus(30 * DAY),
            ended_at: None,
            anchor: issued.anchor,
            current: issued.current,
            previous: None,
            seed: issued.seed,
            rotated_at: START,
            version: 1,
            scopes: None,
        };
        (issued.token, session)
    }

    fn ask(session: &Session, token: &Secret, now: Millis) -> Verdict {
        present(session, &parse(token.expose()).unwrap(), now, 30 * DAY)
    }

    fn rotate(session: &mut Session, token: &Secret, now: Millis) -> Secret {
        match ask(session, token, now) {
            Verdict::Rotate { token, next } => {
                *session = *next;
                token
            }
            other => panic!("expected a new token, not {other:?}"),
        }
    }

    fn repeat(session: &Session, token: &Secret, now: Millis) -> Secret {
        match ask(session, token, now) {
            Verdict::Repeat { token } => token,
            other => panic!("expected the same token again, not {other:?}"),
        }
    }

    #[test]
    fn each_use_gives_a_new_token_and_a_longer_life() {
        let (first, mut session) = login();
        let now = START.plus(DAY);
        let second = rotate(&mut session, &first, now);
        assert_ne!(first.expose(), second.expose());
        assert_eq!((session.version, session.used_at), (2, now));
        assert_eq!(session.expires_at, now.plus(30 * DAY));
        let third = rotate(&mut session, &second, now.plus(DAY));
        assert_ne!(second.expose(), third.expose());
    }

    #[test]
    fn a_lost_answer_is_given_again() {
        let (first, mut session) = login();
        let second = rotate(&mut session, &first, START);
        let late = START.plus(GRACE);
        assert_eq!(repeat(&session, &first, late).expose(), second.expose());
        assert_eq!(repeat(&session, &first, late).expose(), second.expose());
        rotate(&mut session, &second, late);
    }

    #[test]
    fn two_tabs_at_once_end_with_one_token() {
        let (first, mut session) = login();
        // Both read the session and are told to rotate; the store takes the first, and the second reads
        // again.
        assert!(matches!(
            ask(&session, &first, START),
            Verdict::Rotate { .. }
        ));
        let second = rotate(&mut session, &first, START);
        assert_eq!(repeat(&session, &first, START).expose(), second.expose());
    }

    #[test]
    fn an_old_token_betrays_a_copy() {
        let (first, mut session) = login();
        let second = rotate(&mut session, &first, START);
        let too_late = START.plus(GRACE + Duration::from_millis(1));
        assert!(matches!(ask(&session, &first, too_late), Verdict::Reused));
        // The successor was used: not even at once is the first one good.
        rotate(&mut session, &second, START);
        assert!(matches!(ask(&session, &first, START), Verdict::Reused));
        repeat(&session, &second, START);
    }

    #[test]
    fn a_guess_ends_nothing() {
        let (token, mut session) = login();
        let (other, _) = login();
        assert!(matches!(ask(&session, &other, START), Verdict::Wrong));
        let mut guess = parse(token.expose()).unwrap();
        guess.anchor[0] ^= 1;
        assert!(matches!(
            present(&session, &guess, START, DAY),
            Verdict::Wrong
        ));
        assert!(matches!(
            ask(&session, &token, START.plus(30 * DAY)),
            Verdict::Wrong
        ));
        session.ended_at = Some(START);
        assert!(matches!(ask(&session, &token, START), Verdict::Wrong));
    }

    #[test]
    fn only_what_is_shaped_like_a_token_parses() {
        let (token, session) = login();
        let text = token.expose();
        assert_eq!(parse(text).unwrap().session, session.id);
        let padded = format!("{text}==");
        let upper = text.replacen("cr_", "CR_", 1);
        for bad in [
            "",
            "cr_",
            &text[3..],
            &text[..88],
            &padded,
            &upper,
            &text.replacen("cr_", "cr_é", 1),
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{:?}", parse(text)).contains("secret"));
    }

    proptest! {
        /// Whatever is asked in whatever order: the newest token rotates, the one before repeats, every
        /// older one is noticed.
        #[test]
        fn at_most_two_tokens_are_good(asks in prop::collection::vec(0usize..6, 1..40)) {
            let (first, mut session) = login();
            let mut tokens = vec![first];
            for back in asks {
                let Some(at) = tokens.len().checked_sub(1 + back) else { continue };
                match (back, ask(&session, &tokens[at], START)) {
                    (0, Verdict::Rotate { token, next }) => {
                        session = *next;
                        tokens.push(token);
                    }
                    (1, Verdict::Repeat { token }) => {
                        prop_assert_eq!(token.expose(), tokens[at + 1].expose());
                    }
                    (2.., Verdict::Reused) => {}
                    (back, other) => prop_assert!(false, "{back} back gave {other:?}"),
                }
            }
        }
    }
}
