//! The hash chain over the control log, by which it is noticed when somebody changes a line of it.

use sha2::{Digest as _, Sha256};

use crate::model::{Act, Head, Personal};

/// The hash of an act that follows the one with hash `previous` and stands at `head` in the control log.
///
/// It covers everything of the act but the values in `personal`, of which it covers the salted digest: so
/// that erasing a person's particulars leaves the chain whole.
pub fn chain_hash(previous: &str, head: Head, act: &Act) -> String {
    let bare = Act {
        personal: None,
        hash: String::new(),
        ..act.clone()
    };
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(head.seq.to_be_bytes());
    hash.update(head.at.0.to_be_bytes());
    // Fields in the order of their declaration, `detail` with sorted keys: the same bytes every time.
    hash.update(serde_json::to_vec(&bare).unwrap_or_default());
    hex(&hash.finalize())
}

/// The digest that stands for a person's particulars in the chain.
pub fn personal_digest(personal: &Personal) -> String {
    let mut hash = Sha256::new();
    hash.update(personal.salt.as_bytes());
    hash.update(serde_json::to_vec(&personal.fields).unwrap_or_default());
    hex(&hash.finalize())
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
            let _infallible = write!(text, "{b:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Millis, model::Actor};

    fn act() -> Act {
        let fields = [("address".to_owned(), "192.0.2.1".to_owned())].into();
        let personal = Personal {
            salt: "00ff".into(),
            fields,
        };
        Act {
            act: "user.create".into(),
            actor: Actor::server(),
            target: Some("x".into()),
            detail: serde_json::json!({"b": 1, "a": 2}),
            personal_digest: Some(personal_digest(&personal)),
            personal: Some(personal),
            hash: String::new(),
        }
    }

    #[test]
    fn erasing_particulars_keeps_the_hash_and_changing_them_does_not_pass() {
        let head = Head {
            seq: 7,
            n: 0,
            at: Millis(9),
        };
        let hash = chain_hash("before", head, &act());
        let erased = Act {
            personal: None,
            ..act()
        };
        assert_eq!(chain_hash("before", head, &erased), hash);
        let mut changed = act();
        changed.personal_digest = Some("other".into());
        assert_ne!(chain_hash("before", head, &changed), hash);
    }

    #[test]
    fn every_part_counts() {
        let head = Head {
            seq: 7,
            n: 0,
            at: Millis(9),
        };
        let hash = chain_hash("before", head, &act());
        let other = Act {
            target: Some("y".into()),
            ..act()
        };
        assert_ne!(chain_hash("after", head, &act()), hash);
        assert_ne!(chain_hash("before", Head { seq: 8, ..head }, &act()), hash);
        assert_ne!(
            chain_hash(
                "before",
                Head {
                    at: Millis(1),
                    ..head
                },
                &act()
            ),
            hash
        );
        assert_ne!(chain_hash("before", head, &other), hash);
    }
}
