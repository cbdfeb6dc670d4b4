//! One-time codes: for an invitation, or to set the first or a new password of one account.
//!
//! They are read aloud and typed from paper, so they are Crockford's base32: no letter that looks like a
//! digit, and what is mistaken for one is understood.

use std::{fmt, str::FromStr};

use super::{random, sha256};
use crate::model::CodeHash;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 letters of 5 bits hold 128 bits.
const LETTERS: u32 = 26;

/// A one-time code: 128 random bits. The store keeps its [`OneTimeCode::hash`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(u128);

/// The text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a code; a code is 26 letters and digits, like k3fq-9x2m-…")]
pub struct InvalidCode;

impl OneTimeCode {
    /// A new code.
    pub fn generate() -> Self {
        Self(u128::from_be_bytes(random()))
    }

    /// What the store keeps of it. Plain SHA-256 is enough: nobody guesses 128 random bits.
    pub fn hash(&self) -> CodeHash {
        sha256(&[b"chatd code", &self.0.to_be_bytes()])
    }
}

impl FromStr for OneTimeCode {
    type Err = InvalidCode;

    /// In either case, with spaces and hyphens anywhere; `o` is 0, `i` and `l` are 1.
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let mut value: u128 = 0;
        let mut letters = 0;
        for c in text
            .bytes()
            .filter(|c| !c.is_ascii_whitespace() && *c != b'-')
        {
            let c = match c.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                c => c,
            };
            let digit = (0u128..)
                .zip(ALPHABET)
                .find(|(_, a)| **a == c)
                .ok_or(InvalidCode)?
                .0;
            value = value.checked_mul(32).ok_or(InvalidCode)? | digit;
            letters += 1;
        }
        if letters == LETTERS {
            Ok(Self(value))
        } else {
            Err(InvalidCode)
        }
    }
}

impl fmt::Display for OneTimeCode {
    /// In groups of four, with hyphens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in 0..LETTERS {
            if i > 0 && i % 4 == 0 {
                f.write_str("-")?;
            }
            let digit = (self.0 >> (5 * (LETTERS - 1 - i))) & 31;
            let letter = ALPHABET[usize::try_from(digit).unwrap_or(0)];
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_survives_being_typed(bits: u128) {
            let code = OneTimeCode(bits);
            let text = code.to_string();
            prop_assert_eq!(text.len(), 32);
            for typed in [
                text.clone(),
                text.to_uppercase(),
                text.replace('-', " "),
                format!("  {} ", text.replace('-', "")),
                text.replace('0', "O").replace('1', "l"),
            ] {
                prop_assert_eq!(typed.parse::<OneTimeCode>(), Ok(code.clone()));
            }
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let good = OneTimeCode(u128::MAX).to_string();
        assert!(good.starts_with("7zzz-"));
        for bad in [
            "",
            "-",
            "k3fq",
            &good[1..],
            &format!("{good}0"),
            &format!("z{}", &good[1..]),
            &good.replacen('z', "u", 1),
            &good.replacen('z', "é", 1),
        ] {
            assert!(bad.parse::<OneTimeCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_code_is_not_printed_by_accident_and_hashes_apart() {
        let (a, b) = (OneTimeCode::generate(), OneTimeCode::generate());
        assert_ne!(a.hash(), b.hash());
        assert_eq!(format!("{a:?}"), "OneTimeCode(***)");
    }
}
