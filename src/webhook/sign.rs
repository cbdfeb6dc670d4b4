//! Signatures of deliveries, by the Standard Webhooks scheme: HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes: as the scheme has it.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// How many secrets there are at most: the one in use, and an older one.
const MOST: usize = 2;
/// With padding or without: tools differ.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What deliveries are signed with.
#[derive(Clone)]
pub(super) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// Reads them, a line each. An error is the end of a sentence that names the setting, and has nothing of them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err(format!("there is no secret in it; {HOW}")),
            1..=MOST => Ok(Self(keys)),
            more => Err(format!(
                "has {more} secrets; the one in use and an older one are the most"
            )),
        }
    }

    /// The `webhook-signature` of a delivery: one for each secret.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed: Vec<_> = self
            .0
            .iter()
            .map(|key| {
                // A key of any length will do.
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(body);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            })
            .collect();
        signed.join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

const HOW: &str = "make one with: echo whsec_$(openssl rand -base64 32)";

fn key(line: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let wrong = |why: &str| format!("{why}; {HOW}");
    let body = line
        .strip_prefix(PREFIX)
        .ok_or_else(|| wrong("does not begin with whsec_"))?;
    let bytes = ENGINE
        .decode(body)
        .map_err(|_| wrong("is not base64 behind whsec_"))?;
    let bytes = Zeroizing::new(bytes);
    if LENGTHS.contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(wrong(&format!(
        "has {} bytes behind whsec_, and 24 to 64 it must be",
        bytes.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_scheme_has_it() {
        // The example of the Standard Webhooks specification.
        let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signed = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_are_two_signatures() {
        let two = Secrets::parse(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        let signed = two.unwrap().sign("a", 1, b"b");
        assert_eq!(
            signed.split(' ').filter(|it| it.starts_with("v1,")).count(),
            2
        );
    }

    #[test]
    fn what_is_no_secret_is_told_without_it() {
        for (text, why) in [
            ("", "no secret"),
            ("s3cret", "does not begin"),
            ("whsec_s3cret!", "is not base64"),
            ("whsec_s3cr", "has 3 bytes"),
            (
                "whsec_s3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3crs3cr",
                "has 66",
            ),
        ] {
            let told = Secrets::parse(text).unwrap_err();
            assert!(
                told.contains(why) && !told.contains("s3cr"),
                "{text}: {told}"
            );
        }
        let line = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
        assert!(
            Secrets::parse(&line.repeat(3))
                .unwrap_err()
                .contains("3 secrets")
        );
        assert!(!format!("{:?}", Secrets::parse(line).unwrap()).contains("MfKQ"));
    }
}
