//! Tickets: what makes a URL good for one file and one session, for a while. Nothing is kept of one; it says what it is
//! for, under the store's secret, and whoever shows it is asked everything again.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;

use super::Files;
use crate::{
    clock::Millis,
    id::{FileId, SessionId, UserId},
    model::{Caller, Refusal},
};

/// How long one is good.
const GOOD: Duration = Duration::from_mins(5);

/// What the secret is used for here, and nowhere else.
const PURPOSE: &[u8] = b"chatd file ticket 1";

/// The bytes of one: when it runs out, whose it is, which session's; and what proves that.
const SAID: usize = 8 + 16 + 16;

/// Leave to read one file, for a while.
#[derive(Clone)]
pub struct Ticket {
    /// For the URL; as good as a token for this one file.
    pub text: String,
    /// Until when it is good.
    pub expires_at: Millis,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// Makes a ticket for a file that the caller may have.
    pub async fn issue(&self, caller: &Caller, id: FileId) -> Result<Ticket, Refusal> {
        self.file(caller, id).await?;
        let expires_at = self.clock.now().plus(GOOD);
        let whose = (caller.user, caller.session);
        let text = write(&self.store.secret(), id, whose, expires_at);
        Ok(Ticket { text, expires_at })
    }

    /// Whose session a ticket for this file is of, if it is one and still good. Whether that session is, and may
    /// have the file, is for whoever asks to find out.
    pub fn redeem(&self, id: FileId, text: &str) -> Result<(UserId, SessionId), Refusal> {
        let wrong = || Refusal::Unauthorized("this ticket is not valid for this file".into());
        let (user, session, at) = read(&self.store.secret(), id, text).ok_or_else(wrong)?;
        if at <= self.clock.now() {
            let why = "this ticket has run out; get a new one";
            return Err(Refusal::Unauthorized(why.into()));
        }
        Ok((user, session))
    }
}

fn write(secret: &[u8; 32], id: FileId, whose: (UserId, SessionId), expires_at: Millis) -> String {
    let mut bytes = expires_at.0.to_be_bytes().to_vec();
    bytes.extend(whose.0.as_bytes());
    bytes.extend(whose.1.as_bytes());
    let proof = proof(secret, id, &bytes).finalize().into_bytes();
    bytes.extend(proof);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a ticket says; none where that was not written here, for this file.
fn read(secret: &[u8; 32], id: FileId, text: &str) -> Option<(UserId, SessionId, Millis)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (said, shown) = bytes.split_at_checked(SAID)?;
    proof(secret, id, said).verify_slice(shown).ok()?;
    let (at, ids) = said.split_at(8);
    let (user, session) = ids.split_at(16);
    Some((
        UserId::from_bytes(user.try_into().ok()?),
        SessionId::from_bytes(session.try_into().ok()?),
        Millis(i64::from_be_bytes(at.try_into().ok()?)),
    ))
}

fn proof(secret: &[u8; 32], id: FileId, said: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(id.as_bytes());
    mac.update(said);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_what_it_was_written_for() {
        let (secret, now) = ([7; 32], Millis(1_800_000_000_000));
        let (id, user, session) = (FileId::new(now), UserId::new(now), SessionId::new(now));
        let text = write(&secret, id, (user, session), now);
        assert_eq!(read(&secret, id, &text), Some((user, session, now)));
        assert_eq!(read(&[8; 32], id, &text), None);
        assert_eq!(read(&secret, FileId::new(now), &text), None);
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for i in 0..bytes.len() {
            let mut other = bytes.clone();
            other[i] ^= 1;
            let other = URL_SAFE_NO_PAD.encode(other);
            assert_eq!(read(&secret, id, &other), None, "byte {i}");
            assert_eq!(
                read(&secret, id, &URL_SAFE_NO_PAD.encode(&bytes[..i])),
                None
            );
        }
        assert_eq!(read(&secret, id, ""), None);
        assert_eq!(read(&secret, id, "\u{fc}"), None);
    }
}
