//! The hash chain over the control log, by which it is noticed when somebody changes a line of it.
//!
//! What is hashed is described in `docs/audit.md`, so that others can check it too: it must not change.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Millis,
    model::{Act, Head, Personal},
};

/// The members of an act that the chain does not cover: the hash itself, and what may be erased.
const BARE: [&str; 2] = ["hash", "personal"];

/// The hash of an act that follows the one with hash `previous` and stands at `head` in the control log.
///
/// It covers everything of the act but the values in `personal`, of which it covers the salted digest: so
/// that erasing a person's particulars leaves the chain whole.
pub fn chain_hash(previous: &str, head: Head, act: &Act) -> String {
    let act = serde_json::to_value(act).unwrap_or_default();
    hash_of(previous, head.seq, head.at, &act)
}

/// The same for an act as JSON, whatever members it has.
pub(super) fn hash_of(previous: &str, seq: u64, at: Millis, act: &Value) -> String {
    let mut bare = act.clone();
    if let Value::Object(members) = &mut bare {
        for name in BARE {
            members.remove(name);
        }
    }
    let text = format!("{previous}\n{seq}\n{}\n{}", at.0, canonical(&bare));
    hex(&Sha256::digest(text))
}

/// The digest that stands for a person's particulars in the chain.
pub fn personal_digest(personal: &Personal) -> String {
    let fields = serde_json::to_value(&personal.fields).unwrap_or_default();
    digest_of(&personal.salt, &fields)
}

/// The same for particulars as JSON.
pub(super) fn digest_of(salt: &str, fields: &Value) -> String {
    hex(&Sha256::digest(format!("{salt}\n{}", canonical(fields))))
}

/// A value as JSON without spaces, the members of objects sorted by their names: the same bytes every time,
/// in whatever order they were written or stored.
fn canonical(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value);
    out
}

fn put(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                put(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (i, (name, member)) in sorted.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                put(out, member);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
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
    use crate::model::Actor;

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
    fn the_form_is_one_whatever_the_order() {
        let text = r#"{"b":[1,{"z":null,"a":"\u00e9\n\"\u0001"}],"a":-5,"B":true,"aa":{}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            canonical(&value),
            "{\"B\":true,\"a\":-5,\"aa\":{},\"b\":[1,{\"a\":\"\u{e9}\\n\\\"\\u0001\",\"z\":null}]}"
        );
    }

    #[test]
    fn the_hash_is_what_the_documentation_says() {
        // Made with sha256sum, of the lines in docs/audit.md.
        let act = serde_json::json!({
            "actor": {"origin": {"door": "server"}}, "act": "key.create", "target": "k1", "hash": "x",
            "personal": {"salt": "00", "fields": {}},
        });
        assert_eq!(
            hash_of("", 1, Millis(1_795_000_000_000), &act),
            "a67f051eea80ee5eb4dba40db611fe41312fc9a66d09dabb082cd95b0508ac41"
        );
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
